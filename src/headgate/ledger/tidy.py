"""Housekeeping of the books: room that nobody uses goes back to the store, who is gone is forgotten."""

import asyncio
from collections.abc import Iterator
from itertools import chain, islice

import msgspec

from headgate.core.record import Record
from headgate.ledger.accounts import UNASKED, Account
from headgate.ledger.grants import GrantStore
from headgate.ledger.purses import Purse, Purses
from headgate.ledger.soft import Soft

IDLE_SHARED = 0.1
IDLE_ALONE = 600.0
RENEW_SECONDS = 20.0
Known = Account | Soft | Purse | str
AT_ONCE = 1000
"""How many things are looked at before requests have their turn again."""


class Tidy:
    """Goes round everything that is known; asleep while nothing is."""

    def __init__(self, purses: Purses, store: GrantStore) -> None:
        self._purses = purses
        self._store = store
        self._timer: asyncio.Handle | None = None
        self._every = (IDLE_ALONE if store.alone else IDLE_SHARED) / 2
        self._renewed = 0.0

    def wake(self) -> None:
        """Go round until nothing is left."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._round)

    def stop(self) -> None:
        """No more rounds."""
        if self._timer is not None:
            self._timer.cancel()

    def _round(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._renewed >= RENEW_SECONDS:
            self._renewed = loop.time()
            self._store.renew()
        purses = self._purses
        known: Iterator[Known] = chain(
            list(purses.accounts.values()), list(purses.softs.values()), purses.all(), list(purses.meters)
        )
        self._step(known)

    def _step(self, known: Iterator[Known]) -> None:
        loop, purses = asyncio.get_running_loop(), self._purses
        looked = 0
        for one in islice(known, AT_ONCE):
            looked += 1
            if isinstance(one, Account):
                self._look(one)
            elif isinstance(one, str):
                self._rest(one)
            else:
                one.still += 1
                if one.still > 2:
                    purses.forget(one)
        if looked == AT_ONCE:
            self._timer = loop.call_soon(self._step, known)
        elif purses.empty:
            self._timer = None
        else:
            self._timer = loop.call_later(self._every, self._round)

    def _look(self, account: Account) -> None:
        """Give back what has been free for two rounds or more; forget an account of which nothing is left."""
        account.still += 1
        patience = self._store.patience if account.ample else 2
        if account.still < patience or account.line is not None or account.retired or account.offered:
            return
        if account.free > 0:
            account.asked = UNASKED
            account.offer(self._store)
        if not account.held and not account.free and not account.offered:
            self._purses.retire(account)

    def _rest(self, scope: str) -> None:
        meter = self._purses.meters.get(scope)
        if meter is not None:
            meter.rest()
            if meter.idle():
                self._purses.drop(scope)


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
