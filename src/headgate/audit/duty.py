"""What the audit log does by itself: it takes over the sums of the request log of every hour that is over."""

from headgate.storage.audit_now import note_all
from headgate.storage.audit_rows import AuditEntry, KeyedSealing
from headgate.storage.seals import HOUR, total_of
from headgate.storage.sql import Sql

GRACE = 60_000_000
"""Microseconds after the end of an hour, for those who end a call a moment late."""
OPEN = "SELECT 1 FROM seals WHERE chained < records AND hour < ? LIMIT 1"
READ = """SELECT tenant_id, hour, records, s0, s1, s2, s3, s4, s5, s6, s7 FROM seals
    WHERE chained < records AND hour < ? ORDER BY tenant_id, hour LIMIT 200"""
CHAINED = "UPDATE seals SET chained = ? WHERE tenant_id = ? AND hour = ?"


def seal_hours(sql: Sql, sealing: KeyedSealing, now: int | None = None) -> int:
    """Enter what was added to hours that are over into the audit log; return how many hours that was. Blocks."""
    over = ((now or sql.now()) - GRACE) // HOUR
    done = 0
    while sql.execute(OPEN, (over,)).fetchone():
        done += sql.transact(lambda sql: _chain(sql, sealing, over))
    return done


def _chain(sql: Sql, sealing: KeyedSealing, over: int) -> int:
    locked = " FOR UPDATE" if sql.kind == "postgresql" else ""  # before the log, as the drainer locks them
    rows = sql.execute(READ + locked, (over,)).fetchall()
    note_all(sql, [_entry(row[0], row[1], row[2], total_of(row[3:])) for row in rows], sealing)
    sql.executemany(CHAINED, [(records, tenant_id, hour) for tenant_id, hour, records, *_ in rows])
    return len(rows)


def _entry(tenant_id: str, hour: int, records: int, total: int) -> AuditEntry:
    return AuditEntry(
        tenant_id=tenant_id,
        actor_kind="service",
        actor_id="headgate",
        action="records:seal",
        object_kind="hour",
        object_id=str(hour),
        after={"records": str(records), "sum": f"{total:064x}"},
    )
