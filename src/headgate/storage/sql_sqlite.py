"""The embedded database behind :class:`headgate.storage.sql.Sql`."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic, monotonic_ns, sleep, time_ns
from typing import TypeVar

from headgate.storage.sql import PATIENCE, BadValue, DiskFull, Kind, Rows, Sql, SqlError, StoreDown, TableMissing
from headgate.storage.sqlite import connect, is_full

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.0001, 0.005
POISONS = (
    OverflowError,
    UnicodeError,
    ValueError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""What a value may do to a statement. Everything else is the database's fault and passes."""


class SqliteSql:
    """One connection; a transaction holds the lock of the only writer, so names need none."""

    kind: Kind = "sqlite"

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        """*patience* is how many seconds a lock of others is waited for."""
        self._path = path
        self._patience = patience
        self._con: sqlite3.Connection | None = None

    def transact(self, work: Callable[[Sql], T], lock: Iterable[str] = ()) -> T:
        """See :class:`headgate.storage.sql.Sql`."""
        con = self._opened()
        try:
            self._begin(con)
            done = work(self)
            con.execute("COMMIT")
            return done
        except sqlite3.Error as error:
            raise self._failed(error) from error
        finally:
            if con.in_transaction:
                con.execute("ROLLBACK")

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """See :class:`headgate.storage.sql.Sql`."""
        con = self._opened()
        try:
            cursor = con.execute(sql, params)
            return Rows(cursor.fetchall(), cursor.rowcount)
        except Exception as error:
            raise self._failed(error) from error

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """See :class:`headgate.storage.sql.Sql`."""
        try:
            self._opened().executemany(sql, rows)
        except Exception as error:
            raise self._failed(error) from error

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """See :class:`headgate.storage.sql.Sql`."""
        con = self._opened()
        before = con.total_changes
        self.executemany(sql, rows)
        return con.total_changes - before

    def lock(self, names: Iterable[str]) -> None:
        """See :class:`headgate.storage.sql.Sql`. There is no other writer."""

    def now(self) -> int:
        """See :class:`headgate.storage.sql.Sql`."""
        return time_ns() // 1000

    def ticks(self) -> int:
        """See :class:`headgate.storage.sql.Sql`."""
        return monotonic_ns()

    def committed(self, transaction: str) -> bool:
        """See :class:`headgate.storage.sql.Sql`. A local commit leaves no doubt, so nobody asks."""
        return False

    def close(self) -> None:
        """See :class:`headgate.storage.sql.Sql`."""
        if self._con is not None:
            self._con.close()
            self._con = None

    def _opened(self) -> sqlite3.Connection:
        if self._con is None:
            try:
                self._con = connect(self._path, timeout=self._patience)
            except sqlite3.Error as error:
                raise DiskFull() if is_full(error) else StoreDown(f"{self._path}: {error}") from error
        return self._con

    def _begin(self, con: sqlite3.Connection) -> None:
        """Begin a transaction that writes, as soon as no other process does.

        SQLite's own waiting sleeps up to 100 ms at a time; other writers here need a tenth of one.
        """
        until, pause = monotonic() + self._patience, FIRST_PAUSE
        con.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    con.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > until:
                        raise
                sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
        finally:
            con.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")

    def _failed(self, error: Exception) -> Exception:
        """Return what to raise for *error*."""
        if isinstance(error, POISONS):
            return BadValue(str(error))
        if not isinstance(error, sqlite3.Error):
            return error
        if is_full(error):
            return DiskFull()
        if "no such table" in str(error):
            return TableMissing(str(error))
        return StoreDown(str(error)) if isinstance(error, sqlite3.OperationalError) else SqlError(str(error))
