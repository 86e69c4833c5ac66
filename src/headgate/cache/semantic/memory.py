"""The index in this process: a table of vectors for each tenant and scope, within one bound for all of them."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from headgate.cache.semantic.tables import Maker, Table
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Item, Near, Vector, share

Place = tuple[str, bytes, int]
"""Tenant, scope, and how long vectors are: what a provider changed is no longer near to what it made before."""
SPARE = 4
"""How many more are asked of a table than are wanted: some of them may have expired."""


class Partition:
    """The questions of one tenant and scope, oldest first."""

    __slots__ = ("by_key", "items", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.items: OrderedDict[int, Item] = OrderedDict()
        self.by_key: dict[bytes, int] = {}


class MemoryIndex:
    """See ``Index``. The work is done in a thread: it may take milliseconds."""

    def __init__(self, most: int, table: Maker, threads: Threads) -> None:
        """*most* is how many questions are held in all; *table* makes what holds a partition's vectors."""
        self._most = most
        self._table = table
        self._threads = threads
        self._lock = Lock()
        self._parts: OrderedDict[Place, Partition] = OrderedDict()
        self._next = 0
        self._held = 0
        self._bytes: dict[str, list[int]] = {}

    async def add(self, item: Item) -> None:
        """See ``Index``."""
        await self._threads.run(self.put, item)

    async def nearest(self, tenant_id: str, scope: bytes, vector: Vector, count: int, now: int) -> list[Near]:
        """See ``Index``."""
        if (tenant_id, scope, len(vector)) not in self._parts:
            return []
        return await self._threads.run(self.find, (tenant_id, scope, len(vector)), vector, count, now)

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        """See ``Index``."""
        with self._lock:
            for place in [place for place in self._parts if tenant_id in (None, place[0])]:
                part = self._parts[place]
                wanted = list(part.by_key) if keys is None else [key for key in keys if key in part.by_key]
                for key in wanted:
                    self._remove(place, part, part.by_key[key])

    async def counts(self, tenant_id: str | None) -> tuple[int, int]:
        """See ``Index``."""
        with self._lock:
            found = [pair for tenant, pair in self._bytes.items() if tenant_id in (None, tenant)]
            return sum(one[0] for one in found), sum(one[1] for one in found)

    async def sweep(self, now: int) -> None:
        """See ``Index``."""
        await self._threads.run(self._sweep, now)

    async def close(self) -> None:
        """See ``Index``."""
        with self._lock:
            self._parts.clear()
            self._bytes.clear()
            self._held = 0

    def put(self, item: Item) -> None:
        """Take *item* in, from any thread."""
        with self._lock:
            place = item.tenant_id, item.scope, len(item.vector)
            part = self._parts.get(place)
            if part is None:
                part = self._parts[place] = Partition(self._table())
            old = part.by_key.get(item.key)
            if old is not None and part.items[old] == item:
                return
            if old is not None:
                self._remove(place, part, old)
                part = self._parts.setdefault(place, part)
            self._next += 1
            part.table.put(self._next, item.vector)
            part.items[self._next] = item
            part.by_key[item.key] = self._next
            self._parts.move_to_end(place)
            self._count(item, 1)
            if len(part.items) > part.table.limit:
                self._remove(place, part, next(iter(part.items)))
            while self._held > self._most:
                first, oldest = next(iter(self._parts.items()))
                self._remove(first, oldest, next(iter(oldest.items)))

    def find(self, place: Place, vector: Vector, count: int, now: int) -> list[Near]:
        """Search one partition, from any thread."""
        with self._lock:
            part = self._parts.get(place)
            if part is None:
                return []
            self._parts.move_to_end(place)
            found = [(part.items[n], cosine) for n, cosine in part.table.best(vector, count + SPARE) if n in part.items]
        return [
            Near(key=item.key, text=item.text, similarity=share(cosine), expires=item.expires, vector=item.vector)
            for item, cosine in found
            if item.expires > now
        ][:count]

    def _sweep(self, now: int) -> None:
        with self._lock:
            for place, part in list(self._parts.items()):
                for number in [number for number, item in part.items.items() if item.expires <= now]:
                    self._remove(place, part, number)

    def _remove(self, place: Place, part: Partition, number: int) -> None:
        item = part.items.pop(number)
        del part.by_key[item.key]
        part.table.drop(number)
        self._count(item, -1)
        if not part.items:
            self._parts.pop(place, None)

    def _count(self, item: Item, sign: int) -> None:
        held = self._bytes.setdefault(item.tenant_id, [0, 0])
        held[0] += sign
        held[1] += sign * item.size
        self._held += sign
        if not held[0]:
            del self._bytes[item.tenant_id]
