"""Several keys of one account: taken in turn, and rested for a while when the provider refuses one of them.

A provider of any kind is built once for each key; which of them is asked decides what a call is signed with.
"""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

import msgspec

from headgate.core.call import Operation
from headgate.providers.base import Provider, ProviderConfig, Target
from headgate.providers.raw import Headers
from headgate.transport.base import Outbound

REST = {401: 300.0, 402: 600.0, 403: 60.0, 429: 10.0}
"""Seconds for which a key is not used after such an answer, unless the provider says how long.

403 may be about what was asked and not about the key, so it is not left out for long.
"""
LONGEST = 3600.0


class Ring:
    """Which key is next. Not for several threads; one process has one for each account."""

    __slots__ = ("_clock", "_last", "_until")

    def __init__(self, count: int, clock: Callable[[], float] = monotonic) -> None:
        """*count* keys; *clock* gives monotonic seconds."""
        self._until = [0.0] * count
        """Monotonic seconds until which each key rests."""
        self._last = count - 1
        self._clock = clock

    def pick(self) -> int:
        """Return the key to use: the next one in turn that does not rest, else the one whose rest ends first."""
        now, count = self._clock(), len(self._until)
        for step in range(1, count + 1):
            index = (self._last + step) % count
            if self._until[index] <= now:
                self._last = index
                return index
        return min(range(count), key=self._until.__getitem__)

    def rest(self, index: int, status: int, wait: float | None) -> bool:
        """Take note that an answer to key *index* was not good; return whether another key can be tried instead.

        *wait* is how many seconds the provider asked to wait, if it did.
        """
        if status not in REST:
            return False
        now = self._clock()
        self._until[index] = now + min(REST[status] if wait is None else wait, LONGEST)
        return any(until <= now for until in self._until)

    def resting(self) -> int:
        """Return how many keys rest."""
        now = self._clock()
        return sum(until > now for until in self._until)


class Keyed:
    """An account with several keys. What is not about signing is that of the first."""

    def __init__(self, accounts: Sequence[Provider], ring: Ring | None = None) -> None:
        """*accounts* are the same account, each with another key."""
        first = accounts[0]
        self.name = first.name
        self.kind = first.kind
        self.sender = first.sender
        self.forward = first.forward
        self.prepare = first.prepare
        self.dialects = first.dialects
        self.supports = first.supports
        self.heard = first.heard
        self.ring = ring or Ring(len(accounts))
        self._accounts = accounts

    def __getattr__(self, name: str) -> Any:
        """Return what only some kinds have."""
        return getattr(self._accounts[0], name)

    def outbound(
        self,
        operation: Operation,
        target: Target,
        body: bytes,
        extra: bytes = b"",
        query: bytes = b"",
        *,
        spoken: str = "",
        stream: bool = False,
    ) -> Outbound:
        """Return the request, signed with the next key."""
        index = self.ring.pick()
        made = self._accounts[index].outbound(operation, target, body, extra, query, spoken=spoken, stream=stream)
        made.rest = partial(self.ring.rest, index)
        return made

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the request for any path, signed with the next key."""
        index = self.ring.pick()
        made = self._accounts[index].raw(method, path, query, headers, body)
        made.rest = partial(self.ring.rest, index)
        return made


def keyed(config: ProviderConfig, make: Callable[[ProviderConfig], Provider]) -> Provider:
    """Build the account that *config* describes: with each of its keys, where it has several."""
    keys = list(dict.fromkeys(key for key in (config.api_key, *config.api_keys) if key))
    if len(keys) <= 1:
        return make(msgspec.structs.replace(config, api_key=keys[0] if keys else config.api_key, api_keys=[]))
    return Keyed([make(msgspec.structs.replace(config, api_key=key, api_keys=[])) for key in keys])
