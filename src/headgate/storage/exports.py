"""Exports of the request log: what was asked for, how far it is, and the files that were made."""

from typing import Literal

import msgspec
from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.ids import now
from headgate.storage.audit import note
from headgate.storage.audit_rows import AuditEntry
from headgate.storage.owned import Full
from headgate.storage.schema import records
from headgate.storage.schema.payloads import exports

State = Literal["waiting", "running", "done", "failed", "cancelled"]
OPEN = ("waiting", "running")
MOST_OPEN = 20
"""Of one tenant, at a time."""
LOST = 600_000_000
"""Microseconds without a sign of life after which another home takes an export over."""
LASTS = 7 * 86_400_000_000
"""For so long the files of an export are kept to be fetched."""


class ExportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One export. Instants are microseconds since 1970; ``filter``, ``cursor`` and ``parts`` are JSON text."""

    id: str
    tenant_id: str
    state: State = "waiting"
    format: Literal["jsonl", "parquet"]
    payloads: bool = False
    place: str | None = None
    filter: str = "{}"
    cursor: str | None = None
    rows: int = 0
    since: int | None = None
    until: int
    parts: str = "[]"
    error: str | None = None
    node: str = ""
    author_kind: str
    author_id: str
    created_at: int
    updated_at: int


_COLUMNS = [exports.c[name] for name in ExportRow.__struct_fields__]


class SqlExports:
    """Exports of one tenant at a time; what no tenant is named for is for who makes them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, row: ExportRow, entry: AuditEntry) -> ExportRow:
        """Store a new one, and return it with where its calls begin. Raise ``Full``."""
        async with self._engine.begin() as con:
            mine = and_(exports.c.tenant_id == row.tenant_id, exports.c.state.in_(OPEN))
            if (await con.execute(select(func.count()).where(mine))).scalar_one() >= MOST_OPEN:
                raise Full(f"so many exports at a time: {MOST_OPEN}")
            if row.since is None:
                first = select(func.min(records.c.at)).where(records.c.tenant_id == row.tenant_id)
                row = msgspec.structs.replace(row, since=(await con.execute(first)).scalar_one())
            await con.execute(insert(exports).values(msgspec.structs.asdict(row)))
            await note(con, entry)
        return row

    async def page(self, tenant_id: str, limit: int = 100) -> list[ExportRow]:
        """Return the latest."""
        query = select(*_COLUMNS).where(exports.c.tenant_id == tenant_id)
        async with self._engine.connect() as con:
            found = await con.execute(query.order_by(exports.c.created_at.desc(), exports.c.id).limit(limit))
            return [ExportRow(**row._mapping) for row in found]

    async def get(self, tenant_id: str, id: str) -> ExportRow | None:
        """Return one."""
        query = select(*_COLUMNS).where(exports.c.tenant_id == tenant_id, exports.c.id == id)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return None if row is None else ExportRow(**row._mapping)

    async def cancel(self, tenant_id: str, id: str, entry: AuditEntry) -> ExportRow | None:
        """Stop one that is not over, and let go of the files of one that is; return it as it was."""
        was = await self.get(tenant_id, id)
        if was is not None:
            async with self._engine.begin() as con:
                await con.execute(
                    update(exports)
                    .where(exports.c.tenant_id == tenant_id, exports.c.id == id)
                    .values(state="cancelled", parts="[]", updated_at=now())
                )
                await note(con, entry)
        return was

    async def noted(self, entry: AuditEntry) -> None:
        """Note that somebody has fetched one."""
        async with self._engine.begin() as con:
            await note(con, entry)

    async def claim(self, node: str) -> ExportRow | None:
        """Return an export for the home *node* to go on with; nobody else has it. One of a lost home begins anew."""
        c = exports.c
        lost = and_(c.state == "running", c.node != node, c.updated_at < now() - LOST)
        mine = and_(c.state == "running", c.node == node)
        query = select(*_COLUMNS).where(or_(mine, c.state == "waiting", lost)).order_by(mine.desc(), c.created_at)
        async with self._engine.begin() as con:
            for found in (await con.execute(query.limit(10))).all():
                row = ExportRow(**found._mapping)
                fresh = row if row.node == node or row.place else begun_anew(row)
                values = {"state": "running", "node": node, "updated_at": now()}
                values |= {name: getattr(fresh, name) for name in ("cursor", "rows", "parts")}
                same = and_(c.id == row.id, c.state == row.state, c.node == row.node)
                if (await con.execute(update(exports).where(same).values(values))).rowcount:
                    return msgspec.structs.replace(fresh, state="running", node=node)
        return None

    async def move(self, row: ExportRow) -> bool:
        """Store how far a running one is; False where it was cancelled, or another home has it."""
        values = {name: getattr(row, name) for name in ("state", "cursor", "rows", "parts", "error")}
        same = and_(exports.c.id == row.id, exports.c.state == "running", exports.c.node == row.node)
        async with self._engine.begin() as con:
            done = await con.execute(update(exports).where(same).values(**values, updated_at=now()))
        return bool(done.rowcount)

    async def look(self, row: ExportRow) -> bool:
        """Show how many calls a running one has seen; False as for :meth:`move`."""
        same = and_(exports.c.id == row.id, exports.c.state == "running", exports.c.node == row.node)
        async with self._engine.begin() as con:
            done = await con.execute(update(exports).where(same).values(rows=row.rows, updated_at=now()))
        return bool(done.rowcount)

    async def ended(self, node: str) -> list[str]:
        """Return those of a home whose files are to go: cancelled, or kept for long enough."""
        c = exports.c
        over = or_(c.state == "cancelled", and_(c.state.not_in(OPEN), c.updated_at < now() - LASTS))
        async with self._engine.connect() as con:
            return list((await con.execute(select(c.id).where(c.node.in_((node, "")), over).limit(100))).scalars())

    async def known(self, ids: set[str]) -> set[str]:
        """Return those of *ids* that there are."""
        async with self._engine.connect() as con:
            return set((await con.execute(select(exports.c.id).where(exports.c.id.in_(ids)))).scalars())

    async def forget(self, ids: list[str]) -> None:
        """Remove what is over."""
        async with self._engine.begin() as con:
            await con.execute(delete(exports).where(exports.c.id.in_(ids)))


def begun_anew(row: ExportRow) -> ExportRow:
    """Return an export of which nothing is made yet: what was, is on a disk that is not here."""
    return msgspec.structs.replace(row, cursor=None, rows=0, parts="[]")
