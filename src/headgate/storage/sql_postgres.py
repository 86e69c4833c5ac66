"""PostgreSQL behind :class:`headgate.storage.sql.Sql`: ``asyncpg`` on an event loop of the connection's own.

The loop runs only while a statement does, in whichever thread says it. A broken connection is opened again by the next
transaction; one that broke while it was idle is not even noticed.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from time import sleep
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]

from headgate.storage.sql import (
    PATIENCE,
    RETRIES,
    BadValue,
    InDoubt,
    Kind,
    Rows,
    Sql,
    SqlError,
    StoreDown,
    TableMissing,
)

T = TypeVar("T")

CONNECT_SECONDS = 2.0
GRACE_SECONDS = 1.0
"""How much longer than the server an answer is waited for, before the connection is given up."""
PAUSE = 0.01
LOST = (
    asyncpg.InterfaceError,  # about a value it is a ValueError as well, and no loss
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,  # what was the primary is not any more
    OSError,
    EOFError,
)
"""Ends of a connection."""
LOSERS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
"""What may befall a transaction because of another, or of a migration: done again, it works."""
POISONS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,  # a value that is too large for its index
    ValueError,
    TypeError,
    OverflowError,
)

LOCK = """WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(name) FROM unnest($1::bigint[]) AS name)
    SELECT count(*), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_current_xact_id()::text FROM held"""
CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
STATUS = "SELECT pg_xact_status($1::text::xid8)"


class PostgresSql:
    """One connection, and a loop to drive it."""

    kind: Kind = "postgresql"

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        """*patience* is how many seconds the server may take for one statement."""
        self._url = url
        self._patience = patience
        self._loop: asyncio.AbstractEventLoop | None = None
        self._con: Any = None
        self._inside = False
        self._now = 0
        self._transaction = ""

    def transact(self, work: Callable[[Sql], T], lock: Iterable[str] = ()) -> T:
        """See :class:`headgate.storage.sql.Sql`."""
        locked = numbers(lock)
        for turn in range(RETRIES + 1):
            try:
                return self._once(work, locked)
            except Loser as error:
                if turn == RETRIES:
                    raise StoreDown(str(error)) from error
                sleep(PAUSE * 2**turn * (0.5 + random.random()))
        raise AssertionError("unreachable")

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """See :class:`headgate.storage.sql.Sql`."""
        text, answers = numbered(sql)
        if answers:
            rows = self._read(text, params)
            return Rows([tuple(row) for row in rows], len(rows))
        status = self._run(self._opened().execute(text, *params))
        count = status.rpartition(" ")[2]
        return Rows((), int(count) if count.isdecimal() else -1)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """See :class:`headgate.storage.sql.Sql`."""
        self._run(self._opened().executemany(numbered(sql)[0], rows))

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """See :class:`headgate.storage.sql.Sql`."""
        return len(self._run(self._opened().fetchmany(numbered(sql)[0] + " RETURNING 1", rows)))

    def lock(self, names: Iterable[str]) -> None:
        """See :class:`headgate.storage.sql.Sql`."""
        self._run(self._opened().fetchrow(LOCK, numbers(names)))

    def now(self) -> int:
        """See :class:`headgate.storage.sql.Sql`."""
        return self._now or int(self._run(self._opened().fetchval(CLOCK)))

    def ticks(self) -> int:
        """See :class:`headgate.storage.sql.Sql`."""
        return self.now() * 1000

    def committed(self, transaction: str) -> bool:
        """See :class:`headgate.storage.sql.Sql`."""
        con = self._opened()
        try:
            while (state := self._run(con.fetchval(STATUS, transaction))) == "in progress":
                sleep(PAUSE)
        except BadValue:  # a server that took the first one's place has not come so far
            return False
        return bool(state == "committed")

    def close(self) -> None:
        """See :class:`headgate.storage.sql.Sql`."""
        con, self._con = self._con, None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        with suppress(Exception):
            if con is not None:
                loop.run_until_complete(_closed(con))
        with suppress(Exception):
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _once(self, work: Callable[[Sql], T], names: list[int]) -> T:
        self._begin()
        self._inside = True
        try:
            _, self._now, self._transaction = self._run(self._con.fetchrow(LOCK, names))
            done = work(self)
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._now, self._inside = 0, False
        try:
            self._run(self._con.execute("COMMIT"))
        except StoreDown as error:
            if self._con is None:
                raise InDoubt(self._transaction, str(error)) from error
            self._roll_back()
            raise
        return done

    def _read(self, text: str, params: Sequence[object]) -> list[Any]:
        idle = self._con is not None and not self._inside
        try:
            return list(self._run(self._opened().fetch(text, *params)))
        except StoreDown:
            if not idle or self._con is not None:
                raise
            return list(self._run(self._opened().fetch(text, *params)))

    def _begin(self) -> None:
        idle = self._con is not None
        try:
            self._run(self._opened().execute("BEGIN"))
        except StoreDown:
            if not idle or self._con is not None:
                raise
            self._run(self._opened().execute("BEGIN"))  # it broke while nobody looked: the server may well be there

    def _roll_back(self) -> None:
        if self._con is not None:
            with suppress(SqlError):
                self._run(self._con.execute("ROLLBACK"))

    def _opened(self) -> Any:
        if self._con is not None and self._con.is_closed():
            self._con = None
        if self._con is None:
            if self._inside:
                raise StoreDown("the connection was lost")  # on another one this would be outside of the transaction
            self._con = self._run(self._connect())
        return self._con

    async def _connect(self) -> Any:
        limit = str(int(self._patience * 1000))
        settings = {"application_name": "headgate", "statement_timeout": limit, "timezone": "UTC"}
        settings["synchronous_commit"] = "on"  # a grant or a record that is acknowledged must not be undone by a crash
        settings["idle_in_transaction_session_timeout"] = str(int((self._patience + GRACE_SECONDS) * 1000))
        return await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, server_settings=settings)

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Drive one statement to its end; whatever goes wrong comes out as an ``SqlError``."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        try:
            return self._loop.run_until_complete(_within(doing, self._patience + GRACE_SECONDS))
        except LOSERS as error:
            raise Loser(str(error)) from error
        except asyncpg.UndefinedTableError as error:
            raise TableMissing(str(error)) from error
        except POISONS as error:
            raise BadValue(str(error)) from error
        except asyncpg.QueryCanceledError as error:
            raise StoreDown(str(error)) from error
        except (TimeoutError, *LOST) as error:
            self._give_up()
            raise StoreDown(str(error) or "it does not answer") from error
        except asyncpg.PostgresError as error:
            raise StoreDown(str(error)) from error
        except BaseException:
            self._give_up()  # a statement may be half said
            raise

    def _give_up(self) -> None:
        con, self._con = self._con, None
        if con is not None and self._loop is not None:
            con.terminate()
            self._loop.run_until_complete(asyncio.sleep(0))


class Loser(StoreDown):
    """This transaction lost against another one."""


async def _within(doing: Coroutine[Any, Any, T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await doing


async def _closed(con: Any) -> None:
    try:
        await con.close(timeout=GRACE_SECONDS)
    except (TimeoutError, *LOST):
        con.terminate()
        await asyncio.sleep(0)


@lru_cache(1024)
def numbered(sql: str) -> tuple[str, bool]:
    """Return *sql* with ``$1, $2`` for its marks, and whether it answers with rows.

    >>> numbered("UPDATE t SET a = ? WHERE b = ?")
    ('UPDATE t SET a = $1 WHERE b = $2', False)
    """
    first, *rest = sql.split("?")
    text = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
    return text, text.lstrip()[:6].upper() == "SELECT" or " RETURNING " in text


def numbers(names: Iterable[str]) -> list[int]:
    """Return the 64 bits that stand for each of *names* among the server's advisory locks, in the order to take."""
    digests = (
        blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, person=b"headgate").digest()
        for name in set(names)
    )
    return sorted(int.from_bytes(digest, signed=True) for digest in digests)
