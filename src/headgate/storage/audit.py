"""The audit log: one row for every administrative act, in the transaction of the act itself.

Each tenant's entries are numbered without a gap and chained by their hashes; each hash is sealed under a key that is
not in the database. ``audit_verify`` finds what was changed, removed, put in or put in another order.
"""

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.audit_rows import FIRST, AuditEntry, AuditRow, KeyedSealing, row_of
from headgate.storage.schema.proofs import audit, audit_heads
from headgate.storage.turns import take_turn

__all__ = ["AuditEntry", "AuditRow", "keyed", "note", "sealing_of"]


def keyed(engine: AsyncEngine, key: bytes) -> AsyncEngine:
    """Return *engine*, sharing its pool, such that what is noted through it is sealed under *key*."""
    return engine.execution_options(headgate_sealing=KeyedSealing(key))


def sealing_of(con: AsyncConnection) -> KeyedSealing | None:
    """Return what seals entries on this connection; ``None`` where its engine was not :func:`keyed`."""
    if con.sync_connection is None:
        return None
    found: KeyedSealing | None = con.sync_connection.get_execution_options().get("headgate_sealing")
    return found


async def note(con: AsyncConnection, entry: AuditEntry) -> None:
    """Append *entry* to its tenant's log, in the transaction that *con* is in.

    Call it for every change, beside ``tell``, in any order. Others wait from here until the transaction ends: be brief.
    """
    await take_turn(con)
    seq, previous = await _number(con, entry.tenant_id)
    row = row_of(entry, seq, previous, sealing_of(con))
    await con.execute(insert(audit).values(msgspec.structs.asdict(row)))
    head = update(audit_heads).where(audit_heads.c.tenant_id == entry.tenant_id)
    await con.execute(head.values(seq=seq, hash=row.hash))


async def _number(con: AsyncConnection, tenant_id: str) -> tuple[int, bytes]:
    """Return the next number and the hash before it. A write comes first, so that SQLite has the lock by then."""
    upsert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
    first = upsert(audit_heads).values(tenant_id=tenant_id, seq=0, hash=FIRST).on_conflict_do_nothing()
    await con.execute(first)
    query = select(audit_heads.c.seq, audit_heads.c.hash).where(audit_heads.c.tenant_id == tenant_id)
    seq, previous = (await con.execute(query)).one()
    return seq + 1, previous
