"""Entries in a file of this machine, for all of its workers. What asks the file is a thread, never the event loop."""

import asyncio
import logging
import sqlite3
from functools import partial
from pathlib import Path
from time import monotonic

from headgate.cache.seal import Sealer
from headgate.cache.types import ALL, Counts, Entry, Matching
from headgate.core.errors import Unavailable
from headgate.core.ids import now
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

ROWS = 1000
"""Rows that are looked at or removed in one statement."""
TOUCH = 60_000_000
"""Microseconds: a use that follows another so soon is not written down."""
SWEEP = 60.0

_TABLE = """
CREATE TABLE IF NOT EXISTS entries (
    tenant_id TEXT NOT NULL, key BLOB NOT NULL, used INTEGER NOT NULL, expires INTEGER NOT NULL, size INTEGER NOT NULL,
    model TEXT NOT NULL, route TEXT NOT NULL, key_id TEXT, sealed BLOB NOT NULL, PRIMARY KEY (tenant_id, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_used ON entries (used, size);
CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires);
"""
GET = "SELECT sealed, used FROM entries WHERE tenant_id = ? AND key = ? AND expires > ?"
PUT = """INSERT INTO entries (tenant_id, key, used, expires, size, model, route, key_id, sealed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, key) DO UPDATE SET used = excluded.used,
    expires = excluded.expires, size = excluded.size, model = excluded.model, route = excluded.route,
    key_id = excluded.key_id, sealed = excluded.sealed"""
OLDEST = "SELECT tenant_id, key, size FROM entries ORDER BY used LIMIT ?"
DROP = "DELETE FROM entries WHERE tenant_id = ? AND key = ?"
CLEAR = """DELETE FROM entries WHERE (? IS NULL OR tenant_id = ?) AND (? IS NULL OR key_id = ?)
    AND (? IS NULL OR model = ? OR route = ?)"""
COUNT = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM entries"

log = logging.getLogger("headgate.cache")


class SqliteStore:
    """See :class:`headgate.cache.types.Exact`."""

    def __init__(self, file: Path, sealer: Sealer, max_bytes: int, max_entries: int) -> None:
        self._sealer = sealer
        self._most = (max_bytes, max_entries)
        self._desk = Desk(file, prepare=partial(create, file), refusal="The cache cannot be read at the moment.")
        self._added = 0
        self._swept = monotonic()

    async def get(self, tenant_id: str, key: bytes) -> Entry | None:
        """See ``Exact``."""
        at = now()

        def work(sql: Sql) -> bytes | None:
            row = sql.execute(GET, (tenant_id, key, at)).fetchone()
            if row is None:
                return None
            if at - row[1] > TOUCH:
                sql.execute("UPDATE entries SET used = ? WHERE tenant_id = ? AND key = ?", (at, tenant_id, key))
            return bytes(row[0])

        try:
            sealed = await self._desk.ask(work)
        except Unavailable:
            return None
        if sealed is None:
            return None
        entry = self._sealer.open(tenant_id, key, sealed)
        if entry is None:
            await self.drop(tenant_id, key)
        return entry

    async def put(self, tenant_id: str, key: bytes, entry: Entry) -> bool:
        """See ``Exact``."""
        if entry.size > self._most[0]:
            return False
        sealed = self._sealer.close(tenant_id, key, entry)
        row = (
            tenant_id, key, now(), entry.expires, entry.size, entry.model, entry.route, entry.key_id, sealed
        )  # fmt: skip
        self._added += entry.size
        full = self._added > self._most[0] // 64 or monotonic() - self._swept > SWEEP
        if full:
            self._added, self._swept = 0, monotonic()

        def work(sql: Sql) -> bool:
            sql.execute(PUT, row)
            if full:
                bound(sql, *self._most)
            return True

        try:
            return await self._desk.ask(work)
        except Unavailable:
            return False

    async def drop(self, tenant_id: str, key: bytes) -> None:
        """See ``Exact``."""
        self._desk.tell(lambda sql: sql.execute(DROP, (tenant_id, key)))

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """See ``Exact``."""
        params = (tenant_id, tenant_id, which.key_id, which.key_id, which.model, which.model, which.model)
        return await self._desk.ask(lambda sql: sql.execute(CLEAR, params).rowcount)

    async def counts(self, tenant_id: str | None) -> Counts:
        """See ``Exact``."""
        where, params = ("", ()) if tenant_id is None else (" WHERE tenant_id = ?", (tenant_id,))
        try:
            entries, size = await self._desk.ask(lambda sql: sql.execute(COUNT + where, params).fetchone())
        except Unavailable:
            return Counts()
        return Counts(entries=entries, bytes=size)

    async def sweep(self) -> None:
        """See ``Exact``."""
        try:
            await self._desk.ask(lambda sql: bound(sql, *self._most))
        except Unavailable:
            log.warning("a cache's file cannot be written")

    async def close(self) -> None:
        """See ``Exact``."""
        await asyncio.to_thread(self._desk.close)


def create(file: Path) -> None:
    """Make the file where there is none, readable by its owner alone."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        file.touch(0o600)
    con = sqlite3.connect(file, timeout=5.0)
    try:
        con.execute("PRAGMA journal_mode=WAL")
        con.executescript(_TABLE)
    finally:
        con.close()


def bound(sql: Sql, max_bytes: int, max_entries: int) -> None:
    """Remove what has expired, and past the bounds what was used longest ago."""
    sql.execute("DELETE FROM entries WHERE expires <= ?", (now(),))
    entries, size = sql.execute(COUNT).fetchone()
    while size > max_bytes or entries > max_entries:
        gone = []
        for tenant_id, key, one in sql.execute(OLDEST, (ROWS,)):
            if size <= max_bytes and entries <= max_entries:
                break
            gone.append((tenant_id, key))
            size, entries = size - one, entries - 1
        sql.executemany(DROP, gone)
