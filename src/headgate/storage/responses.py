"""Responses kept for a stated time, bounded in count and in size, and whose the objects are that providers keep.

On one machine they are in a small database of their own beside the main one; on a server, in a table like the others.

What belongs to one key is never another's: every row names its tenant and key, and every way in asks for both.
"""

import sqlite3
from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, time

import msgspec

from headgate.core.errors import Unavailable
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

MAX_ONE = 16 * 1024 * 1024
"""Bytes of one response and its input; a longer one is not kept."""
MAX_ALL = 2 * 1024 * 1024 * 1024
"""Bytes of all of them; past it, the oldest of whoever keeps most go."""
MAX_OWED = 64 * 1024 * 1024
"""Bytes on their way to the disk; past it, new ones are not kept."""
ROW = 200
"""Bytes of a row beside what is kept in it."""
CLAIM = 30 * 86_400
"""Seconds that OpenAI keeps a response; for so long it is remembered whose it is."""
FOREVER = 10 * 365 * 86_400
"""Seconds for which it is remembered whose any other object of a provider is, unless it is deleted before."""
BUDGET = 2.0
"""Seconds that a server may take for one of them."""
SWEEP = 60.0
"""Seconds between two looks at what has ended."""

_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    id TEXT NOT NULL, tenant_id TEXT NOT NULL, key_id TEXT NOT NULL, ends INTEGER NOT NULL, size INTEGER NOT NULL,
    provider TEXT, response BLOB, input BLOB, PRIMARY KEY (id, tenant_id, key_id)
);
CREATE INDEX IF NOT EXISTS kept_ends ON kept (ends, size);
"""

PUT = """INSERT INTO kept (id, tenant_id, key_id, ends, size, provider, response, input)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, tenant_id, key_id) DO UPDATE SET ends = excluded.ends,
    size = excluded.size, provider = excluded.provider, response = excluded.response, input = excluded.input"""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a response that its provider keeps."""

    guarded: bool = False
    """It is kept as no guardrail has seen it."""
    tokens: int | None = None
    """Prompt and answer, as its provider counted them."""


_note = msgspec.json.Decoder(Note).decode


class Kept(msgspec.Struct, frozen=True):
    """One response as it was kept."""

    response: bytes
    """The response, as JSON; empty where its provider keeps it itself."""
    input: bytes
    """Everything that led to it, as a JSON array of items."""
    provider: str | None = None
    """Who keeps it, where we do not."""

    @property
    def note(self) -> "Note":
        """What is remembered of one that its provider keeps."""
        return _note(self.input) if self.input else Note()


