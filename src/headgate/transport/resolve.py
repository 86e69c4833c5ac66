"""Host names to addresses: remembered for a while, and kept through an outage of the name service."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from itertools import zip_longest
from time import monotonic
from typing import Any

import msgspec

FRESH = 30.0
"""Seconds. getaddrinfo does not tell a record's own time to live."""
STALE = 300.0
"""Seconds past that in which an old answer is used while a new one is sought."""
RETRY = 1.0
"""Seconds between two questions about a name whose old answer is still used."""
MAX_NAMES = 1024

Lookup = Callable[[str, int], Coroutine[Any, Any, list[str]]]


async def lookup(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of *host*, the one to try first in front. Raise ``OSError``.

    They are ordered as RFC 8305 asks: families take turns, so that a broken one costs a single try.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))
    preferred = [address for family, address in addresses if family == addresses[0][0]]
    others = [address for family, address in addresses if family != addresses[0][0]]
    ordered = [address for pair in zip_longest(preferred, others) for address in pair if address is not None]
    if not ordered:
        raise OSError("the name has no address")
    return ordered


class Known(msgspec.Struct):
    """What a name meant, when that was learnt, and when it was last asked for."""

    addresses: list[str]
    at: float
    asked: float


class Resolver:
    """Resolve names in the system's way. A slow or failing name service is felt only by names not yet known."""

    def __init__(self, ask: Lookup = lookup) -> None:
        self._lookup = ask
        self._known: dict[tuple[str, int], Known] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return addresses in the order to try them. Raise ``OSError``."""
        key = (host, port)
        known = self._known.get(key)
        now = monotonic()
        if known is not None and now - known.at <= FRESH + STALE:
            if now - known.at > FRESH and now - known.asked > RETRY:
                known.asked = now
                self._ask(key)
            return known.addresses
        return await asyncio.shield(self._ask(key))

    async def close(self) -> None:
        """Give up what is being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _ask(self, key: tuple[str, int]) -> "asyncio.Task[list[str]]":
        """Return the one question about *key* that is under way."""
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._lookup(*key))
            task.add_done_callback(lambda done: self._answered(key, done))
        return task

    def _answered(self, key: tuple[str, int], task: "asyncio.Task[list[str]]") -> None:
        del self._asking[key]
        if task.cancelled() or task.exception() is not None:
            return  # an answer known before stays, until it is too old
        now = monotonic()
        self._known.pop(key, None)
        self._known[key] = Known(task.result(), now, now)
        if len(self._known) > MAX_NAMES:
            del self._known[next(iter(self._known))]
