"""The management side's store of sealed provider keys. Every write tells the change feed, in the same transaction."""

from typing import Protocol

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.keys import tell
from headgate.storage.provider_keys import CHANGE, ProviderKeyRow
from headgate.storage.schema import provider_keys


class ProviderKeyStore(Protocol):
    """Keys of one tenant's providers at a time."""

    async def create(self, tenant_id: str, row: ProviderKeyRow) -> None:
        """Store a key. Raise ``ValueError`` where *row* names another tenant."""
        ...

    async def list(self, tenant_id: str, provider: str) -> list[ProviderKeyRow]:
        """Return the keys of a provider, oldest first."""
        ...

    async def remove(self, tenant_id: str, provider: str, id: str) -> ProviderKeyRow | None:
        """Delete a key and return what it was, ``None`` where there is none."""
        ...


class SqlProviderKeys:
    """:class:`ProviderKeyStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, tenant_id: str, row: ProviderKeyRow) -> None:
        """See :class:`ProviderKeyStore`."""
        if row.tenant_id != tenant_id:
            raise ValueError("a key is stored under its own tenant")
        async with self._engine.begin() as con:
            await con.execute(insert(provider_keys).values(msgspec.structs.asdict(row)))
            await tell(con, row.id, tenant_id, CHANGE)

    async def list(self, tenant_id: str, provider: str) -> list[ProviderKeyRow]:
        """See :class:`ProviderKeyStore`."""
        c = provider_keys.c
        mine = (c.tenant_id == tenant_id, c.provider == provider, c.owner_id.is_(None))
        query = select(provider_keys).where(*mine).order_by(c.id)
        async with self._engine.connect() as con:
            return [ProviderKeyRow(**row._mapping) for row in await con.execute(query)]

    async def remove(self, tenant_id: str, provider: str, id: str) -> ProviderKeyRow | None:
        """See :class:`ProviderKeyStore`."""
        c = provider_keys.c
        mine = (c.tenant_id == tenant_id, c.provider == provider, c.id == id, c.owner_id.is_(None))
        async with self._engine.begin() as con:
            row = (await con.execute(select(provider_keys).where(*mine))).one_or_none()
            if row is None:
                return None
            await con.execute(delete(provider_keys).where(*mine))
            await tell(con, id, tenant_id, CHANGE)
            return ProviderKeyRow(**row._mapping)
