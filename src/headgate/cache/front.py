"""What was given of late, in memory before a store that is elsewhere: what is asked often does not go there each time.

For a few seconds alone: then the store is asked again, so that what other processes put there is seen, and the store
hears what is in use. What is cleared is gone from here too: every process is told.
"""

from time import monotonic

from headgate.cache.memory import MemoryStore
from headgate.cache.types import ALL, Counts, Entry, Exact, Matching

FRESH = 5.0
"""Seconds."""
MOST_BYTES = 16 * 1024 * 1024
MOST_ENTRIES = 4_096


class Fronted:
    """See :class:`headgate.cache.types.Exact`."""

    __slots__ = ("_last", "_near", "store")

    def __init__(self, store: Exact, max_bytes: int, max_entries: int) -> None:
        """*store* is what is elsewhere, with its bounds."""
        self.store = store
        self._near = MemoryStore(min(max_bytes, MOST_BYTES), min(max_entries, MOST_ENTRIES))
        self._last: dict[tuple[str, bytes], float] = {}
        """Until when what is here stands."""

    async def get(self, tenant_id: str, key: bytes) -> Entry | None:
        """See ``Exact``."""
        place, at = (tenant_id, key), monotonic()
        if at < self._last.get(place, 0.0) and (near := await self._near.get(tenant_id, key)) is not None:
            return near
        entry = await self.store.get(tenant_id, key)
        if entry is None:
            await self._forget(tenant_id, key)
        else:
            await self._keep(tenant_id, key, entry)
        return entry

    async def put(self, tenant_id: str, key: bytes, entry: Entry) -> bool:
        """See ``Exact``."""
        kept = await self.store.put(tenant_id, key, entry)
        if kept:
            await self._keep(tenant_id, key, entry)
        else:
            await self._forget(tenant_id, key)
        return kept

    async def drop(self, tenant_id: str, key: bytes) -> None:
        """See ``Exact``."""
        await self._forget(tenant_id, key)
        await self.store.drop(tenant_id, key)

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """See ``Exact``."""
        await self._near.clear(tenant_id, which)
        removed = await self.store.clear(tenant_id, which)
        await self._near.clear(tenant_id, which)  # what was read meanwhile
        return removed

    async def counts(self, tenant_id: str | None) -> Counts:
        """See ``Exact``."""
        return await self.store.counts(tenant_id)

    async def sweep(self) -> None:
        """See ``Exact``."""
        await self._near.sweep()
        await self.store.sweep()

    async def close(self) -> None:
        """See ``Exact``."""
        self._last.clear()
        await self._near.close()
        await self.store.close()

    async def _keep(self, tenant_id: str, key: bytes, entry: Entry) -> None:
        if len(self._last) >= 2 * MOST_ENTRIES:
            self._last.clear()
        self._last[tenant_id, key] = monotonic() + FRESH
        await self._near.put(tenant_id, key, entry)

    async def _forget(self, tenant_id: str, key: bytes) -> None:
        self._last.pop((tenant_id, key), None)
        await self._near.drop(tenant_id, key)
