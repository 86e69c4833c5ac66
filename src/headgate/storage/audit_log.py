"""Reading the audit log, one tenant at a time."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.audit_rows import AuditRow
from headgate.storage.schema.proofs import audit, audit_heads

PAGE = 1000


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; ``None`` asks for any. Instants are microseconds since 1970, UTC."""

    actor_id: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    outcome: str | None = None
    since: int | None = None
    until: int | None = None


class AuditStore(Protocol):
    """The entries of one tenant."""

    async def page(self, tenant_id: str, wanted: AuditFilter, *, before: int | None, limit: int) -> list[AuditRow]:
        """Return at most *limit* entries, latest first, whose numbers are below *before*."""
        ...

    def rows(self, tenant_id: str, wanted: AuditFilter) -> AsyncIterator[AuditRow]:
        """Yield all that are wanted, oldest first."""
        ...

    async def head(self, tenant_id: str) -> tuple[int, bytes]:
        """Return number and hash of the last entry, as noted beside the log; 0 and nothing where there is none."""
        ...


class SqlAuditLog:
    """:class:`AuditStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def page(self, tenant_id: str, wanted: AuditFilter, *, before: int | None, limit: int) -> list[AuditRow]:
        """See :class:`AuditStore`."""
        query = _wanted(tenant_id, wanted).order_by(audit.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.seq < before)
        async with self.engine.connect() as con:
            return [_read(row) for row in await con.execute(query)]

    async def rows(self, tenant_id: str, wanted: AuditFilter) -> AsyncIterator[AuditRow]:
        """See :class:`AuditStore`."""
        last: int | None = None
        query = _wanted(tenant_id, wanted).order_by(audit.c.seq).limit(PAGE)
        while True:
            async with self.engine.connect() as con:
                found = await con.execute(query if last is None else query.where(audit.c.seq > last))
                rows = [_read(row) for row in found]
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            last = rows[-1].seq

    async def head(self, tenant_id: str) -> tuple[int, bytes]:
        """See :class:`AuditStore`."""
        query = select(audit_heads.c.seq, audit_heads.c.hash).where(audit_heads.c.tenant_id == tenant_id)
        async with self.engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return (0, b"") if row is None else (row.seq, bytes(row.hash))


def _wanted(tenant_id: str, wanted: AuditFilter) -> Any:
    query = select(audit).where(audit.c.tenant_id == tenant_id)
    for name in ("actor_id", "action", "object_kind", "object_id", "outcome"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(audit.c[name] == value)
    if wanted.since is not None:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(audit.c.at < wanted.until)
    return query


def _read(row: Row[Any]) -> AuditRow:
    return AuditRow(**row._mapping)
