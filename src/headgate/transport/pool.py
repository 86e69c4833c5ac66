"""The connections to one origin: the last one used goes out first, and when none is left callers wait in line."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from time import monotonic

import msgspec

from headgate.core.errors import UpstreamFailed
from headgate.transport import failures
from headgate.transport.base import Origin
from headgate.transport.clock import Clock
from headgate.transport.connection import Connection


class Bounds(msgspec.Struct, frozen=True):
    """How much a sender may keep. Times are seconds."""

    connections: int = 256
    """Open at once, per origin."""
    waiting: int = 1024
    """Callers in line for one, per origin; each waits as long as it would have waited to connect."""
    idle: int = 512
    """Open and unused, over all origins; the longest unused go first."""
    idle_time: float = 60.0
    """Below the 75 seconds and more that many servers grant; a server's own ``Keep-Alive: timeout=`` is kept to."""


class Counts(msgspec.Struct):
    """What a sender has at this moment."""

    open: int = 0
    """Connections, those being made included."""
    idle: int = 0
    waiting: int = 0
    """Callers in line."""


Place = asyncio.Future["Connection | UpstreamFailed | None"]
"""A place in line: it gets a connection, or a refusal, or ``None`` where only the right to connect is passed on."""


class Pool:
    """Connections to *origin*. Each holds a slot from before it is made until it is gone."""

    __slots__ = ("_bounds", "_clock", "_closed", "_dial", "_line", "_slots", "connections", "idle", "origin", "vacant")

    def __init__(
        self, origin: Origin, bounds: Bounds, clock: Clock, dial: "Callable[[Pool, float], Awaitable[Connection]]"
    ) -> None:
        self.origin = origin
        self.connections: set[Connection] = set()
        self.idle: list[Connection] = []
        self._bounds = bounds
        self._clock = clock
        self._dial = dial
        self._slots = 0
        self._line: deque[tuple[Place, float]] = deque()
        self._closed = False
        self.vacant = 0
        """Sweeps in a row that found no connection; one may lie between a caller's two steps."""

    @property
    def counts(self) -> Counts:
        """What it has now."""
        return Counts(self._slots, len(self.idle), len(self._line))

    def take(self) -> Connection | None:
        """Return an idle connection, if there is a good one."""
        idle = self.idle
        now = monotonic()
        while idle:
            connection = idle.pop()
            if connection.expires > now:
                return connection
            connection.abort()
        return None

    async def open(self, timeout: float) -> Connection:
        """Return a new connection or, after waiting in line, one that was handed over. Raise ``UpstreamFailed``."""
        if self._slots >= self._bounds.connections and self.idle:
            self.idle[0].abort()  # a new one is asked for because those in the pool may all be as dead as the last
        while self._slots >= self._bounds.connections or self._closed:
            connection = await self._stand_in_line(timeout)
            if connection is None:
                break
            if not connection.closed:
                return connection
        else:
            self._slots += 1
        try:
            connection = await self._dial(self, timeout)
        except BaseException:
            self._vacate()
            raise
        if connection.closed:  # before this task ran
            self._vacate()
            raise failures.not_connected(self.origin, "it closed the connection at once")
        self.connections.add(connection)
        if self._closed:
            connection.abort()
            raise self._shut()
        return connection

    def release(self, connection: Connection, hint: bytes | None = None) -> None:
        """Take back a connection that can serve another request. *hint* is the server's Keep-Alive header."""
        line = self._line
        while line:
            place, _ = line.popleft()
            if not place.done():
                place.set_result(connection)
                return
        keep = self._bounds.idle_time
        connection.expires = monotonic() + (keep if hint is None else min(keep, _granted(hint)))
        self.idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """A connection is gone: its slot is free."""
        if connection in self.connections:
            self.connections.remove(connection)
            if connection in self.idle:
                self.idle.remove(connection)
            self._vacate()

    def sweep(self, now: float) -> bool:
        """End what has lasted too long; return whether anyone is still waiting for something."""
        self.vacant = 0 if self._slots else self.vacant + 1
        for connection in [c for c in self.idle if c.expires <= now]:
            connection.abort()
        busy = False
        for connection in [c for c in self.connections if c.waiter is not None]:
            busy = True
            connection.expire(now)
        for entry in [e for e in self._line if e[1] <= now]:
            self._line.remove(entry)
            _answer(entry[0], failures.no_room(self.origin, "every one was in use for too long"))
        return busy or bool(self._line)

    def close(self) -> None:
        """Close every connection and turn everyone away."""
        self._closed = True
        for connection in list(self.connections):
            connection.abort()
        while self._line:
            _answer(self._line.popleft()[0], self._shut())

    async def _stand_in_line(self, timeout: float) -> Connection | None:
        if self._closed:
            raise self._shut()
        if len(self._line) >= self._bounds.waiting:
            raise failures.no_room(self.origin, f"{len(self._line)} callers already wait for one")
        place: Place = asyncio.get_running_loop().create_future()
        entry = (place, monotonic() + timeout)
        self._line.append(entry)
        self._clock.hurry()
        try:
            given = await place
        except BaseException:
            if place.cancelled():
                if entry in self._line:
                    self._line.remove(entry)
            else:
                self._pass_on(place.result())  # it was given in the same instant
            raise
        if isinstance(given, UpstreamFailed):
            raise given
        return given

    def _pass_on(self, given: Connection | UpstreamFailed | None) -> None:
        """Give the next in line what somebody got who no longer wants it."""
        if given is None:
            self._vacate()
        elif isinstance(given, Connection) and not given.closed:
            self.release(given)

    def _vacate(self) -> None:
        """Let the next in line connect; without one, a slot is free."""
        while self._line:
            place, _ = self._line.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._slots -= 1

    def _shut(self) -> UpstreamFailed:
        return failures.no_room(self.origin, "the gateway is shutting down")


def _answer(place: Place, failure: UpstreamFailed) -> None:
    # as a result: an exception that nobody came to fetch, being cancelled in the same instant, would be logged
    if not place.done():
        place.set_result(failure)


@lru_cache(maxsize=64)
def _granted(hint: bytes) -> float:
    """Return how long to keep a connection whose server sent ``Keep-Alive: <hint>``: a second less than it grants."""
    found = re.search(rb"timeout\s*=\s*(\d{1,6})", hint)
    return float("inf") if found is None else int(found[1]) - 1.0
