"""What the processes that serve one installation share, as a worker sees it: rooms, limits, kept answers, wake-ups.

On one machine that is the embedded database or, for a single worker, memory. With a database server every process, on
whatever machine, takes its part from there; with Redis beside it, limits and places in flight come from Redis.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from time import monotonic_ns, time_ns
from typing import TYPE_CHECKING, Any

from headgate.access.home import Home
from headgate.base import Base
from headgate.cache.types import Grounds
from headgate.core.errors import Unavailable
from headgate.ledger.grants import SqlGrants
from headgate.ledger.keeper import LEASE
from headgate.ledger.meters import LocalMeter, Meter
from headgate.limits.gate import LocalGate
from headgate.limits.types import Gate
from headgate.routing.probes import FileProbes, Probes
from headgate.settings import Settings
from headgate.storage.desk import Desk
from headgate.storage.redis import Redis
from headgate.storage.repeats import Repeats
from headgate.storage.responses import KeptResponses
from headgate.storage.sql import Sql
from headgate.storage.switches import Hand, switched
from headgate.storage.wake import CHANNEL, Publisher, Wake, listen, subscribe
from headgate.transport.base import Sender

if TYPE_CHECKING:
    from headgate.limits.redis_rates import RedisRates
    from headgate.limits.server_rates import ServerRates
    from headgate.limits.store import SqlRates

COUNT_SECONDS = 10.0
PROMPT = 100_000_000
"""Nanoseconds: an answer that took longer says too little about how late it is."""
PATIENCE = 60
"""Rounds of 50 ms: so long a caller who pauses is still served when the server goes away, and others who wait for room
are not refused before."""
CAUTION = 4
"""By how much smaller slices of budgets are than one machine would cut them: what a lost machine had stays taken."""
COUNT = """SELECT CAST(COUNT(*) AS BIGINT) FROM journals JOIN nodes ON nodes.id = journals.node
    WHERE journals.closed = ? AND nodes.seen_at > ?"""

log = logging.getLogger("headgate")


class Signals:
    """What wakes a process when the feed has something new, and how it wakes the others."""

    def __init__(self, base: Base) -> None:
        self.wake = Wake()
        self._base = base
        self._publisher: Publisher | None = None
        if base.settings.redis_url is not None:
            self._publisher = Publisher(open_redis(base), prefix_of(base) + CHANNEL)

    def run(self) -> "list[Coroutine[Any, Any, None]]":
        """Return what is to run beside the process, each until cancelled."""
        found: list[Coroutine[Any, Any, None]] = []
        if self._base.settings.database_path() is None:
            found.append(listen(self._base.url, self.wake.poke))
        if self._publisher is not None:
            found.append(subscribe(open_redis(self._base), prefix_of(self._base) + CHANNEL, self.wake.poke))
        return found

    def changed(self) -> None:
        """Tell the others that the feed has something new."""
        if self._publisher is not None:
            self._publisher.tell()

    async def close(self) -> None:
        """Let go of what is open."""
        if self._publisher is not None:
            await self._publisher.close()


class Clock:
    """Nanoseconds since 1970, by the store's clock once that was asked. No jump of this machine's own moves it."""

    __slots__ = ("_ahead",)

    def __init__(self) -> None:
        self._ahead = time_ns() - monotonic_ns()

    def __call__(self) -> int:
        """Return what it is now."""
        return monotonic_ns() + self._ahead

    def set(self, store: int, asked: int) -> None:
        """Take over what the *store* said (microseconds since 1970), *asked* at that monotonic instant."""
        now = monotonic_ns()
        if now - asked < PROMPT:
            self._ahead = store * 1000 - (asked + now) // 2


class Switched:
    """What people have switched by hand, read again when somebody has."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stale = True

    def renew(self) -> None:
        """Have it read again."""
        self._stale = True

    async def news(self) -> Mapping[str, Hand] | None:
        """See ``routing.board.Hands``."""
        if not self._stale:
            return None
        self._stale = False
        try:
            return await self._desk.ask(switched)
        except BaseException:
            self._stale = True
            raise


