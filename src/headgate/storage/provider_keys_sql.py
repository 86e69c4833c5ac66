"""The management side's store of sealed provider keys.

Every write tells the change feed and the audit log, in the same transaction.
"""

from typing import Any, Protocol

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.audit import note
from headgate.storage.keys import tell
from headgate.storage.object_rows import Author
from headgate.storage.owned import act
from headgate.storage.provider_keys import CHANGE, ProviderKeyRow
from headgate.storage.schema import provider_keys

KIND = "provider_key"


class ProviderKeyStore(Protocol):
    """Keys of one tenant's providers at a time."""

    async def create(self, tenant_id: str, row: ProviderKeyRow, author: Author) -> None:
        """Store a key. Raise ``ValueError`` where *row* names another tenant."""
        ...

    async def list(self, tenant_id: str, provider: str) -> list[ProviderKeyRow]:
        """Return the keys of a provider, oldest first."""
        ...

    async def remove(self, tenant_id: str, provider: str, id: str, author: Author) -> ProviderKeyRow | None:
        """Delete a key and return what it was, ``None`` where there is none."""
        ...


class SqlProviderKeys:
    """:class:`ProviderKeyStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, tenant_id: str, row: ProviderKeyRow, author: Author) -> None:
        """See :class:`ProviderKeyStore`."""
        if row.tenant_id != tenant_id:
            raise ValueError("a key is stored under its own tenant")
        async with self._engine.begin() as con:
            await con.execute(insert(provider_keys).values(msgspec.structs.asdict(row)))
            await tell(con, row.id, tenant_id, CHANGE)
            await note(con, act(author, "provider_keys:create", KIND, row.id, tenant_id, after=_shown(row)))

    async def list(self, tenant_id: str, provider: str) -> list[ProviderKeyRow]:
        """See :class:`ProviderKeyStore`."""
        c = provider_keys.c
        mine = (c.tenant_id == tenant_id, c.provider == provider, c.owner_id.is_(None))
        query = select(provider_keys).where(*mine).order_by(c.id)
        async with self._engine.connect() as con:
            return [ProviderKeyRow(**row._mapping) for row in await con.execute(query)]

    async def remove(self, tenant_id: str, provider: str, id: str, author: Author) -> ProviderKeyRow | None:
        """See :class:`ProviderKeyStore`."""
        c = provider_keys.c
        mine = (c.tenant_id == tenant_id, c.provider == provider, c.id == id, c.owner_id.is_(None))
        async with self._engine.begin() as con:
            row = (await con.execute(select(provider_keys).where(*mine))).one_or_none()
            if row is None:
                return None
            await con.execute(delete(provider_keys).where(*mine))
            await tell(con, id, tenant_id, CHANGE)
            gone = ProviderKeyRow(**row._mapping)
            await note(con, act(author, "provider_keys:delete", KIND, id, tenant_id, before=_shown(gone)))
            return gone


def _shown(row: ProviderKeyRow) -> dict[str, Any]:
    """What may be told of a key."""
    return {"provider": row.provider, "name": row.name, "key_prefix": row.key_prefix, "last4": row.last4}
