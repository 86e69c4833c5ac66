"""The caches of a worker: made from the configuration, kept over changes that do not concern them."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from hashlib import blake2b
from time import monotonic
from typing import Any

from headgate.cache.board import CacheBoard, Held, Order
from headgate.cache.config import LARGEST, CacheConfig
from headgate.cache.front import Fronted
from headgate.cache.memory import MemoryStore, NoStore
from headgate.cache.types import ALL, Exact, Grounds, Matching, Nearest
from headgate.core.omissions import Omissions

TELL = 2.0
"""Seconds between two notes of what is held."""
MOST_TOLD = 10_000
EVERY = 60.0
"""Seconds between two sweeps."""
LAST = 5.0
"""Seconds that answers on their way into a store have at the end."""
MOST = 1000
"""Answers on their way into stores."""
Configs = Mapping[str, Mapping[str, CacheConfig]]
"""Tenant -> its caches by name; under the empty name, those that all tenants share the settings of."""

log = logging.getLogger("headgate.cache")


class Cache:
    """One cache: its settings, what it holds, and the calls under way that others may wait for."""

    __slots__ = ("config", "flights", "name", "nearest", "owner", "store")

    def __init__(self, owner: str, name: str, config: CacheConfig, store: Exact, nearest: Nearest | None) -> None:
        self.owner = owner
        """The tenant that configured it; empty where all share it."""
        self.name = name
        self.config = config
        self.store = store
        self.nearest = nearest
        self.flights: dict[tuple[str, bytes], Any] = {}

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """Remove entries of a tenant, or with ``None`` of all; return how many."""
        removed = await self.store.clear(tenant_id, which)
        if self.nearest is not None and which == ALL:  # what leads to an entry that is gone is forgotten when it is met
            await self.nearest.forget(tenant_id)
        return removed

    async def cleared(self, order: Order) -> None:
        """Clear what *order* says."""
        await self.clear(order.tenant_id, order.which)

    async def close(self) -> None:
        """Give back what it has open."""
        await self.store.close()
        if self.nearest is not None:
            await self.nearest.close()


class Shelf:
    """All of them, in one process."""

    def __init__(self, grounds: Grounds, worker: int = 0) -> None:
        self._grounds = grounds
        self._worker = worker
        self._board = CacheBoard(grounds.directory)
        self._caches: dict[tuple[str, str], Cache] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.left_out = Omissions(log, "answers were not kept in caches, as too many were on their way")

    def __iter__(self) -> Any:
        return iter(list(self._caches.values()))

    def of(self, tenant_id: str, name: str) -> Cache | None:
        """Return the cache that a tenant means by *name*: its own goes before the one that is shared."""
        return self._caches.get((tenant_id, name)) or self._caches.get(("", name))

    def follow(self, configs: Configs) -> list[str]:
        """Have the caches that *configs* tells of; those that are as they were keep what they hold.

        Return what could not be made, and why: its routes do without.
        """
        problems: list[str] = []
        made: dict[tuple[str, str], Cache] = {}
        for owner, caches in configs.items():
            for name, config in caches.items():
                was = self._caches.get((owner, name))
                if was is not None and was.config == config:
                    made[owner, name] = was
                    continue
                try:
                    made[owner, name] = self._made(owner, name, config)
                except ValueError as error:
                    problems.append(str(error))
        gone = [cache for place, cache in self._caches.items() if made.get(place) is not cache]
        self._caches = made
        for cache in gone:
            self.begin(cache.close())
        return problems

    async def run(self) -> None:
        """Sweep now and then, and tell what is held in memory, until cancelled."""
        told, swept = False, monotonic()
        while True:
            await asyncio.sleep(TELL)
            if monotonic() - swept > EVERY:
                swept = monotonic()
                await self._sweep()
            rows = self._held()
            if rows or told:
                told = bool(rows)
                try:
                    await asyncio.to_thread(self._board.write, self._worker, rows)
                except OSError:
                    log.exception("what caches hold could not be told")

    def obey(self, order: Order) -> None:
        """Clear what *order* says, soon."""
        for (owner, name), cache in self._caches.items():
            if order.cache in (None, name) and (order.tenant_id is None or owner in ("", order.tenant_id)):
                self.begin(cache.cleared(order))

    def _held(self) -> list[Held]:
        """What is held in memory, by tenant."""
        return [
            Held(owner, name, tenant_id, entries, size)
            for (owner, name), cache in self._caches.items()
            if isinstance(cache.store, MemoryStore)
            for tenant_id, (entries, size) in cache.store.held.items()
        ][:MOST_TOLD]

    async def _sweep(self) -> None:
        for cache in self:
            try:
                await cache.store.sweep()
                if cache.nearest is not None:
                    await cache.nearest.sweep()
            except Exception:
                log.exception("the cache %s could not be swept", cache.name)

    async def close(self) -> None:
        """Give back what all of them have open."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST)
        for cache in self:
            await cache.close()
        self._caches = {}

    def _made(self, owner: str, name: str, config: CacheConfig) -> Cache:
        if not config.enabled:
            return Cache(owner, name, config, NoStore(), None)
        store = store_of(owner, name, config, self._grounds)
        if config.store in ("sqlite", "redis"):
            store = Fronted(store, config.max_bytes, config.max_entries)
        nearest: Nearest | None = None
        if config.kind == "semantic":
            from headgate.cache.semantic.build import nearest as build  # only where there is one: it computes

            nearest = build(
                full_name(owner, name),
                config.semantic,
                entries=config.max_entries,
                grounds=self._grounds,
                store=config.store,
            )
        return Cache(owner, name, config, store, nearest)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* that nobody waits for; where it is too much, it is ended at once."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if len(self._tasks) > MOST:
            self.left_out.add()
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer could not be kept", exc_info=error)


def full_name(owner: str, name: str) -> str:
    """Return the name of a cache among those of all tenants, fit for a file."""
    return f"{blake2b(owner.encode(), digest_size=8).hexdigest()}-{name}" if owner else name


def store_of(owner: str, name: str, config: CacheConfig, grounds: Grounds) -> Exact:
    """Return the store of a cache; nothing is opened yet. Raise ``ValueError`` where there is nothing to make it of."""
    full = full_name(owner, name)
    max_bytes = min(config.max_bytes, LARGEST) if owner else config.max_bytes
    if config.store == "memory":
        return MemoryStore(max_bytes, config.max_entries)
    if config.store == "none":
        return NoStore()
    from headgate.cache.seal import Sealer

    sealer = Sealer(grounds.secret, full)
    if config.store == "sqlite":
        from headgate.cache.sqlite import SqliteStore

        return SqliteStore(grounds.directory / f"{full}.db", sealer, max_bytes, config.max_entries)
    if grounds.redis is None:
        raise ValueError(f"caches.{name}.store: redis needs HEADGATE_REDIS_URL")
    from headgate.cache.redis import RedisStore

    prefix = f"{grounds.prefix}cache:{full}:"
    return RedisStore(grounds.redis, prefix, sealer, config.max_bytes, config.max_entries)
