"""The stores of identity providers, OAuth2 clients and trusted issuers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.entry_rows import ClientRow, IssuerRow, SsoRow
from headgate.storage.schema import users
from headgate.storage.schema.entry import clients, issuers, sessions, sso_configs
from headgate.storage.schema.tenancy import bindings, roles
from headgate.storage.tenancy import NoSuch, Objects
from headgate.storage.tenancy_objects import unbind


class SqlSso(Objects[SsoRow]):
    """Identity providers. Who came by one that is removed keeps the account, and its sessions end."""

    table, word, things, most = sso_configs, "sso", "sso", 100
    settable = frozenset(SsoRow.__struct_fields__) - {"id", "tenant_id", "created_at", "updated_at"}

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, SsoRow)

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        """Roles of the tenant's own must be there; who may give them was asked before."""
        named = {*msgspec.json.decode(values["roles"]).values(), values["default_role"]}
        own = [name for name in named if name is not None and "-" in name and len(name) == 36]
        query = select(roles.c.id).where(roles.c.tenant_id == tenant_id, roles.c.id.in_(own))
        if len((await con.execute(query)).all()) != len(own):
            raise NoSuch("roles")

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: SsoRow) -> None:
        await con.execute(delete(sessions).where(sessions.c.tenant_id == tenant_id, sessions.c.via == row.id))
        mine = and_(users.c.tenant_id == tenant_id, users.c.sso_id == row.id)
        await con.execute(users.update().where(mine).values(sso_id=None, sso_subject=None))


class SqlClients(Objects[ClientRow]):
    """OAuth2 clients: services that come with an id and a secret."""

    table, word, things = clients, "client", "clients"
    settable = frozenset(ClientRow.__struct_fields__) - {"id", "tenant_id", "created_at", "updated_at"}

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, ClientRow)

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: ClientRow) -> None:
        mine = and_(bindings.c.subject_kind == "client", bindings.c.subject_id == row.id)
        await unbind(con, tenant_id, mine)


class SqlIssuers(Objects[IssuerRow]):
    """Issuers whose tokens the data plane takes."""

    table, word, things, most = issuers, "issuer", "issuers", 100
    settable = frozenset(IssuerRow.__struct_fields__) - {"id", "tenant_id", "created_at", "updated_at"}

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, IssuerRow)
