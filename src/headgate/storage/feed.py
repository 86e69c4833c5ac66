"""The request path's reader of keys: one connection in one thread of its own, no cache."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from headgate.core.errors import Unavailable
from headgate.storage.lookups import key_by_digest
from headgate.storage.sql import Sql, SqlError, open_sql
from headgate.storage.tenancy_rows import Found
from headgate.storage.types import Change

T = TypeVar("T")

MAX_CHANGES = 1000
CHANGES = "SELECT seq, kind, object_id, tenant_id FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"
LAST = "SELECT seq, kind, object_id, tenant_id FROM changes ORDER BY seq DESC LIMIT 1"
PATIENCE = 2.0
BUDGET = {"sqlite": None, "postgresql": 0.25}
"""Seconds that a request waits for a key: a server that is slower than that would make all of them slow."""


class SqlKeyFeed:
    """:class:`headgate.storage.types.KeyFeed` on SQLite or PostgreSQL."""

    def __init__(self, where: str | Path) -> None:
        """*where* is a path or a database URL; nothing is opened yet."""
        self._sql = open_sql(where, patience=PATIENCE)
        self._budget = BUDGET[self._sql.kind]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keys")

    async def lookup(self, digest: bytes) -> Found | None:
        """See :class:`headgate.storage.types.KeyFeed`."""
        try:
            async with asyncio.timeout(self._budget):
                return await self._ask(lambda sql: key_by_digest(sql, digest, sql.now()))
        except TimeoutError as error:
            raise _unavailable() from error

    async def changes(self, after: int) -> list[Change]:
        """See :class:`headgate.storage.types.KeyFeed`."""
        return await self._ask(lambda sql: _changes(sql, after))

    def close(self) -> None:
        """End the thread. A question that is being answered is waited for."""
        self._thread.submit(self._sql.close)
        self._thread.shutdown()

    async def _ask(self, question: Callable[[Sql], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    def _answer(self, question: Callable[[Sql], T]) -> T:
        try:
            return question(self._sql)
        except SqlError as error:
            self._sql.close()
            raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable("Keys cannot be checked at the moment. Try again.", code="auth_unavailable")


def _changes(sql: Sql, after: int) -> list[Change]:
    rows = sql.execute(LAST) if after < 0 else sql.execute(CHANGES, (after, MAX_CHANGES))
    return [Change(*row) for row in rows]