class Stores:
    """One worker's part in them. ``run`` returns what must be running; ``close`` gives everything back."""

    def __init__(self, base: Base, owner: str, workers: int) -> None:
        """*owner* is the id of the worker's journal, *workers* how many serve this port."""
        self._base = base
        self._server = base.settings.database_path() is None
        self.desk = Desk(base.url)
        processes = max(workers, 2) if self._server else workers
        self._clock = Clock()
        self.clock: Callable[[], int] = self._clock if self._server else time_ns
        """Nanoseconds since 1970, by which budgets' windows begin and end."""
        if self._server:
            self.grants = SqlGrants(self.desk, owner, processes * CAUTION, self._clock, PATIENCE)
        else:
            self.grants = SqlGrants(self.desk, owner, processes)
        self.switched = Switched(self.desk)
        where = base.url if self._server else base.home.path / "responses.db"
        self.responses = KeptResponses(where, base.config.responses.keep)
        self.repeats = Repeats(where, base.ring.direct(b"answers"))
        self.probes: Probes | None = FileProbes(base.home.path / "health" / "probes.json") if workers > 1 else None
        """Where processes agree who tries a deployment that is shut; a lone one need not."""
        self._rates: SqlRates | ServerRates | None = None
        self._redis: RedisRates | None = None
        self.gate: Gate = LocalGate()
        self.meter: Callable[[str, int], Meter] = lambda scope, limit: LocalMeter(limit)
        if processes > 1 or base.settings.redis_url is not None:
            self._share(owner, processes)

    def run(self) -> "list[Coroutine[Any, Any, None]]":
        """Return what is to run beside the worker, each until cancelled."""
        found: list[Coroutine[Any, Any, None]] = []
        if self._server:
            found.append(self._count())
        if self._redis is not None:
            found.append(self._redis.run())
        return found

    def states(self) -> dict[str, str]:
        """Return what is to be said of them where something is not as it should be, and how Redis is."""
        found = {}
        if self.desk.failing_since is not None:
            state = "its disk is full" if self.desk.full else "does not answer"
            found["database"] = f"{state}; calls are served on what was set aside for this process"
        if self._redis is not None:
            up = "ok" if self._redis.up else "is not used; each process keeps to its part of every limit"
            found["redis"] = up
        return found

    async def close(self) -> None:
        """Give back what was taken and end all threads."""
        if self._redis is not None:
            await self._redis.close()
        await asyncio.to_thread(self.desk.close)
        await asyncio.to_thread(self.responses.close)
        await asyncio.to_thread(self.repeats.close)

    def _share(self, owner: str, processes: int) -> None:
        from headgate.ledger.shared_meter import SharedMeter
        from headgate.limits.server_rates import ServerRates
        from headgate.limits.shared import SharedGate
        from headgate.limits.store import SqlRates

        store: Any
        if self._base.settings.redis_url is not None:
            from headgate.limits.redis_rates import RedisRates

            store = self._redis = RedisRates(open_redis(self._base), prefix_of(self._base), owner, processes)
        else:
            store = self._rates = (ServerRates if self._server else SqlRates)(self.desk, owner, processes)
        self.gate = SharedGate(store)
        self.meter = partial(SharedMeter, store)

    async def _count(self) -> None:
        """Keep knowing how late it is and how many processes there are: the more, the smaller each one's slices."""

        def work(sql: Sql) -> tuple[int, int]:
            now = sql.now()
            (found,) = sql.execute(COUNT, (False, now - LEASE)).fetchone()
            return int(found), now

        while True:
            asked = monotonic_ns()
            try:
                found, now = await self.desk.ask(work)
            except Unavailable:
                pass
            else:
                self._clock.set(now, asked)
                processes = max(found, 2)
                self.grants.workers = processes * CAUTION
                if self._rates is not None:
                    self._rates.processes = processes
            await asyncio.sleep(COUNT_SECONDS)


def open_redis(base: Base) -> Redis:
    """Return a connection to Redis, which opens on first use."""
    assert base.settings.redis_url is not None
    return Redis(base.settings.redis_url.reveal())


def prefix_of(base: Base) -> str:
    """Return what all keys of this installation begin with, so that several can share a server."""
    return prefix(base.home)


def prefix(home: Home) -> str:
    """Return the same of a home."""
    name = hmac.digest(home.derived.signing, b"redis", "sha256").hex()[:12]
    return f"{{headgate:{name}}}:"


def grounds(settings: Settings, home: Home, url: str, sender: Sender | None) -> Grounds:
    """Return what caches of answers may be made of."""
    redis = settings.redis_url
    return Grounds(
        directory=home.path / "caches",
        secret=home.derived.signing,
        url=url,
        redis=partial(Redis, redis.reveal()) if redis is not None else None,
        prefix=prefix(home),
        sender=sender,
    )
