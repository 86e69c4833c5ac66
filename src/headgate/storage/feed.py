"""The request path's reader of keys: plain sqlite3 in one thread of its own, no cache."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time_ns
from typing import TypeVar

from headgate.core.errors import Unavailable
from headgate.storage.lookups import key_by_digest
from headgate.storage.sqlite import connect
from headgate.storage.tenancy_rows import Found
from headgate.storage.types import Change

T = TypeVar("T")

MAX_CHANGES = 1000
CHANGES = "SELECT seq, kind, object_id, tenant_id FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"
LAST = "SELECT seq, kind, object_id, tenant_id FROM changes ORDER BY seq DESC LIMIT 1"


class SqliteKeyFeed:
    """:class:`headgate.storage.types.KeyFeed` on the embedded database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._con: sqlite3.Connection | None = None

    async def lookup(self, digest: bytes) -> Found | None:
        """See :class:`headgate.storage.types.KeyFeed`."""
        return await self._ask(lambda con: key_by_digest(con, digest, time_ns() // 1000))

    async def changes(self, after: int) -> list[Change]:
        """See :class:`headgate.storage.types.KeyFeed`."""
        return await self._ask(lambda con: _changes(con, after))

    def close(self) -> None:
        """End the thread. A question that is being answered is waited for."""
        self._thread.shutdown()
        if self._con is not None:
            self._con.close()
            self._con = None

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._con is None:
                self._con = connect(self._path)
                self._con.execute("PRAGMA query_only=1")
            return question(self._con)
        except sqlite3.Error as error:
            if self._con is not None:
                self._con.close()
                self._con = None
            raise Unavailable("Keys cannot be checked at the moment. Try again.", code="auth_unavailable") from error


def _changes(con: sqlite3.Connection, after: int) -> list[Change]:
    rows = con.execute(LAST) if after < 0 else con.execute(CHANGES, (after, MAX_CHANGES))
    return [Change(*row) for row in rows]
