"""Entries in Redis, for the workers of all machines: each tenant in a namespace of its own.

Of a tenant there are the values, an index of them by their last use, and their sizes. A server that is down makes every
lookup a miss, and is left alone for a moment.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from headgate.cache.seal import Sealer
from headgate.cache.types import ALL, Counts, Entry, Matching
from headgate.core.ids import now
from headgate.storage.redis import Command, Redis, RedisDown

CONNECTIONS = 8
BUDGET = 0.25
"""Seconds that a lookup may take."""
LONG = 5.0
"""Seconds that a piece of clearing may take."""
REST = 1.0
"""Seconds for which a server that did not answer is not asked again."""
BATCH = 200

PUT = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local was = tonumber(redis.call('HGET', KEYS[3], ARGV[3]) or '0')
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[3])
redis.call('SADD', KEYS[4], ARGV[9])
local total = redis.call('HINCRBY', KEYS[3], '', tonumber(ARGV[4]) - was)
local count = redis.call('ZCARD', KEYS[2])
while count > 0 and (total > tonumber(ARGV[6]) or count > tonumber(ARGV[7])) do
  local old = redis.call('ZPOPMIN', KEYS[2], 1)[1]
  local size = tonumber(redis.call('HGET', KEYS[3], old) or '0')
  redis.call('HDEL', KEYS[3], old)
  redis.call('DEL', ARGV[8] .. old)
  total = redis.call('HINCRBY', KEYS[3], '', -size)
  count = count - 1
end
return count
"""
"""KEYS: value, index, sizes, tenants. ARGV: value, ms to live, name, size, time of use, most bytes, most entries, what
the names of values begin with, tenant. Under the empty name the sizes have their sum."""
GONE = """
local removed = 0
for i = 2, #ARGV do
  if ARGV[1] == '' or redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 0 then
    local size = tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0')
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i])
    redis.call('HINCRBY', KEYS[2], '', -size)
    removed = removed + 1
  end
end
return removed
"""
"""KEYS: index, sizes. ARGV: what the names of values begin with, names. Takes those out that have expired."""

log = logging.getLogger("headgate.cache")


class RedisStore:
    """See :class:`headgate.cache.types.Exact`. The bounds are each tenant's."""

    def __init__(
        self, connect: Callable[[], Redis], prefix: str, sealer: Sealer, max_bytes: int, max_entries: int
    ) -> None:
        """*prefix* is what the names of this cache begin with."""
        self._connect = connect
        self._prefix = prefix
        self._sealer = sealer
        self._most = (max_bytes, max_entries)
        self._free: list[Redis] = []
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._down_until = 0.0

    async def get(self, tenant_id: str, key: bytes) -> Entry | None:
        """See ``Exact``."""
        values, index, _ = self._names(tenant_id)
        name = key.hex()
        replies = await self._quick([("GET", values + name), ("ZADD", index, "XX", now() // 1000, name)])
        if not replies or replies[0] is None:
            return None
        entry = self._sealer.open(tenant_id, key, replies[0])
        if entry is None:
            await self.drop(tenant_id, key)
        return entry if entry is not None and now() < entry.expires else None

    async def put(self, tenant_id: str, key: bytes, entry: Entry) -> bool:
        """See ``Exact``."""
        left = (entry.expires - now()) // 1000
        if left <= 0 or entry.size > self._most[0]:
            return False
        values, index, sizes = self._names(tenant_id)
        sealed, name = self._sealer.close(tenant_id, key, entry), key.hex()
        keys = (values + name, index, sizes, self._tenants)
        given = (sealed, left, name, entry.size, now() // 1000, *self._most, values, tenant_id)
        replies = await self._quick([("EVAL", PUT, len(keys), *keys, *given)])
        return bool(replies)

    async def drop(self, tenant_id: str, key: bytes) -> None:
        """See ``Exact``."""
        values, index, sizes = self._names(tenant_id)
        name = key.hex()
        await self._quick([("DEL", values + name), ("EVAL", GONE, 2, index, sizes, values, name)])

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """See ``Exact``; raise ``RedisDown`` where the server does not do it."""
        return sum([await self._clear(tenant, which) for tenant in await self._of(tenant_id)])

    async def counts(self, tenant_id: str | None) -> Counts:
        """See ``Exact``."""
        entries = size = 0
        try:
            for tenant in await self._of(tenant_id):
                _, index, sizes = self._names(tenant)
                count, total = await self._call([("ZCARD", index), ("HGET", sizes, "")], LONG)
                entries, size = entries + count, size + int(total or 0)
        except RedisDown:
            return Counts()
        return Counts(entries=entries, bytes=size)

    async def sweep(self) -> None:
        """See ``Exact``: values expire by themselves, what is noted of them is taken out here, oldest use first."""
        try:
            for tenant in await self._of(None):
                values, index, sizes = self._names(tenant)
                [names] = await self._call([("ZRANGE", index, 0, BATCH - 1)], LONG)
                if names:
                    await self._call([("EVAL", GONE, 2, index, sizes, values, *names)], LONG)
        except RedisDown as error:
            log.warning("the cache in Redis was not swept: %s", error)

    async def close(self) -> None:
        """See ``Exact``."""
        for one in self._free:
            one.drop()
        self._free.clear()

    @property
    def _tenants(self) -> str:
        return f"{self._prefix}tenants"

    def _names(self, tenant_id: str) -> tuple[str, str, str]:
        """Return what the names of a tenant's values begin with, and those of its index and its sizes."""
        start = f"{self._prefix}{len(tenant_id)}:{tenant_id}:"
        return f"{start}v:", f"{start}index", f"{start}sizes"

    async def _of(self, tenant_id: str | None) -> list[str]:
        if tenant_id is not None:
            return [tenant_id]
        [found] = await self._call([("SMEMBERS", self._tenants)], LONG)
        return [one.decode() for one in found]

    async def _clear(self, tenant_id: str, which: Matching) -> int:
        values, index, sizes = self._names(tenant_id)
        [names] = await self._call([("ZRANGE", index, 0, -1)], LONG)
        removed = 0
        for start in range(0, len(names), BATCH):
            some = [name.decode() for name in names[start : start + BATCH]]
            if which != ALL:
                [found] = await self._call([("MGET", *[values + name for name in some])], LONG)
                opened = [
                    (name, self._sealer.open(tenant_id, bytes.fromhex(name), sealed))
                    for name, sealed in zip(some, found, strict=True)
                    if sealed is not None
                ]
                some = [name for name, entry in opened if entry is not None and which.takes(entry)]
            if some:
                gone: Command = ("EVAL", GONE, 2, index, sizes, values, *some)
                removed += (await self._call([("DEL", *[values + name for name in some]), gone], LONG))[0]
        return removed

    async def _quick(self, commands: list[Command]) -> list[Any]:
        """Return the replies; nothing where the server is down, or was a moment ago."""
        if monotonic() < self._down_until:
            return []
        try:
            return await self._call(commands, BUDGET)
        except RedisDown as error:
            self._down_until = monotonic() + REST
            log.warning("the cache in Redis does not answer: %s", error)
            return []

    async def _call(self, commands: list[Command], seconds: float) -> list[Any]:
        async with self._places:
            redis = self._free.pop() if self._free else self._connect()
            try:
                return await redis.call(commands, seconds)
            finally:
                self._free.append(redis)
