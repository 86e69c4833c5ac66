"""What processes tell each other of a semantic cache: questions that were answered, and outcomes. Signed records,
in the order they came, by tenant and place; each place holds its last so many.

In a file for the workers of one machine, in Redis for all machines, or in memory for one process alone.
"""

import asyncio
import hmac
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Down
from headgate.storage.redis import Redis, RedisDown

TAG = 16
READ = 2_000
"""Records that are read at once."""
PLACES = 10_000
OUTCOMES = "outcomes"
"""The place of what was verified; all others are scopes."""
SECONDS = 2.0
REDIS_SECONDS = 0.5
REST = 1.0
"""Seconds for which a Redis that did not answer is not asked again: lookups wait for it."""
_TABLES = """
CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, place TEXT NOT NULL,
    data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS records_place ON records (tenant, place, seq);
"""


class Log(Protocol):
    """Raises :class:`Down` where it cannot be written or read."""

    async def append(self, tenant_id: str, place: str, record: bytes, most: int) -> None:
        """Add a record; of its place the last *most* stay."""
        ...

    async def since(self, tenant_id: str, place: str, cursor: str) -> tuple[list[bytes], str]:
        """Return what came after *cursor* (empty: all), oldest first and at most 2,000, and where that ends."""
        ...

    async def clear(self, tenant_id: str | None) -> None:
        """Remove a tenant's questions, or with ``None`` everybody's. Outcomes stay: they hold no text."""
        ...

    async def sweep(self, most: int) -> None:
        """Remove what is over *most* records in all, oldest first, where places do not end by themselves."""
        ...

    async def close(self) -> None:
        """Give back what is open."""
        ...


class Signer:
    """Closes and opens records: what somebody else put there, or in another's place, does not open."""

    def __init__(self, secret: bytes, name: str) -> None:
        self._secret = hmac.digest(secret, b"headgate/cache/semantic\x01" + name.encode(), "sha256")

    def close(self, tenant_id: str, place: str, record: bytes) -> bytes:
        """Return what is to be kept."""
        return self.tag(tenant_id, place, record) + record

    def open(self, tenant_id: str, place: str, kept: bytes) -> bytes | None:
        """Return the record; ``None`` where it is not what was put there."""
        record = kept[TAG:]
        return record if hmac.compare_digest(kept[:TAG], self.tag(tenant_id, place, record)) else None

    def tag(self, tenant_id: str, place: str, record: bytes) -> bytes:
        """Return the signature of a record."""
        key = hmac.digest(self._secret, b"%b\0%b" % (tenant_id.encode(), place.encode()), "sha256")
        return hmac.digest(key, record, "sha256")[:TAG]


class NoLog:
    """For one process: it knows what it did itself."""

    async def append(self, tenant_id: str, place: str, record: bytes, most: int) -> None:
        """See ``Log``."""

    async def since(self, tenant_id: str, place: str, cursor: str) -> tuple[list[bytes], str]:
        """See ``Log``."""
        return [], cursor

    async def clear(self, tenant_id: str | None) -> None:
        """See ``Log``."""

    async def sweep(self, most: int) -> None:
        """See ``Log``."""

    async def close(self) -> None:
        """See ``Log``."""


