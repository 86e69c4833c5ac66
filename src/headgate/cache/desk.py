"""Caches as the process sees them that has no calls of its own: what they hold, and orders to clear them."""

import asyncio
from collections.abc import Callable

from headgate.cache.board import CacheBoard, Order
from headgate.cache.shelf import Configs, store_of
from headgate.cache.types import Counts, Exact, Grounds


class CacheDesk:
    """Asks shared stores itself; what is in the memory of workers it reads from their files."""

    def __init__(self, grounds: Grounds, configs: Callable[[], Configs]) -> None:
        """*configs* returns the caches in force."""
        self._grounds = grounds
        self._configs = configs
        self._board = CacheBoard(grounds.directory)
        self._stores: dict[tuple[str, str], tuple[object, Exact]] = {}

    async def counts(self, tenant_id: str | None, owner: str, name: str) -> Counts:
        """Return what is held of a tenant, or with ``None`` of all, in a cache of this machine or of all of them."""
        store = self._store(owner, name)
        if store is None:
            return await asyncio.to_thread(self._board.held, tenant_id, owner, name)
        return await store.counts(tenant_id)

    async def clear(self, order: Order) -> int | None:
        """Clear what is in shared stores now; return how many, ``None`` where workers have some in memory besides."""
        removed, all_of_them = 0, True
        for owner, caches in self._configs().items():
            for name in caches:
                mine = owner in ("", order.tenant_id) or order.tenant_id is None
                if not mine or order.cache not in (None, name):
                    continue
                store = self._store(owner, name)
                if store is None:
                    all_of_them = False
                else:
                    removed += await store.clear(order.tenant_id, order.which)
        return removed if all_of_them else None

    def _store(self, owner: str, name: str) -> Exact | None:
        """Return the shared store of a cache; ``None`` where each worker has its own, or there is none."""
        config = self._configs().get(owner, {}).get(name)
        if config is None or config.store in ("memory", "none") or not config.enabled:
            return None
        known = self._stores.get((owner, name))
        if known is None or known[0] != config:
            if config.store == "redis" and self._grounds.redis is None:
                return None
            known = self._stores[owner, name] = (config, store_of(owner, name, config, self._grounds))
        return known[1]
