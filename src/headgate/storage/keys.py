"""The management side's store of keys. Every write tells the change feed, in the same transaction."""

from time import time_ns
from typing import Any, Protocol

import msgspec
from sqlalchemy import Row, and_, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.schema import changes, keys, tenants
from headgate.storage.turns import take_turn
from headgate.storage.types import KeyRow

CHANGES_KEPT = 24 * 3600 * 1_000_000  # a poller asks every 250 ms; who was away longer than a day starts anew
SETTABLE = frozenset({"name", "models", "limits", "budgets", "tags", "expires_at", "user_id", "app_id", "environment"})


class Secretless(msgspec.Struct, frozen=True):
    """What is stored of a secret: ``key_hash`` is its digest, the rest may be shown."""

    key_hash: bytes
    key_prefix: str
    last4: str


class KeyStore(Protocol):
    """Keys of one tenant at a time; a key of another tenant does not exist."""

    async def create(self, tenant_id: str, row: KeyRow) -> None:
        """Store a new key, and its tenant if that is new. Raise ``ValueError`` where *row* names another tenant."""
        ...

    async def list(self, tenant_id: str, *, after: str = "", limit: int = 100) -> list[KeyRow]:
        """Return at most *limit* keys, oldest first, whose ids come after *after*; revoked ones too."""
        ...

    async def get(self, tenant_id: str, key_id: str) -> KeyRow | None:
        """Return one key, or ``None``."""
        ...

    async def change(self, tenant_id: str, key_id: str, fields: dict[str, Any]) -> KeyRow | None:
        """Set fields (see ``SETTABLE``) and return the key as it now is, or ``None`` where there is none."""
        ...

    async def switch(self, tenant_id: str, key_id: str, *, on: bool) -> KeyRow | None:
        """Turn a key off, or on again; a revoked one stays off."""
        ...

    async def revoke(self, tenant_id: str, key_id: str) -> KeyRow | None:
        """Turn a key off for ever. Its former secret goes with it."""
        ...

    async def rotate(self, tenant_id: str, key_id: str, new: Secretless, *, overlap: float) -> KeyRow | None:
        """Give a key another secret; the present one stays good for *overlap* seconds. ``None`` where it is revoked."""
        ...


class SqlKeyStore:
    """:class:`KeyStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_tenant(self, tenant_id: str, name: str) -> None:
        """Make sure that a tenant exists."""
        async with self._engine.begin() as con:
            await _add_tenant(con, tenant_id, name)

    async def create(self, tenant_id: str, row: KeyRow) -> None:
        """See :class:`KeyStore`."""
        if row.tenant_id != tenant_id:
            raise ValueError("a key is stored under its own tenant")
        async with self._engine.begin() as con:
            await _add_tenant(con, tenant_id, tenant_id)
            await con.execute(insert(keys).values(msgspec.structs.asdict(row)))
            await tell(con, row.id, tenant_id)

    async def list(self, tenant_id: str, *, after: str = "", limit: int = 100) -> list[KeyRow]:
        """See :class:`KeyStore`."""
        query = select(keys).where(keys.c.tenant_id == tenant_id, keys.c.id > after).order_by(keys.c.id).limit(limit)
        async with self._engine.connect() as con:
            return [_read(row) for row in await con.execute(query)]

    async def get(self, tenant_id: str, key_id: str) -> KeyRow | None:
        """See :class:`KeyStore`."""
        async with self._engine.connect() as con:
            return await _one(con, tenant_id, key_id)

    async def change(self, tenant_id: str, key_id: str, fields: dict[str, Any]) -> KeyRow | None:
        """See :class:`KeyStore`."""
        if not fields.keys() <= SETTABLE:
            raise ValueError(f"not fields of a key that can be set: {sorted(fields.keys() - SETTABLE)}")
        return await self._write(tenant_id, key_id, fields)

    async def switch(self, tenant_id: str, key_id: str, *, on: bool) -> KeyRow | None:
        """See :class:`KeyStore`."""
        return await self._write(tenant_id, key_id, {"is_active": on}, revoked=not on)

    async def revoke(self, tenant_id: str, key_id: str) -> KeyRow | None:
        """See :class:`KeyStore`."""
        fields = {"is_active": False, "revoked_at": _now(), "rotated_from": None, "overlap_until": None}
        return await self._write(tenant_id, key_id, fields)

    async def rotate(self, tenant_id: str, key_id: str, new: Secretless, *, overlap: float) -> KeyRow | None:
        """See :class:`KeyStore`."""
        now = _now()
        fields = {
            "rotated_from": keys.c.key_hash,
            "overlap_until": now + int(overlap * 1_000_000),
            "rotated_at": now,
            **msgspec.structs.asdict(new),
        }
        return await self._write(tenant_id, key_id, fields, revoked=False)

    async def _write(
        self, tenant_id: str, key_id: str, fields: dict[str, Any], *, revoked: bool = True
    ) -> KeyRow | None:
        mine = and_(keys.c.id == key_id, keys.c.tenant_id == tenant_id)
        if not revoked:
            mine = and_(mine, keys.c.revoked_at.is_(None))
        async with self._engine.begin() as con:
            done = await con.execute(update(keys).where(mine).values(**fields, updated_at=_now()))
            if not done.rowcount:
                return None
            await tell(con, key_id, tenant_id)
            return await _one(con, tenant_id, key_id)


async def _add_tenant(con: AsyncConnection, tenant_id: str, name: str) -> None:
    now = _now()
    upsert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
    row = {"id": tenant_id, "name": name, "is_active": True, "settings": "{}", "created_at": now, "updated_at": now}
    await con.execute(upsert(tenants).values(row).on_conflict_do_nothing())


async def _one(con: AsyncConnection, tenant_id: str, key_id: str) -> KeyRow | None:
    query = select(keys).where(keys.c.id == key_id, keys.c.tenant_id == tenant_id)
    row = (await con.execute(query)).one_or_none()
    return None if row is None else _read(row)


async def tell(con: AsyncConnection, object_id: str, tenant_id: str, kind: str = "key") -> None:
    """Append to the feed. Numbers must become visible in their order, or a poller would pass one over."""
    await take_turn(con)
    now = _now()
    await con.execute(insert(changes).values(kind=kind, object_id=object_id, tenant_id=tenant_id, at=now))
    await con.execute(delete(changes).where(changes.c.at < now - CHANGES_KEPT))


def _read(row: Row[Any]) -> KeyRow:
    return KeyRow(**row._mapping)


def _now() -> int:
    return time_ns() // 1000