class FileLog:
    """A file of SQLite, made when the first record is written."""

    def __init__(self, file: Path, signer: Signer, threads: Threads) -> None:
        self._file = file
        self._signer = signer
        self._threads = threads
        self._since_trim: dict[tuple[str, str], int] = {}

    async def append(self, tenant_id: str, place: str, record: bytes, most: int) -> None:
        """See ``Log``."""
        sealed = self._signer.close(tenant_id, place, record)

        def work(at: sqlite3.Connection) -> None:
            at.execute("INSERT INTO records (tenant, place, data) VALUES (?, ?, ?)", (tenant_id, place, sealed))
            if self._due(tenant_id, place, most):
                at.execute(
                    "DELETE FROM records WHERE tenant = ? AND place = ? AND seq <= (SELECT seq FROM records WHERE"
                    " tenant = ? AND place = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                    (tenant_id, place, tenant_id, place, most),
                )

        await self._run(work, make=True)

    async def since(self, tenant_id: str, place: str, cursor: str) -> tuple[list[bytes], str]:
        """See ``Log``."""
        found: Sequence[tuple[int, bytes]] = (
            await self._run(
                lambda at: at.execute(
                    "SELECT seq, data FROM records WHERE tenant = ? AND place = ? AND seq > ? ORDER BY seq LIMIT ?",
                    (tenant_id, place, int(cursor or 0), READ),
                ).fetchall(),
            )
            or []
        )
        opened = [self._signer.open(tenant_id, place, data) for _, data in found]
        return [one for one in opened if one is not None], str(found[-1][0]) if found else cursor

    async def clear(self, tenant_id: str | None) -> None:
        """See ``Log``."""

        statement = "DELETE FROM records WHERE place <> ? AND (? IS NULL OR tenant = ?)"
        await self._run(lambda at: at.execute(statement, (OUTCOMES, tenant_id, tenant_id)))

    async def sweep(self, most: int) -> None:
        """See ``Log``."""
        statement = (
            "DELETE FROM records WHERE place <> ? AND seq <= (SELECT seq FROM records WHERE place <> ?"
            " ORDER BY seq DESC LIMIT 1 OFFSET ?)"
        )
        await self._run(lambda at: at.execute(statement, (OUTCOMES, OUTCOMES, most)))

    async def close(self) -> None:
        """See ``Log``."""

    def _due(self, tenant_id: str, place: str, most: int) -> bool:
        """Whether a place is to be trimmed: now and then, not at every record."""
        count = self._since_trim.get((tenant_id, place), most) + 1
        if len(self._since_trim) > PLACES:
            self._since_trim.clear()
        self._since_trim[tenant_id, place] = 0 if count > most // 10 else count
        return count > most // 10

    async def _run(self, work: Callable[[sqlite3.Connection], Any], *, make: bool = False) -> Any:
        return await self._threads.run(self._now, work, make)

    def _now(self, work: Callable[[sqlite3.Connection], Any], make: bool) -> Any:
        if not make and not self._file.exists():
            return None
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            at = sqlite3.connect(self._file, timeout=SECONDS)
            try:
                if make:
                    at.execute("PRAGMA journal_mode=WAL")
                    at.executescript(_TABLES)
                with at:
                    return work(at)
            finally:
                at.close()
        except (sqlite3.Error, OSError) as error:
            raise Down(str(error)) from error


class RedisLog:
    """Streams of Redis (https://redis.io/docs/latest/develop/data-types/streams/) that expire when nothing is added."""

    def __init__(self, make: Callable[[], Redis], prefix: str, signer: Signer, ttl: int) -> None:
        """*ttl* is how many seconds a place stays that nothing is added to."""
        self._redis = make()
        self._prefix = prefix
        self._signer = signer
        self._ttl = ttl
        self._turn = asyncio.Lock()
        self._rest = 0.0

    async def append(self, tenant_id: str, place: str, record: bytes, most: int) -> None:
        """See ``Log``."""
        name = self._name(tenant_id, place)
        sealed = self._signer.close(tenant_id, place, record)
        add = ("XADD", name, "MAXLEN", "~", str(most), "*", "r", sealed)
        await self._call([add, ("EXPIRE", name, str(self._ttl))])

    async def since(self, tenant_id: str, place: str, cursor: str) -> tuple[list[bytes], str]:
        """See ``Log``."""
        start = f"({cursor}" if cursor else "-"
        [found] = await self._call([("XRANGE", self._name(tenant_id, place), start, "+", "COUNT", str(READ))])
        opened = [self._signer.open(tenant_id, place, fields[1]) for _, fields in found]
        return [one for one in opened if one is not None], found[-1][0].decode() if found else cursor

    async def clear(self, tenant_id: str | None) -> None:
        """See ``Log``."""
        pattern = f"{_plain(self._prefix)}*" if tenant_id is None else f"{_plain(self._name(tenant_id, ''))}*"
        at = b"0"
        while True:
            [(at, names)] = await self._call([("SCAN", at, "MATCH", pattern, "COUNT", "500")])
            questions = [name for name in names if not name.endswith(f":{OUTCOMES}".encode())]
            if questions:
                await self._call([("UNLINK", *questions)])
            if at == b"0":
                return

    async def sweep(self, most: int) -> None:
        """See ``Log``: its places expire."""

    async def close(self) -> None:
        """See ``Log``."""
        self._redis.drop()

    def _name(self, tenant_id: str, place: str) -> str:
        return f"{self._prefix}{tenant_id}:{place}"

    async def _call(self, commands: list[tuple[bytes | str | int, ...]]) -> list[Any]:
        if monotonic() < self._rest:
            raise Down("Redis did not answer a moment ago")
        try:
            async with self._turn:  # one connection takes one caller at a time
                return await self._redis.call(commands, REDIS_SECONDS)
        except RedisDown as error:
            self._rest = monotonic() + REST
            raise Down(str(error)) from error


def _plain(text: str) -> str:
    """*text* with what is special in a pattern taken literally."""
    return "".join([f"\\{c}" if c in "*?[]\\^" else c for c in text])
