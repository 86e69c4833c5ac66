"""Entries in this process: bounded by bytes and number, what was used longest ago goes first."""

from collections import OrderedDict

from headgate.cache.types import ALL, Counts, Entry, Matching
from headgate.core.ids import now

Place = tuple[str, bytes]


class MemoryStore:
    """See :class:`headgate.cache.types.Exact`. Its calls never wait."""

    __slots__ = ("_bytes", "_entries", "_most_bytes", "_most_entries", "held")

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self._most_bytes = max_bytes
        self._most_entries = max_entries
        self._entries: OrderedDict[Place, Entry] = OrderedDict()
        self._bytes = 0
        self.held: dict[str, tuple[int, int]] = {}
        """Entries and bytes by tenant."""

    async def get(self, tenant_id: str, key: bytes) -> Entry | None:
        """See ``Exact``."""
        place = (tenant_id, key)
        entry = self._entries.get(place)
        if entry is None:
            return None
        if now() >= entry.expires:
            self._remove(place)
            return None
        self._entries.move_to_end(place)
        return entry

    async def put(self, tenant_id: str, key: bytes, entry: Entry) -> bool:
        """See ``Exact``."""
        place = (tenant_id, key)
        self._remove(place)
        if entry.size > self._most_bytes:
            return False
        self._entries[place] = entry
        self._count(tenant_id, 1, entry.size)
        while self._bytes > self._most_bytes or len(self._entries) > self._most_entries:
            self._remove(next(iter(self._entries)))
        return True

    async def drop(self, tenant_id: str, key: bytes) -> None:
        """See ``Exact``."""
        self._remove((tenant_id, key))

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """See ``Exact``."""
        mine = [place for place, entry in self._of(tenant_id) if which.takes(entry)]
        for place in mine:
            self._remove(place)
        return len(mine)

    async def counts(self, tenant_id: str | None) -> Counts:
        """See ``Exact``."""
        if tenant_id is None:
            return Counts(entries=len(self._entries), bytes=self._bytes)
        entries, size = self.held.get(tenant_id, (0, 0))
        return Counts(entries=entries, bytes=size)

    async def sweep(self) -> None:
        """See ``Exact``."""
        at = now()
        for place in [place for place, entry in self._entries.items() if at >= entry.expires]:
            self._remove(place)

    async def close(self) -> None:
        """See ``Exact``."""
        self._entries.clear()
        self.held.clear()
        self._bytes = 0

    def _of(self, tenant_id: str | None) -> list[tuple[Place, Entry]]:
        return [(p, e) for p, e in self._entries.items() if tenant_id is None or p[0] == tenant_id]

    def _remove(self, place: Place) -> None:
        entry = self._entries.pop(place, None)
        if entry is not None:
            self._count(place[0], -1, -entry.size)

    def _count(self, tenant_id: str, entries: int, size: int) -> None:
        self._bytes += size
        before = self.held.get(tenant_id, (0, 0))
        self.held[tenant_id] = (before[0] + entries, before[1] + size)
        if not self.held[tenant_id][0]:
            del self.held[tenant_id]


class NoStore:
    """The store that keeps nothing."""

    async def get(self, tenant_id: str, key: bytes) -> Entry | None:
        """See ``Exact``."""
        return None

    async def put(self, tenant_id: str, key: bytes, entry: Entry) -> bool:
        """See ``Exact``."""
        return False

    async def drop(self, tenant_id: str, key: bytes) -> None:
        """See ``Exact``."""

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """See ``Exact``."""
        return 0

    async def counts(self, tenant_id: str | None) -> Counts:
        """See ``Exact``."""
        return Counts()

    async def sweep(self) -> None:
        """See ``Exact``."""

    async def close(self) -> None:
        """See ``Exact``."""
