"""Which hours of the request log have been archived; without SQLAlchemy. ``archived_until`` is for who deletes."""

from collections.abc import Iterator

import msgspec

from headgate.storage.expire import gone
from headgate.storage.sql import Sql

HOUR = 3_600_000_000
PUT = """INSERT INTO archives (tenant_id, kind, hour, rows, bytes, sha256, path, at)
    VALUES (?, 'records', ?, ?, ?, ?, ?, ?)
    ON CONFLICT (tenant_id, kind, hour) DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes,
    sha256 = excluded.sha256, path = excluded.path, at = excluded.at"""
LAST = "SELECT MAX(hour) FROM archives WHERE tenant_id = ? AND kind = 'records'"
EMPTY = "DELETE FROM archives WHERE tenant_id = ? AND kind = 'records' AND hour < ? AND rows = 0"
KEPT = "SELECT hour, rows FROM archives WHERE tenant_id = ? AND kind = 'records' AND hour >= ?"
FIRST = "SELECT MIN(at) FROM records WHERE tenant_id = ? AND at >= ? AND at < ?"
COUNT = "SELECT at / 3600000000 AS hour, COUNT(*) FROM records WHERE tenant_id = ? AND at >= ? AND at < ? GROUP BY 1"
SOME = """SELECT at, id, detail FROM records WHERE tenant_id = ? AND at >= ? AND at < ?
    AND (at > ? OR (at = ? AND id > ?)) ORDER BY at, id LIMIT ?"""
TENANTS = "SELECT id FROM tenants UNION SELECT DISTINCT tenant_id FROM archives"


class ArchiveRow(msgspec.Struct, frozen=True):
    """One hour of one tenant."""

    tenant_id: str
    hour: int
    """Whole hours since 1970."""
    rows: int
    """0 where the hour had none, and there is no file; of these the latest alone is remembered."""
    bytes: int
    sha256: str
    path: str
    at: int


def archived_until(sql: Sql, tenant_id: str) -> int | None:
    """Return the instant (microseconds since 1970) before which all calls of a tenant are in the archive.

    ``None`` where none are. Where the configuration has ``observe.archive``, what is later must not be deleted.
    """
    (hour,) = sql.execute(LAST, (tenant_id,)).fetchone()
    return None if hour is None else (hour + 1) * HOUR


def tenants(sql: Sql) -> list[str]:
    """Return the tenants there are, and those that are gone whose calls stay."""
    return sorted({*(id for (id,) in sql.execute(TENANTS).fetchall()), *gone(sql, "records")})


def next_hour(sql: Sql, tenant_id: str, since: int, until: int) -> int | None:
    """Return the first hour from *since* on and before *until* that has calls."""
    (at,) = sql.execute(FIRST, (tenant_id, since * HOUR, until * HOUR)).fetchone()
    return None if at is None else at // HOUR


def late(sql: Sql, tenant_id: str, since: int, until: int) -> list[int]:
    """Return the hours from *since* on and before *until* that have more calls now than their files, if any, have."""
    kept: dict[int, int] = dict(sql.execute(KEPT, (tenant_id, since)).fetchall())
    found = sql.execute(COUNT, (tenant_id, since * HOUR, until * HOUR)).fetchall()
    return sorted(hour for hour, rows in found if rows > kept.get(hour, 0))


def put(sql: Sql, row: ArchiveRow) -> None:
    """Remember that an hour is archived."""

    def work(sql: Sql) -> None:
        sql.execute(PUT, msgspec.structs.astuple(row))
        sql.execute(EMPTY, (row.tenant_id, row.hour))

    sql.transact(work)


def details(sql: Sql, tenant_id: str, hour: int, size: int) -> Iterator[list[str]]:
    """Yield the records of an hour as they were stored, oldest first, *size* at a time."""
    at, id = hour * HOUR, ""
    while found := sql.execute(SOME, (tenant_id, at, (hour + 1) * HOUR, at, at, id, size)).fetchall():
        at, id = found[-1][:2]
        yield [row[2] for row in found]


def said(sql: Sql, tenant_id: str, ids: list[str]) -> dict[str, bytes]:
    """Return the sealed bodies of what was said in some calls, by id."""
    marks = ", ".join("?" * len(ids))
    query = f"SELECT id, body FROM payloads WHERE tenant_id = ? AND id IN ({marks})"  # noqa: S608  # question marks
    return {id: bytes(body) for id, body in sql.execute(query, (tenant_id, *ids))}