class KeptResponses:
    """The store. Writes happen soon, on a thread; ``keep`` is the time to keep for, in seconds: 0 keeps nothing."""

    __slots__ = ("_desk", "_owed", "_swept", "_where", "keep", "missed")

    def __init__(self, where: str | Path, keep: int) -> None:
        """*where* is the file for them alone, or the URL of a server's database. Nothing is opened yet."""
        self.keep = keep
        self.missed = 0
        """Responses that could not be kept: too long, too many at once, or a disk that takes nothing."""
        self._where = where
        self._desk: Desk | None = None
        self._owed = 0
        self._swept = 0.0

    def put(self, tenant_id: str, key_id: str, id_: str, response: bytes, items: bytes) -> None:
        """Keep a response of this key, and what led to it."""
        size = len(response) + len(items) + ROW
        if size > MAX_ONE:
            self.missed += 1
            return
        self._write((id_, tenant_id, key_id, int(time()) + self.keep, size, None, response, items), size)

    def claim(self, tenant_id: str, key_id: str, ids: Iterable[str], provider: str, note: Note | None = None) -> None:
        """Remember that a response which *provider* keeps, and what is in it, are this key's and its tenant's.

        The *note* is of the first of *ids*, the response.
        """
        work, look = _claims(tenant_id, key_id, ids, provider, CLAIM, note), self._due()
        self._opened().tell(work)
        if look:
            self._opened().tell(sweep, lock=("kept",))

    async def own(self, tenant_id: str, key_id: str, ids: Iterable[str], provider: str) -> None:
        """Remember that objects which *provider* keeps are this tenant's; return once that is stored.

        Where the store does not answer they are remembered as soon as it does again.
        """
        work, desk = _claims(tenant_id, key_id, ids, provider, FOREVER), self._opened()
        with suppress(Unavailable):
            await desk.ask(work, never=lambda: desk.tell(work))

    def owned(self, tenant_id: str, provider: str, ids: Sequence[str]) -> "Future[set[str]]":
        """Return which of *ids*, at most 1,000, name objects of *provider* that are this tenant's."""

        def work(sql: Sql) -> set[str]:
            marks = ", ".join("?" * len(ids))
            found = sql.execute(
                f"SELECT id FROM kept WHERE id IN ({marks}) AND tenant_id = ? AND provider = ? AND ends > ?",  # noqa: S608  # question marks
                (*ids, tenant_id, provider, int(time())),
            )
            return {row[0] for row in found}

        return self._opened().ask(work)

    async def disown(self, tenant_id: str, provider: str, ids: Sequence[str]) -> None:
        """Forget objects of *provider* that are no more; as :meth:`own`."""
        rows, desk = [(id_, tenant_id, provider) for id_ in ids], self._opened()

        def work(sql: Sql) -> None:
            sql.executemany("DELETE FROM kept WHERE id = ? AND tenant_id = ? AND provider = ?", rows)

        with suppress(Unavailable):
            await desk.ask(work, never=lambda: desk.tell(work))

    def find(self, tenant_id: str, key_id: str, id_: str) -> "Future[Kept | bool]":
        """Return what this key kept under *id_*; else whether it is somebody else's."""

        def work(sql: Sql) -> Kept | bool:
            found = sql.execute(
                "SELECT tenant_id, key_id, response, input, provider FROM kept WHERE id = ? AND ends > ?",
                (id_, int(time())),
            ).fetchall()
            mine = next((row for row in found if row[:2] == (tenant_id, key_id)), None)
            return Kept(mine[2] or b"", mine[3] or b"", mine[4]) if mine is not None else bool(found)

        return self._opened().ask(work)

    def delete(self, tenant_id: str, key_id: str, id_: str) -> "Future[bool]":
        """Forget what this key kept under *id_*; return whether there was anything."""

        def work(sql: Sql) -> bool:
            gone = sql.execute(
                "DELETE FROM kept WHERE id = ? AND tenant_id = ? AND key_id = ? AND ends > ? AND provider IS NULL",
                (id_, tenant_id, key_id, int(time())),
            )
            return gone.rowcount > 0

        return self._opened().ask(work)

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        if self._desk is not None:
            self._desk.close()

    def _opened(self) -> Desk:
        if self._desk is None:
            refusal = "What is kept, and what at a provider is whose, cannot be looked up at the moment."
            prepare = partial(create, self._where) if isinstance(self._where, Path) else None
            self._desk = Desk(self._where, prepare=prepare, refusal=refusal, budget=BUDGET)
        return self._desk

    def _due(self) -> bool:
        """Whether it is time to look at what has ended; whoever asks is to do it."""
        look = monotonic() - self._swept > SWEEP
        if look:
            self._swept = monotonic()
        return look

    def _write(self, row: tuple[object, ...], size: int) -> None:
        if self._owed + size > MAX_OWED:
            self.missed += 1
            return
        self._owed += size
        look = self._due()

        def work(sql: Sql) -> None:
            sql.execute(PUT, row)
            if look:
                sweep(sql)

        def written(done: "Future[None]") -> None:
            self._owed -= size
            if done.cancelled() or done.exception() is not None:
                self.missed += 1

        self._opened().ask(work, lock=("kept",) if look else ()).add_done_callback(written)


def _claims(
    tenant_id: str, key_id: str, ids: Iterable[str], provider: str, lasts: int, note: Note | None = None
) -> Callable[[Sql], None]:
    ends, told = int(time()) + lasts, msgspec.json.encode(note) if note is not None else None
    rows = [(id_, tenant_id, key_id, ends, ROW, provider, None, None if n else told) for n, id_ in enumerate(ids)]
    return lambda sql: sql.executemany(PUT, rows)


def create(path: Path) -> None:
    """Make the database where there is none, readable by its owner alone."""
    if not path.exists():
        path.touch(0o600)
    con = sqlite3.connect(path, timeout=5.0)
    try:
        con.execute("PRAGMA journal_mode=WAL")
        con.executescript(_TABLE)
    finally:
        con.close()


def sweep(sql: Sql, most: int = MAX_ALL) -> None:
    """Forget what has ended, and past *most* bytes the oldest of whoever keeps most."""
    sql.execute("DELETE FROM kept WHERE ends <= ?", (int(time()),))
    total = sql.execute("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM kept").fetchone()[0]
    while total > most:
        tenant, key, mine = sql.execute(
            "SELECT tenant_id, key_id, CAST(SUM(size) AS BIGINT) AS mine FROM kept"
            " GROUP BY 1, 2 ORDER BY mine DESC LIMIT 1"
        ).fetchone()
        left = min(total - most, mine)
        rows = sql.execute("SELECT id, size FROM kept WHERE tenant_id = ? AND key_id = ? ORDER BY ends", (tenant, key))
        for id_, size in rows.fetchall():
            sql.execute("DELETE FROM kept WHERE id = ? AND tenant_id = ? AND key_id = ?", (id_, tenant, key))
            left -= size
            total -= size
            if left <= 0:
                break
