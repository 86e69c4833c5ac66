"""What was answered to requests that carry an ``Idempotency-Key``, so that the same request twice is done once."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.ids import now
from headgate.storage.schema.tenancy import idempotency
from headgate.storage.tenancy import changing

KEPT = 24 * 3600 * 1_000_000
"""Microseconds for which an answer is kept."""
MOST = 10_000
"""Answers of one tenant; beyond it the oldest goes."""


class Kept(msgspec.Struct, frozen=True):
    """A request that was made before. ``status`` is ``None`` while it is being worked on."""

    request: bytes
    """Digest of what was asked."""
    status: int | None
    headers: dict[str, str]
    body: bytes


class SqlIdempotency:
    """Answers of one tenant at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, tenant_id: str, key: str, request: bytes) -> Kept | None:
        """Take *key* for a request; return what is kept of an earlier one, if it was taken already."""
        c, mine = idempotency.c, self._mine(tenant_id, key)
        async with changing(self._engine) as con:
            await con.execute(delete(idempotency).where(c.tenant_id == tenant_id, c.created_at < now() - KEPT))
            row = (await con.execute(select(c.request, c.status, c.headers, c.body).where(mine))).one_or_none()
            if row is not None:
                headers = msgspec.json.decode(row.headers, type=dict[str, str])
                return Kept(bytes(row.request), row.status, headers, bytes(row.body))
            count = select(func.count()).select_from(idempotency).where(c.tenant_id == tenant_id)
            if (await con.execute(count)).scalar_one() >= MOST:
                oldest = select(func.min(c.created_at)).where(c.tenant_id == tenant_id).scalar_subquery()
                await con.execute(delete(idempotency).where(c.tenant_id == tenant_id, c.created_at == oldest))
            values = {"tenant_id": tenant_id, "key": key, "request": request, "headers": "{}", "body": b""}
            await con.execute(insert(idempotency).values(**values, created_at=now()))
            return None

    async def keep(self, tenant_id: str, key: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep the answer. *body* is to be sealed: it may hold a secret."""
        values = {"status": status, "headers": msgspec.json.encode(headers).decode(), "body": body}
        async with self._engine.begin() as con:
            await con.execute(update(idempotency).where(self._mine(tenant_id, key)).values(values))

    async def forget(self, tenant_id: str, key: str) -> None:
        """Let a request that came to nothing be made again."""
        async with self._engine.begin() as con:
            await con.execute(delete(idempotency).where(self._mine(tenant_id, key)))

    def _mine(self, tenant_id: str, key: str) -> ColumnElement[bool]:
        return and_(idempotency.c.tenant_id == tenant_id, idempotency.c.key == key)
