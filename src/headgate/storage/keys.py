"""The management side's store of keys: virtual ones and administrators'."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import new_id, now
from headgate.storage.changes import tell
from headgate.storage.lookups import key_by_id
from headgate.storage.object_rows import Author
from headgate.storage.provider_keys import ProviderKeyRow
from headgate.storage.reading import asked
from headgate.storage.schema import keys, provider_keys, records, tenants, users
from headgate.storage.schema.tenancy import apps, bindings, teams
from headgate.storage.tenancy import Narrow, NoSuch, Objects, changing
from headgate.storage.tenancy_objects import exists, keys_within, revoke, unbind
from headgate.storage.tenancy_rows import Found
from headgate.storage.types import KeyRow

Roles = Sequence[tuple[str, str]]
"""Names or ids of roles, each with how far it reaches."""


class Revoked(Exception):
    """The key is off for ever: nothing of it can be changed."""


class Secretless(msgspec.Struct, frozen=True):
    """What is stored of a secret: ``key_hash`` is its digest, the rest may be shown."""

    key_hash: bytes
    key_prefix: str
    last4: str


class SqlKeyStore(Objects[KeyRow]):
    """Keys of one tenant at a time; a key of another tenant does not exist. None is ever deleted, only revoked."""

    table, word, things, most = keys, "key", "api_keys", 100_000
    settable = frozenset(
        {
            "name",
            "environment",
            "user_id",
            "app_id",
            "team_id",
            "models",
            "providers",
            "routes",
            "addresses",
            "is_active",
        }
        | {"payload", "default_model", "permissions", "limits", "budgets", "tags", "expires_at"}
    )

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, KeyRow)

    async def add_key(
        self, tenant_id: str, row: KeyRow, author: Author, *, roles: Roles = (), mapped: Sequence[ProviderKeyRow] = ()
    ) -> None:
        """Store a new key, with the roles of an administrator's and the provider keys that are its own.

        The installation's tenant is made where it is not there yet. Raise ``Full``, or ``NoSuch`` naming the field.
        """
        if row.tenant_id != tenant_id:
            raise ValueError("a key is stored under its own tenant")
        async with changing(self.engine) as con:
            await add_tenant(con, tenant_id)
            await self._add(con, tenant_id, row, author)
            for role, scope in roles:
                await self._bind(con, row, role, scope)
            for each in mapped:
                await con.execute(insert(provider_keys).values(msgspec.structs.asdict(each)))

    async def add_first(self, tenant_id: str, row: KeyRow) -> None:
        """Store a key that a first start makes: an administrator's administers the whole installation."""
        roles = (("platform-admin", "platform"),) if row.kind == "admin" else ()
        await self.add_key(tenant_id, row, Author(kind="service", id="headgate", tenant_id=tenant_id), roles=roles)

    async def set_key(
        self,
        tenant_id: str,
        id: str,
        fields: Mapping[str, Any],
        author: Author,
        *,
        mapped: Mapping[str, ProviderKeyRow | None] = {},
        expect: int | None = None,
        within: Narrow | None = None,
    ) -> KeyRow | None:
        """Set fields, and provider keys of its own (``None`` takes one away); return the key as it now is.

        Raise ``Stale``, ``Revoked``, or ``NoSuch`` naming the field.
        """
        if not fields.keys() <= self.settable:
            raise ValueError(f"not fields of a key that can be set: {sorted(fields.keys() - self.settable)}")
        async with changing(self.engine) as con:
            was = await self._alive(con, tenant_id, id, expect, within)
            if was is None:
                return None
            if mapped:
                fields = {**fields, "mapped": await _remap(con, was, mapped)}
            return await self._set(con, tenant_id, was, fields, author, "update")

    async def revoke(
        self, tenant_id: str, id: str, author: Author, *, expect: int | None = None, within: Narrow | None = None
    ) -> KeyRow | None:
        """Turn a key off for ever, with its former secret. One that is revoked stays as it is."""
        async with changing(self.engine) as con:
            was = await self._expected(con, tenant_id, id, expect, within)
            if was is None or was.revoked_at is not None:
                return was
            await revoke(con, tenant_id, keys.c.id == id)
            await con.execute(delete(provider_keys).where(provider_keys.c.owner_id == id, _of_tenant(tenant_id)))
            await unbind(con, tenant_id, and_(bindings.c.subject_kind == "key", bindings.c.subject_id == id))
            row = await self._seen(con, tenant_id, id)
            await self.noted(con, author, "delete", tenant_id, id, was, row)
            return row

    async def rotate(
        self,
        tenant_id: str,
        id: str,
        new: Secretless,
        author: Author,
        *,
        overlap: float = 0,
        within: Narrow | None = None,
    ) -> KeyRow | None:
        """Give a key another secret; the present one stays good for *overlap* seconds. Raise ``Revoked``."""
        async with changing(self.engine) as con:
            was = await self._alive(con, tenant_id, id, None, within)
            if was is None:
                return None
            at = now()
            fields = {
                "rotated_from": was.key_hash,
                "overlap_until": at + int(overlap * 1_000_000),
                "rotated_at": at,
                **msgspec.structs.asdict(new),
            }
            return await self._set(con, tenant_id, was, fields, author, "rotate")

    async def whole(self, tenant_id: str, id: str) -> Found | None:
        """Return a key with all levels above it, as the request path reads it."""
        async with self.engine.connect() as con:
            return await asked(con, lambda read: key_by_id(read, tenant_id, id))

    async def used(self, tenant_id: str, ids: Iterable[str]) -> dict[str, int]:
        """Return when each key was last used, of those that are on record."""
        c = records.c
        last = select(func.max(c.at)).where(c.tenant_id == tenant_id, c.key_id == keys.c.id).scalar_subquery()
        query = select(keys.c.id, last).where(keys.c.tenant_id == tenant_id, keys.c.id.in_(list(ids)))
        async with self.engine.connect() as con:
            return {id: at for id, at in (await con.execute(query)).all() if at is not None}

    async def _alive(
        self, con: AsyncConnection, tenant_id: str, id: str, expect: int | None, within: Narrow | None
    ) -> KeyRow | None:
        was = await self._expected(con, tenant_id, id, expect, within)
        if was is not None and was.revoked_at is not None:
            raise Revoked
        return was

    async def _bind(self, con: AsyncConnection, row: KeyRow, role: str, scope: str) -> None:
        values = {"id": new_id(), "tenant_id": row.tenant_id, "role": role, "subject_kind": "key", "scope": scope}
        await con.execute(insert(bindings).values(**values, subject_id=row.id, created_at=row.created_at))

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        await exists(con, teams, tenant_id, "team_id", values["team_id"])
        await exists(con, apps, tenant_id, "app_id", values["app_id"])
        await exists(con, users, tenant_id, "user_id", values["user_id"])
        if values["team_id"] is not None and values["app_id"] is not None:
            query = select(apps.c.team_id).where(apps.c.id == values["app_id"], apps.c.tenant_id == tenant_id)
            if (await con.execute(query)).scalar_one() not in (None, values["team_id"]):
                raise NoSuch("team_id", "The app belongs to another team.")

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        return keys_within(tenant_id, narrow)


def _of_tenant(tenant_id: str) -> ColumnElement[bool]:
    mine: ColumnElement[bool] = provider_keys.c.tenant_id == tenant_id
    return mine


async def _remap(con: AsyncConnection, was: KeyRow, mapped: Mapping[str, ProviderKeyRow | None]) -> str:
    present = msgspec.json.decode(was.mapped, type=dict[str, str])
    for provider, row in mapped.items():
        former = present.pop(provider, None)
        if former is not None:
            await con.execute(delete(provider_keys).where(provider_keys.c.id == former, _of_tenant(was.tenant_id)))
        if row is not None:
            await con.execute(insert(provider_keys).values(msgspec.structs.asdict(row)))
            present[provider] = row.id
    return msgspec.json.encode(present).decode()


async def add_tenant(con: AsyncConnection, tenant_id: str) -> None:
    """Make sure that a tenant exists."""
    upsert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
    at = now()
    row = {"id": tenant_id, "name": tenant_id, "is_active": True, "settings": "{}", "created_at": at, "updated_at": at}
    await con.execute(upsert(tenants).values(row).on_conflict_do_nothing())


__all__ = ["Revoked", "Roles", "Secretless", "SqlKeyStore", "add_tenant", "tell"]
