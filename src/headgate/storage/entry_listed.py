"""Identity providers, OAuth2 clients and trusted issuers: listed, made, changed and removed, one tenant at a time."""

from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Table, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.call import now
from headgate.storage.audit import AuditEntry, note
from headgate.storage.entry_rows import ClientRow, IssuerRow, SsoRow
from headgate.storage.keys import tell
from headgate.storage.schema.entry import clients, issuers, sso_configs

T = TypeVar("T", bound=SsoRow | ClientRow | IssuerRow)


class Taken(Exception):
    """There is one already."""


class Listed(Generic[T]):
    """The rows of one table; another tenant's do not exist. *kind* is what the change feed calls them."""

    def __init__(self, engine: AsyncEngine, table: Table, row: type[T], kind: str) -> None:
        self._engine = engine
        self._table = table
        self._row = row
        self._kind = kind

    async def list(self, tenant_id: str, *, after: str = "", limit: int = 100) -> list[T]:
        """Return at most *limit*, oldest first, whose ids come after *after*."""
        mine = self._table.c.tenant_id == tenant_id
        query = select(self._table).where(mine, self._table.c.id > after).order_by(self._table.c.id).limit(limit)
        async with self._engine.connect() as con:
            return [self._row(**row._mapping) for row in await con.execute(query)]

    async def get(self, tenant_id: str, id: str) -> T | None:
        """Return one, or ``None``."""
        async with self._engine.connect() as con:
            row = (await con.execute(select(self._table).where(self._mine(tenant_id, id)))).one_or_none()
            return self._row(**row._mapping) if row is not None else None

    async def create(self, row: T, entry: AuditEntry) -> None:
        """Store a new one. Raise :class:`Taken` where what must be unique is not."""
        try:
            async with self._engine.begin() as con:
                await con.execute(insert(self._table).values(msgspec.structs.asdict(row)))
                await tell(con, row.id, row.tenant_id, kind=self._kind)
                await note(con, entry)
        except IntegrityError:
            raise Taken from None

    async def change(self, tenant_id: str, id: str, fields: dict[str, Any], entry: AuditEntry) -> T | None:
        """Set *fields* and return what it is now, ``None`` where there is none. Raise :class:`Taken`."""
        try:
            async with self._engine.begin() as con:
                changed = update(self._table).where(self._mine(tenant_id, id)).values(**fields, updated_at=now())
                if not (await con.execute(changed)).rowcount:
                    return None
                await tell(con, id, tenant_id, kind=self._kind)
                await note(con, entry)
                row = (await con.execute(select(self._table).where(self._mine(tenant_id, id)))).one()
                return self._row(**row._mapping)
        except IntegrityError:
            raise Taken from None

    async def remove(self, tenant_id: str, id: str, entry: AuditEntry) -> bool:
        """Delete one; return whether there was one."""
        async with self._engine.begin() as con:
            if not (await con.execute(delete(self._table).where(self._mine(tenant_id, id)))).rowcount:
                return False
            await tell(con, id, tenant_id, kind=self._kind)
            await note(con, entry)
            return True

    def _mine(self, tenant_id: str, id: str) -> Any:
        return and_(self._table.c.tenant_id == tenant_id, self._table.c.id == id)


def listed_sso(engine: AsyncEngine) -> Listed[SsoRow]:
    """Return the identity providers."""
    return Listed(engine, sso_configs, SsoRow, "sso")


def listed_clients(engine: AsyncEngine) -> Listed[ClientRow]:
    """Return the OAuth2 clients. Requests know a client's tokens by its id, as they know keys."""
    return Listed(engine, clients, ClientRow, "key")


def listed_issuers(engine: AsyncEngine) -> Listed[IssuerRow]:
    """Return the trusted issuers."""
    return Listed(engine, issuers, IssuerRow, "issuer")
