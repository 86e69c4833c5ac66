"""Host names to addresses: remembered for a while, and kept through an outage of the name service."""

import asyncio
import socket
from time import monotonic
from typing import Any

import msgspec

FRESH = 30.0
"""Seconds. getaddrinfo does not tell a record's own time to live."""
STALE = 300.0
"""Seconds past that in which an old answer is used while a new one is sought."""
MAX_NAMES = 1024

Family = int
Address = tuple[Family, str]


class Known(msgspec.Struct):
    """What a name meant, and when that was learnt."""

    addresses: list[Address]
    at: float


class Resolver:
    """Resolve names in the system's way. A slow or failing name service is felt only by names not yet known."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Known] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Return addresses in the order to try them, families taking turns. Raise ``OSError``."""
        key = (host, port)
        known = self._known.get(key)
        if known is not None:
            age = monotonic() - known.at
            if age <= FRESH:
                return known.addresses
            if age <= FRESH + STALE:
                self._ask(key)
                return known.addresses
        return await asyncio.shield(self._ask(key))

    async def close(self) -> None:
        """Give up what is being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _ask(self, key: tuple[str, int]) -> "asyncio.Task[list[Address]]":
        """Return the one question about *key* that is under way."""
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._lookup(key))
            task.add_done_callback(lambda done: self._answered(key, done))
        return task

    async def _lookup(self, key: tuple[str, int]) -> list[Address]:
        host, port = key
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = _take_turns([(family, str(where[0])) for family, _, _, _, where in found])
        if not addresses:
            raise OSError("the name has no address")
        return addresses

    def _answered(self, key: tuple[str, int], task: "asyncio.Task[list[Address]]") -> None:
        del self._asking[key]
        if task.cancelled() or task.exception() is not None:
            return  # an answer known before stays, until it is too old
        self._known.pop(key, None)
        self._known[key] = Known(task.result(), monotonic())
        if len(self._known) > MAX_NAMES:
            del self._known[next(iter(self._known))]


def _take_turns(addresses: list[Address]) -> list[Address]:
    """Order as RFC 8305 asks: the preferred family first, then one of each, so that a broken family costs one try."""
    unique = list(dict.fromkeys(addresses))
    if not unique:
        return []
    first = [a for a in unique if a[0] == unique[0][0]]
    other = [a for a in unique if a[0] != unique[0][0]]
    ordered: list[Any] = []
    for i in range(max(len(first), len(other))):
        ordered += first[i : i + 1] + other[i : i + 1]
    return ordered
