"""The index in PostgreSQL, by its extension pgvector: https://github.com/pgvector/pgvector."""

import asyncio
from collections.abc import Sequence
from typing import Any

from headgate.cache.semantic.log import Signer
from headgate.cache.semantic.types import Down, Item, Near, Vector, share

LARGEST_INDEXED = 2_000
"""Numbers in a vector up to which pgvector makes a graph of them; longer ones are compared with all of their scope."""
CONNECTIONS = 4
OPENING = 10.0
_MARKED = 'CREATE INDEX IF NOT EXISTS "{t}_scope" ON "{t}" (cache, tenant_id, scope)'
_EXPIRY = 'CREATE INDEX IF NOT EXISTS "{t}_expires" ON "{t}" (cache, expires)'
_GRAPH = 'CREATE INDEX IF NOT EXISTS "{t}_graph" ON "{t}" USING hnsw (vector vector_cosine_ops)'
_TABLE = """CREATE TABLE IF NOT EXISTS "{t}" (cache text NOT NULL, tenant_id text NOT NULL, scope bytea NOT NULL,
    key bytea NOT NULL, asked text NOT NULL, tag bytea NOT NULL, expires bigint NOT NULL, vector vector({n}) NOT NULL,
    PRIMARY KEY (cache, tenant_id, key))"""
_ADD = """INSERT INTO "{t}" (cache, tenant_id, scope, key, asked, tag, expires, vector)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::vector) ON CONFLICT (cache, tenant_id, key) DO UPDATE SET
    scope = excluded.scope, asked = excluded.asked, tag = excluded.tag, expires = excluded.expires,
    vector = excluded.vector"""
_NEAREST = """SELECT key, asked, tag, expires, 1 - (vector <=> $4::text::vector), vector::text FROM "{t}"
    WHERE cache = $1 AND tenant_id = $2 AND scope = $3 AND expires > $5 ORDER BY vector <=> $4::text::vector LIMIT $6"""


class PgvectorIndex:
    """See ``Index``. One table for each length of vectors, made on first use; all caches of the installation share it.

    Each row is signed with its place: what was swapped or made by somebody else is not found.
    """

    def __init__(self, url: str, name: str, seconds: float, signer: Signer) -> None:
        """*seconds* is how long an answer is waited for."""
        self._url = url
        self._name = name
        self._seconds = seconds
        self._signer = signer
        self._pool: Any = None
        self._closed = False
        self._opening = asyncio.Lock()
        self._made: set[int] = set()

    async def add(self, item: Item) -> None:
        """See ``Index``."""
        table = await self._table(len(item.vector))
        tag = self._signer.tag(item.tenant_id, item.scope.hex(), item.key + item.text.encode("utf-8", "replace"))
        await self._run(
            "execute", _ADD.format(t=table), self._name, item.tenant_id, item.scope, item.key, item.text, tag,
            item.expires, _literal(item.vector),
        )  # fmt: skip

    async def nearest(self, tenant_id: str, scope: bytes, vector: Vector, count: int, now: int) -> list[Near]:
        """See ``Index``."""
        table = await self._table(len(vector))
        rows = await self._run(
            "fetch", _NEAREST.format(t=table), self._name, tenant_id, scope, _literal(vector), now, count
        )
        place = scope.hex()
        return [
            Near(key=key, text=text, similarity=share(cosine), expires=expires, vector=_read(held))
            for key, text, tag, expires, cosine, held in rows
            if tag == self._signer.tag(tenant_id, place, key + text.encode("utf-8", "replace"))
        ]

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        """See ``Index``."""
        for table in await self._tables():
            await self._run(
                "execute",
                f'DELETE FROM "{table}" WHERE cache = $1 AND ($2::text IS NULL OR tenant_id = $2)'  # noqa: S608
                " AND ($3::bytea[] IS NULL OR key = ANY($3))",
                self._name, tenant_id, None if keys is None else list(keys),
            )  # fmt: skip

    async def counts(self, tenant_id: str | None) -> tuple[int, int]:
        """See ``Index``."""
        found = [
            await self._run(
                "fetchrow",
                "SELECT count(*), coalesce(sum(length(asked) + 256 + pg_column_size(vector)), 0)"  # noqa: S608
                f' FROM "{table}" WHERE cache = $1 AND ($2::text IS NULL OR tenant_id = $2)',
                self._name, tenant_id,
            )
            for table in await self._tables()
        ]  # fmt: skip
        return sum(one[0] for one in found), int(sum(one[1] for one in found))

    async def sweep(self, now: int) -> None:
        """See ``Index``."""
        for table in await self._tables():
            statement = f'DELETE FROM "{table}" WHERE cache = $1 AND expires <= $2'  # noqa: S608
            await self._run("execute", statement, self._name, now)

    async def close(self) -> None:
        """See ``Index``."""
        self._closed = True
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.terminate()

    async def _tables(self) -> list[str]:
        """The tables there are: one for each length of vectors."""
        pattern = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename ~ '^near_[0-9]+$'"
        return [row[0] for row in await self._run("fetch", pattern)]

    async def _table(self, size: int) -> str:
        table = f"near_{size}"
        if size not in self._made:
            async with self._opening:
                if size not in self._made:
                    await self._make(table, size)
                    self._made.add(size)
        return table

    async def _make(self, table: str, size: int) -> None:
        statements = ["SELECT pg_advisory_xact_lock(7213455)", "CREATE EXTENSION IF NOT EXISTS vector"]
        statements += [_TABLE.format(t=table, n=size), _MARKED.format(t=table), _EXPIRY.format(t=table)]
        if size <= LARGEST_INDEXED:
            statements.append(_GRAPH.format(t=table))
        pool = await self._opened()
        try:
            async with pool.acquire(timeout=OPENING) as connection, connection.transaction():
                for statement in statements:
                    await connection.execute(statement, timeout=OPENING)
        except Exception as error:
            raise Down(f"pgvector: {error}") from error

    async def _run(self, method: str, statement: str, *values: object) -> Any:
        pool = await self._opened()
        try:
            async with asyncio.timeout(self._seconds):
                return await getattr(pool, method)(statement, *values)
        except Exception as error:
            raise Down(f"pgvector: {error or type(error).__name__}") from error

    async def _opened(self) -> Any:
        if self._closed:
            raise Down("the cache is being closed")
        if self._pool is None:
            import asyncpg  # type: ignore[import-untyped,unused-ignore]

            # With several scopes in one graph a search may find too few of its own: it goes on until there are enough.
            settings = {"hnsw.iterative_scan": "strict_order", "application_name": "headgate"}
            try:
                async with asyncio.timeout(OPENING):
                    self._pool = await asyncpg.create_pool(
                        self._url, min_size=1, max_size=CONNECTIONS, server_settings=settings
                    )
            except Exception as error:
                raise Down(f"PostgreSQL cannot be reached: {error or type(error).__name__}") from error
        return self._pool


def _read(text: str) -> Vector:
    return Vector("f", [float(value) for value in text[1:-1].split(",")])


def _literal(vector: Vector) -> str:
    return "[" + ",".join([f"{value:.7g}" for value in vector]) + "]"
