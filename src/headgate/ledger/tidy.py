"""Housekeeping of the books: room that nobody uses goes back to the store, callers who are gone are forgotten."""

import asyncio

import msgspec

from headgate.core.call import Record
from headgate.ledger.accounts import UNASKED, Purse
from headgate.ledger.grants import GrantStore

IDLE_SHARED = 0.1
IDLE_ALONE = 60.0
RENEW_SECONDS = 20.0


class Tidy:
    """Looks after the purses that have moved; asleep while there are none."""

    def __init__(self, purses: dict[str, Purse], store: GrantStore) -> None:
        self._purses = purses
        self._store = store
        self._watched: set[Purse] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._every = (IDLE_ALONE if store.alone else IDLE_SHARED) / 2
        self._renewed = 0.0

    def watch(self, purse: Purse) -> None:
        """Look at *purse* until it is empty."""
        self._watched.add(purse)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._round)

    def stop(self) -> None:
        """No more rounds."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _round(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for purse in list(self._watched):
            self._look(purse)
        if loop.time() - self._renewed >= RENEW_SECONDS:
            self._renewed = loop.time()
            self._store.renew()
        if self._watched:
            self._timer = loop.call_later(self._every, self._round)

    def _look(self, purse: Purse) -> None:
        """Give back what has been free for two rounds."""
        if purse.meter is not None:
            purse.meter.rest()
        for account in purse.accounts:
            account.still += 1
            if account.still >= 2 and account.free > 0 and not purse.queue:
                self._store.give(account.scope, account.free)
                account.free, account.asked = 0, UNASKED
        if all(account.free == 0 for account in purse.accounts):
            if purse.idle():
                self._watched.discard(purse)
                self._purses.pop(purse.who.id, None)
            elif purse.accounts and purse.meter is None:
                self._watched.discard(purse)  # what is held brings it back when it ends


def cleaned(record: Record) -> Record:
    """Return *record* without what JSON may be unable to say: free-form values go, odd characters become marks."""
    values = {}
    for name in Record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, str):
            value = value.encode("utf-8", "replace").decode()
        values[name] = value
    attempts = tuple(msgspec.structs.replace(each, error=None) for each in record.attempts)
    free = {"metadata": None, "parameters": None, "tags": (), "attempts": attempts, "dropped": (), "defaulted": ()}
    return Record(**{**values, **free})
