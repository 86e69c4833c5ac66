"""The request path's reader of keys: plain sqlite3 in one thread of its own, no cache."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time_ns
from typing import TypeVar

import msgspec

from headgate.core.errors import Unavailable
from headgate.storage.sqlite import connect
from headgate.storage.types import Change, KeyRow

T = TypeVar("T")

MAX_CHANGES = 1000
FIELDS = KeyRow.__struct_fields__
BOOLEAN = FIELDS.index("is_active")
LOOKUP = f"""SELECT {", ".join(f"keys.{name}" for name in FIELDS)} FROM keys
    JOIN tenants ON tenants.id = keys.tenant_id AND tenants.is_active
    WHERE key_hash = ?1
    UNION ALL SELECT {", ".join(f"keys.{name}" for name in FIELDS)} FROM keys
    JOIN tenants ON tenants.id = keys.tenant_id AND tenants.is_active
    WHERE rotated_from = ?1 AND overlap_until > ?2"""  # noqa: S608 - the names are our own
CHANGES = "SELECT seq, kind, object_id, tenant_id FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"
LAST = "SELECT seq, kind, object_id, tenant_id FROM changes ORDER BY seq DESC LIMIT 1"


class SqliteKeyFeed:
    """:class:`headgate.storage.types.KeyFeed` on the embedded database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._con: sqlite3.Connection | None = None

    async def lookup(self, digest: bytes) -> KeyRow | None:
        """See :class:`headgate.storage.types.KeyFeed`."""
        return await self._ask(lambda con: _lookup(con, digest, time_ns() // 1000))

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


def _lookup(con: sqlite3.Connection, digest: bytes, now: int) -> KeyRow | None:
    row = con.execute(LOOKUP, (digest, now)).fetchone()
    if row is None:
        return None
    values = dict(zip(FIELDS, row, strict=True))
    values["is_active"] = bool(row[BOOLEAN])
    found = KeyRow(**values)
    if found.key_hash == digest:
        return found
    end = found.overlap_until if found.expires_at is None else min(found.expires_at, found.overlap_until or now)
    return msgspec.structs.replace(found, expires_at=end)


def _changes(con: sqlite3.Connection, after: int) -> list[Change]:
    rows = con.execute(LAST) if after < 0 else con.execute(CHANGES, (after, MAX_CHANGES))
    return [Change(*row) for row in rows]
