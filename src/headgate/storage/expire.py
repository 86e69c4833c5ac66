"""Removing what is older than it may be, some rows at a time: a small transaction, then a rest for all others."""

from collections.abc import Callable
from time import monotonic
from typing import Literal

import msgspec

from headgate.storage.sql import Sql

RECORDS = """DELETE FROM records WHERE id IN
    (SELECT id FROM records WHERE tenant_id = ? AND at < ? ORDER BY at LIMIT ?)"""
ROLLUPS = """DELETE FROM rollups WHERE (tenant_id, grain, cut, start, a, b, node) IN
    (SELECT tenant_id, grain, cut, start, a, b, node FROM rollups
     WHERE grain = ? AND start < ? AND tenant_id = ? ORDER BY start LIMIT ?)"""
ERRORS = """DELETE FROM error_groups WHERE (tenant_id, id, node) IN
    (SELECT tenant_id, id, node FROM error_groups WHERE tenant_id = ? AND last_at < ? LIMIT ?)"""
OLDEST = "SELECT MIN(start) FROM rollups WHERE grain = ?"
GONE = """SELECT id FROM (
    WITH RECURSIVE named(id) AS (
        SELECT MIN(tenant_id) FROM {0} UNION ALL
        SELECT (SELECT MIN(tenant_id) FROM {0} WHERE tenant_id > named.id) FROM named WHERE named.id IS NOT NULL)
    SELECT id FROM named WHERE id IS NOT NULL) AS found WHERE id NOT IN (SELECT id FROM tenants)"""
"""Steps from tenant to tenant by the table's index: to list them all would read every row."""
COUNT = "SELECT COUNT(*) FROM records WHERE tenant_id = ? AND at < ?"
AT_ONCE = 500


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """For how many days a tenant's are kept; ``None`` is for good."""

    records: int | None = None
    minutes: int | None = None
    hours: int | None = None
    days: int | None = None


Rest = Callable[[float], bool]
"""Waits so many seconds; true if there is to be an end."""


def gone(sql: Sql, *tables: Literal["records", "rollups", "error_groups", "payloads"]) -> list[str]:
    """Return the tenants of which there are rows in *tables*, and that are there no more."""
    return sorted({id for table in tables for (id,) in sql.execute(GONE.format(table)).fetchall()})


def records_before(sql: Sql, tenant_id: str, at: int) -> int:
    """Return how many records of a tenant are older than *at* (microseconds UTC)."""
    (count,) = sql.execute(COUNT, (tenant_id, at)).fetchone()
    return int(count)


def remove_records(sql: Sql, tenant_id: str, at: int, rest: Rest) -> int:
    """Remove records older than *at*; return how many that were."""
    return _all(sql, RECORDS, (tenant_id, at), rest)


def oldest_sums(sql: Sql, grain: int) -> int | None:
    """Return when the first window of *grain* (seconds) began, of all tenants; ``None`` where there is none."""
    (at,) = sql.execute(OLDEST, (grain,)).fetchone()
    return None if at is None else int(at)


def remove_sums(sql: Sql, tenant_id: str, grain: int, at: int, rest: Rest) -> int:
    """Remove sums of windows of *grain* (seconds) that began before *at*; return how many that were."""
    return _all(sql, ROLLUPS, (grain, at, tenant_id), rest)


def remove_errors(sql: Sql, tenant_id: str, at: int, rest: Rest) -> int:
    """Remove kinds of errors that were not met since *at*; return how many that were."""
    return _all(sql, ERRORS, (tenant_id, at), rest)


def _all(sql: Sql, statement: str, params: tuple[object, ...], rest: Rest) -> int:
    """Others get twice the time that this takes."""
    done = 0
    while True:
        begun = monotonic()
        gone = sql.transact(lambda sql: sql.execute(statement, (*params, AT_ONCE)).rowcount)
        done += gone
        if gone < AT_ONCE or rest(2 * (monotonic() - begun)):
            return done
