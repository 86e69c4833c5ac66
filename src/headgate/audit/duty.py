"""What the audit log does by itself: it takes over the sums of the request log of every hour that is over."""

from time import time_ns

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.audit.verify import columns
from headgate.storage.audit import AuditEntry, note
from headgate.storage.schema.proofs import seals
from headgate.storage.seals import HOUR, total_of

AT_ONCE = 200
GRACE = 60_000_000
"""Microseconds after the end of an hour, for those who end a call a moment late."""


async def seal_hours(engine: AsyncEngine, *, now: int | None = None) -> int:
    """Enter what was added to hours that are over into the audit log; return how many hours that was."""
    over = ((now or time_ns() // 1000) - GRACE) // HOUR
    done = 0
    while True:
        async with engine.begin() as con:
            hours = await _chain(con, over)
        done += hours
        if hours < AT_ONCE:
            return done


async def _chain(con: AsyncConnection, over: int) -> int:
    query = select(seals).where(seals.c.hour < over, seals.c.chained < seals.c.records)
    query = query.order_by(seals.c.tenant_id, seals.c.hour).limit(AT_ONCE).with_for_update()
    rows = (await con.execute(query)).all()  # locked before the log is, as the drainer does it
    for row in rows:
        entry = AuditEntry(
            tenant_id=row.tenant_id,
            actor_kind="service",
            actor_id="headgate",
            action="records:seal",
            object_kind="hour",
            object_id=str(row.hour),
            after={"records": str(row.records), "sum": f"{total_of(columns(row)):064x}"},
        )
        await note(con, entry)
        mine = (seals.c.tenant_id == row.tenant_id, seals.c.hour == row.hour)
        await con.execute(update(seals).where(*mine).values(chained=row.records))
    return len(rows)
