"""What was said in calls: written by one process, read and erased by administrators, removed when its time is over.

Its column ``text`` is what a full-text search looks in (``None`` where all was kept, which is sealed). An index over it
may name rows by ``seq``, which never changes; rows are inserted and deleted, never updated.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.audit import note
from headgate.storage.audit_rows import AuditEntry
from headgate.storage.payloads_sql import PayloadRow
from headgate.storage.schema.payloads import payloads

COLUMNS = PayloadRow.__struct_fields__
AT_ONCE = 500
"""Rows that one transaction removes."""


class SqlPayloads:
    """The administrators' side. One tenant at a time; what is another's does not exist."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, tenant_id: str, id: str, read: AuditEntry | None = None) -> PayloadRow | None:
        """Return what was said in one call; *read* is noted in the audit log where there is something."""
        query = select(*[payloads.c[name] for name in COLUMNS])
        query = query.where(payloads.c.tenant_id == tenant_id, payloads.c.id == id)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        if row is not None and read is not None:
            async with self._engine.begin() as con:
                await note(con, read)
        return None if row is None else PayloadRow(*row)

    async def of_calls(self, tenant_id: str, ids: Sequence[str]) -> Mapping[str, PayloadRow]:
        """Return what was said in several calls, by their ids."""
        query = select(*[payloads.c[name] for name in COLUMNS])
        query = query.where(payloads.c.tenant_id == tenant_id, payloads.c.id.in_(ids))
        async with self._engine.connect() as con:
            return {row[0]: PayloadRow(*row) for row in await con.execute(query)}

    async def erase(self, tenant_id: str, end_users: Collection[str], entry: AuditEntry) -> int:
        """Remove what was said in the calls of end users, in batches; return how many calls' that was.

        *entry* is noted, with the number, in the transaction of the last batch.
        """
        mine = (payloads.c.tenant_id == tenant_id, payloads.c.end_user.in_(end_users))
        done: int = 0
        while True:
            some = select(payloads.c.seq).where(*mine).limit(AT_ONCE).scalar_subquery()
            async with self._engine.begin() as con:
                gone: Any = await con.execute(delete(payloads).where(payloads.c.seq.in_(some)))
                done += gone.rowcount
                if gone.rowcount < AT_ONCE:
                    await note(con, msgspec.structs.replace(entry, after={**(entry.after or {}), "calls": done}))
                    return done

    async def standing(self, tenant_id: str) -> tuple[int, int]:
        """Return how many calls' there are, and their bytes."""
        query = select(func.count(), func.coalesce(func.sum(payloads.c.size), 0))
        async with self._engine.connect() as con:
            count, size = (await con.execute(query.where(payloads.c.tenant_id == tenant_id))).one()
        return count, int(size)
