"""Rows that a tenant has, and how a change of one is told to the feed and noted in the audit log.

Another tenant's rows do not exist. ``tenancy.Objects`` makes, changes and removes them.
"""

from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import Table, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.audit import AuditEntry, note
from headgate.storage.changes import tell
from headgate.storage.object_rows import Author


class HasId(Protocol):
    """What every such row has."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def tenant_id(self) -> str:
        """Whose it is."""
        ...

    @property
    def updated_at(self) -> int:
        """When it was changed last, which its ETag is made of."""
        ...


T = TypeVar("T", bound=HasId)


class Taken(Exception):
    """There is one with that name already. Nothing was changed."""


class Stale(Exception):
    """It is not what the change was made for. Nothing was changed."""


class Full(Exception):
    """The tenant has as many as it can have."""


class Owned(Generic[T]):
    """The rows of one table. *kind* is what feed and log call one of them, *thing* the first half of the actions."""

    def __init__(self, engine: AsyncEngine, table: Table, row: type[T], kind: str, thing: str) -> None:
        self.engine = engine
        self._table = table
        self._row = row
        self._kind = kind
        self._thing = thing

    async def list(self, tenant_id: str, *, after: str = "", limit: int = 100) -> list[T]:
        """Return at most *limit*, oldest first, whose ids come after *after*."""
        c = self._table.c
        query = select(self._table).where(c.tenant_id == tenant_id, c.id > after).order_by(c.id).limit(limit)
        async with self.engine.connect() as con:
            return [self._row(**row._mapping) for row in await con.execute(query)]

    async def get(self, tenant_id: str, id: str) -> T | None:
        """Return one, or ``None``."""
        async with self.engine.connect() as con:
            return await self.one(con, tenant_id, id)

    async def one(self, con: AsyncConnection, tenant_id: str, id: str) -> T | None:
        """Return one, in a transaction of the caller's."""
        row = (await con.execute(select(self._table).where(self._mine(tenant_id, id)))).one_or_none()
        return None if row is None else self._row(**row._mapping)

    async def noted(
        self,
        con: AsyncConnection,
        author: Author,
        verb: str,
        tenant_id: str,
        id: str,
        before: T | None,
        after: T | None,
    ) -> None:
        """Tell the feed and the log of a change, in a transaction of the caller's."""
        await tell(con, id, tenant_id, self._kind)
        await note(
            con, act(author, f"{self._thing}:{verb}", self._kind, id, tenant_id, before=told(before), after=told(after))
        )

    def _mine(self, tenant_id: str, id: str) -> Any:
        return and_(self._table.c.tenant_id == tenant_id, self._table.c.id == id)


def act(
    author: Author,
    action: str,
    kind: str,
    id: str,
    tenant_id: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Return the entry of what *author* did."""
    return AuditEntry(
        tenant_id=tenant_id,
        actor_kind=author.kind,
        actor_id=author.id,
        action=action,
        object_kind=kind,
        object_id=id,
        before=before,
        after=after,
        address=author.address,
        request_id=author.request_id,
    )


def told(row: Any) -> dict[str, Any] | None:
    """Return a row as the audit log shows it: JSON texts as what they say, bytes not at all."""
    if row is None:
        return None
    found = {}
    for name, value in msgspec.structs.asdict(row).items():
        if isinstance(value, bytes):
            value = "***"
        elif isinstance(value, str) and value[:1] in ("[", "{"):
            try:
                value = msgspec.json.decode(value)
            except msgspec.DecodeError:
                pass
        found[name] = value
    return found
