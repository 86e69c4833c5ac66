"""Sealed values as they are rotated: those that are not under the present key, some at a time.

A value is written only where it still is what was read: whoever changes a secret meanwhile is never overwritten, and
what was done before an end is not done again.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from sqlalchemy import Table, and_, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.audit import note
from headgate.storage.object_rows import Author
from headgate.storage.owned import act
from headgate.storage.schema import metadata
from headgate.storage.sealed import HEAD, PLACES, Place, counted

OBJECT = "encryption_key"
"""What the audit log calls one."""


class SealedRow(msgspec.Struct, frozen=True):
    """One sealed value, and what it belongs to."""

    id: str
    tenant_id: str
    provider: str
    """The account that a key is for; empty for anything else."""
    value: bytes


class SqlSealed:
    """The sealed values of all tenants, on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine, url: str) -> None:
        """*engine* is keyed for the audit log; *url* is the same database's."""
        self._engine = engine
        self._url = url

    async def counted(self) -> list[tuple[Place, bytes, int]]:
        """See :func:`headgate.storage.sealed.counted`."""
        return await asyncio.to_thread(counted, self._url)

    async def due(self, kind: str, head: bytes, after: str, limit: int) -> list[SealedRow]:
        """Return at most *limit* values of a *kind* that do not begin with *head*, whose ids come after *after*."""
        table, name = _table(kind)
        column = table.c[name]
        provider = table.c.provider if "provider" in table.c else literal("")
        query = (
            select(table.c.id, table.c.tenant_id, provider, column)
            .where(column.is_not(None), func.substr(column, 1, HEAD) != head, table.c.id > after)
            .order_by(table.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as con:
            return [SealedRow(*row[:3], bytes(row[3])) for row in await con.execute(query)]

    async def put(
        self, kind: str, rows: Sequence[tuple[SealedRow, bytes]], *, key_id: str, author: Author, tenant_id: str
    ) -> int:
        """Write each value that is still what its row says anew; return how many were.

        *key_id* is the key that they are under now; the log of *tenant_id* tells of it, in the same transaction.
        """
        table, name = _table(kind)
        done = 0
        async with self._engine.begin() as con:
            for row, value in rows:
                same = and_(table.c.id == row.id, table.c.tenant_id == row.tenant_id, table.c[name] == row.value)
                done += (await con.execute(update(table).where(same).values({name: value}))).rowcount
            if done:
                told = {"kind": kind, "values": done}
                await note(con, act(author, "encryption:rotate", OBJECT, key_id, tenant_id, after=told))
        return done

    async def noted(self, key_id: str, author: Author, tenant_id: str) -> None:
        """Have the audit log say that a key was made."""
        async with self._engine.begin() as con:
            await note(con, act(author, "encryption:create", OBJECT, key_id, tenant_id))


def _table(kind: str) -> tuple[Table, str]:
    place = next(place for place in PLACES if place.kind == kind and place.lasting)
    return metadata.tables[place.table], place.column
