"""One small way to say SQL to either database, in a thread: SQLite by ``sqlite3``, PostgreSQL by ``asyncpg``.

The request path and the drainer use it, where SQLAlchemy would cost too much; what they say is in the words that both
databases share:

- Parameters are ``?``. An upsert names its target (``ON CONFLICT (id) DO UPDATE``) and its table on the right
  (``SET nano = balances.nano + excluded.nano``); ``ON CONFLICT DO NOTHING`` stands for ``INSERT OR IGNORE``.
- The greater of two values is a ``CASE``; a sum of big integers is cast (``CAST(SUM(nano) AS BIGINT)``) or PostgreSQL
  makes a decimal of it; booleans are Python's.
- SQLite has one writer at a time. On PostgreSQL transactions run side by side, each statement on what was committed
  when it began: **what must agree is read in one statement, and who decides by it locks a name first** (``lock``).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from headgate.storage.sqlite import path_of

T = TypeVar("T")
Row = tuple[Any, ...]
Kind = Literal["sqlite", "postgresql"]

PATIENCE = 5.0
"""Seconds that a lock, a connection or a statement is waited for, where nobody says otherwise."""
RETRIES = 3
"""How often a transaction that lost against another is done again before anybody hears of it."""


class SqlError(Exception):
    """The database did not do what it was told. The transaction is over, and nothing of it was stored."""


class StoreDown(SqlError):
    """It cannot be reached, is locked or full, or took longer than is waited for: later it may work."""


class DiskFull(StoreDown):
    """There is no room left where its file is."""

    def __init__(self) -> None:
        super().__init__("the disk is full")


class InDoubt(StoreDown):
    """The connection broke during the commit: ask :meth:`Sql.committed` before doing it again."""

    def __init__(self, transaction: str, why: str) -> None:
        super().__init__(why)
        self.transaction = transaction


class BadValue(SqlError):
    """This value cannot be stored, now or later: too large, of another type, not text, there already."""


class TableMissing(SqlError):
    """The database is not made yet, or older than what is asked of it."""


class Rows:
    """What a statement answered: its rows, and how many rows it changed."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Row], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def fetchone(self) -> Any:
        """Return the first row, ``None`` where there is none."""
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Row]:
        """Return all rows."""
        return list(self._rows)


class Sql(Protocol):
    """One connection, for one thread at a time; it opens on first use and again after it broke. Raises ``SqlError``."""

    kind: Kind

    def transact(self, work: "Callable[[Sql], T]", lock: Iterable[str] = ()) -> T:
        """Do *work* in one transaction and return what it returns; done again where it lost against another's.

        The transaction holds the names in *lock* until it ends: of those who lock a name, one comes after the other.
        *work* must change nothing but the database, and must not end the transaction.
        """
        ...

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one statement, inside :meth:`transact` or, for reading, alone."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement with each of *rows*."""
        ...

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Run an ``INSERT ... ON CONFLICT DO NOTHING`` with each of *rows*; return how many were new."""
        ...

    def lock(self, names: Iterable[str]) -> None:
        """Lock more names until the transaction ends. Who locks some, and later more, may wait in a circle: be last."""
        ...

    def now(self) -> int:
        """Return microseconds since 1970 (UTC) by the store's clock; in a transaction, those when it had its locks."""
        ...

    def ticks(self) -> int:
        """Return nanoseconds of a clock that all users of the store share; a machine's own is its monotonic one."""
        ...

    def committed(self, transaction: str) -> bool:
        """Return whether the transaction of an :class:`InDoubt` was stored; waits for its end."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def open_sql(where: str | Path, *, patience: float = PATIENCE) -> Sql:
    """Return a connection to ``sqlite:///path``, a path or ``postgresql://...``; nothing is opened yet.

    *patience* is how many seconds a lock, a connection and each statement are waited for.
    """
    path = where if isinstance(where, Path) else path_of(where)
    if path is not None:
        from headgate.storage.sql_sqlite import SqliteSql

        return SqliteSql(path, patience=patience)
    from headgate.storage.sql_postgres import PostgresSql

    return PostgresSql(str(where), patience=patience)


def without_password(where: str | Path) -> str:
    """Return what a message may say of a database: its path, or its URL without the password."""
    if isinstance(where, Path):
        return str(where)
    scheme, found, rest = where.partition("://")
    credentials, at, place = rest.rpartition("@")
    user = credentials.partition(":")[0]
    place = place.partition("?")[0]
    return f"{scheme}{found}{user}{at}{place}" if at else f"{scheme}{found}{place}"
