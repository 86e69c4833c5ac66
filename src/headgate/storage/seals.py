"""Seals of the request log: for each tenant and hour, how many records there are and a keyed sum over all of them.

The drainer adds to the sums in the transaction that stores the records, in any order and from any machine; the audit
log takes over the sums of every hour that is over (``audit.duty``), and ``audit verify`` works them out again.
"""

from collections.abc import Iterable

from headgate.storage.audit_rows import KeyedSealing
from headgate.storage.sql import Sql

HOUR = 3_600_000_000
LANES = tuple(range(8))
WHOLE = 2**256
SEAL = """INSERT INTO seals (tenant_id, hour, records, chained, s0, s1, s2, s3, s4, s5, s6, s7)
    VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, hour) DO UPDATE SET
    records = seals.records + excluded.records, s0 = seals.s0 + excluded.s0, s1 = seals.s1 + excluded.s1,
    s2 = seals.s2 + excluded.s2, s3 = seals.s3 + excluded.s3, s4 = seals.s4 + excluded.s4,
    s5 = seals.s5 + excluded.s5, s6 = seals.s6 + excluded.s6, s7 = seals.s7 + excluded.s7"""
"""32 bits of the sum in each of eight columns, so that a database can add to them without a carry."""


def seal(con: Sql, sealing: KeyedSealing, stored: Iterable[tuple[str, int, bytes]]) -> None:
    """Add records that were new to the sums, inside the transaction that stored them.

    *stored* are tenant, instant (microseconds) and the record's bytes exactly as they stand in ``records.detail``.
    """
    con.executemany(SEAL, rows(sealing, stored))


def rows(sealing: KeyedSealing, stored: Iterable[tuple[str, int, bytes]]) -> list[tuple[object, ...]]:
    """Return what :data:`SEAL` takes, a row for each tenant and hour, in an order that all writers keep."""
    found: dict[tuple[str, int], list[int]] = {}
    for tenant_id, at, raw in stored:
        sums = found.setdefault((tenant_id, at // HOUR), [0, 0])
        sums[0] += 1
        sums[1] += sealing.record(raw)
    return [(*key, count, *lanes(total)) for key, (count, total) in sorted(found.items())]


def lanes(total: int) -> tuple[int, ...]:
    """Return a sum as the columns have it."""
    return tuple(total >> 32 * lane & 0xFFFFFFFF for lane in LANES)


def total_of(columns: Iterable[int]) -> int:
    """Return the sum that columns stand for, whichever way it was added up."""
    return sum(value << 32 * lane for lane, value in enumerate(columns)) % WHOLE
