"""What caches did, as it is read; and the order to clear them, in one transaction with its entry in the audit log."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.audit import AuditEntry, note
from headgate.storage.keys import tell
from headgate.storage.object_rows import Author
from headgate.storage.schema.caches import cache_sums
from headgate.storage.sums import CACHE_SUMS

CLEAR = "cache"
"""The kind of the order in the change feed; see ``cache.board``."""


class CacheSum(msgspec.Struct, frozen=True, kw_only=True):
    """What one cache did for one tenant over some time; see ``storage.sums``."""

    cache: str
    hits: int
    near: int
    joined: int
    misses: int
    stored: int
    refused: int
    passed: int
    saved_nano: int
    saved_ms: int
    saved_tokens: int


class SqlCaches:
    """Over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sums(self, tenant_id: str | None, since: int, until: int) -> list[CacheSum]:
        """Return what each cache did for a tenant, or with ``None`` for all, from the hour *since* to before *until*
        (hours since 1970), by name."""
        c = cache_sums.c
        columns = [cast(func.sum(c[name]), BigInteger).label(name) for name in CACHE_SUMS]
        query = select(c.cache, *columns).where(c.hour >= since, c.hour < until).group_by(c.cache).order_by(c.cache)
        if tenant_id is not None:
            query = query.where(c.tenant_id == tenant_id)
        async with self._engine.connect() as con:
            return [CacheSum(**row._mapping) for row in await con.execute(query)]

    async def order(self, tenant_id: str | None, author: Author, order: dict[str, Any]) -> None:
        """Tell every process to clear what *order* says (see ``cache.board.Order``), and note who ordered it."""
        text = msgspec.json.encode(order).decode()
        async with self._engine.begin() as con:
            await tell(con, text, tenant_id or "", CLEAR)
            await note(
                con,
                AuditEntry(
                    tenant_id=tenant_id or author.tenant_id,
                    actor_kind=author.kind,
                    actor_id=author.id,
                    action="cache:clear",
                    object_kind="cache",
                    object_id=str(order.get("cache") or "*"),
                    before=None,
                    after=order,
                    address=author.address,
                    request_id=author.request_id,
                ),
            )
