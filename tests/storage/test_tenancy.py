"""Teams, apps, users and roles on SQLite and PostgreSQL: what goes with what, and what the request path reads of it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import LargeBinary, insert, select

from headgate.core.ids import new_id, now
from headgate.storage.engine import open_engine
from headgate.storage.keys import SqlKeyStore
from headgate.storage.lookups import key_by_digest, key_by_id, service, user_by_id
from headgate.storage.object_rows import Author
from headgate.storage.owned import Full, Stale, Taken
from headgate.storage.schema import changes, metadata
from headgate.storage.schema.proofs import audit
from headgate.storage.sql import open_sql
from headgate.storage.tenancy import Filter, InUse, Narrow, NoSuch
from headgate.storage.tenancy_objects import SqlTeams
from headgate.storage.tenancy_rows import AppRow, BindingRow, Found, RoleRow, TeamRow, TenantRow, UserRow
from headgate.storage.tenancy_stores import Tenancy
from headgate.storage.tenants import LASTING
from tests.storage.test_keys import key

BY = Author(kind="admin", id="a1", tenant_id="default")


def row(kind: Any, tenant: str = "t1", **fields: Any) -> Any:
    at = now()
    more: dict[str, Any] = {} if kind is TenantRow else {"tenant_id": tenant}
    if kind is not BindingRow:
        more["updated_at"] = at
    return kind(**{"id": new_id(), **more, "created_at": at, **fields})


class House:
    """The stores, and a tenant with one of everything."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.all, self.keys = Tenancy.on(self.engine), SqlKeyStore(self.engine)

    async def build(self, tenant: str = "t1") -> "House":
        await self.all.tenants.add(tenant, row(TenantRow, id=tenant, name=tenant), BY)
        self.team, self.user = row(TeamRow, tenant, name="search"), row(UserRow, tenant, email="a@x", name="A")
        await self.all.teams.add(tenant, self.team, BY)
        await self.all.users.add(tenant, self.user, BY)
        self.app = row(AppRow, tenant, name="shop", team_id=self.team.id, owner_id=self.user.id)
        await self.all.apps.add(tenant, self.app, BY)
        self.role = row(RoleRow, tenant, name="r", permissions='["teams:view"]')
        await self.all.roles.add(tenant, self.role, BY)
        self.key = key(tenant, app_id=self.app.id, user_id=self.user.id, key_hash=f"hash-{tenant}".encode())
        await self.keys.add_key(tenant, self.key, BY)
        self.binding = row(
            BindingRow, tenant, role=self.role.id, subject_kind="user", subject_id=self.user.id,
            scope=f"team:{self.team.id}",
        )  # fmt: skip
        await self.all.bindings.add(tenant, self.binding, BY)
        return self

    async def told(self) -> list[tuple[str, str]]:
        async with self.engine.connect() as con:
            query = select(changes.c.kind, changes.c.object_id).order_by(changes.c.seq)
            return [tuple(one) for one in await con.execute(query)]

    async def noted(self, tenant: str) -> list[tuple[str, str]]:
        async with self.engine.connect() as con:
            query = select(audit.c.action, audit.c.object_id).where(audit.c.tenant_id == tenant).order_by(audit.c.seq)
            return [tuple(one) for one in await con.execute(query)]


@pytest.fixture
async def house(url: str):
    made = await House(url).build()
    yield made
    await made.engine.dispose()


@pytest.fixture
def read(url: str) -> Iterator[Any]:
    """The request path's way to the same database, which is in a thread."""
    sql = open_sql(url)

    async def ask(question: Any, *args: Any) -> Found | None:
        found: Found | None = await asyncio.to_thread(question, sql, *args)
        return found

    yield ask
    sql.close()


async def test_a_key_is_read_with_every_level_above_it(house, read):
    for question in ((key_by_digest, b"hash-t1", now()), (key_by_id, "t1", house.key.id)):
        found = await read(*question)
        assert found is not None
        assert (found.key, found.app, found.team, found.user) == (house.key, house.app, house.team, house.user)
        assert found.tenant.id == "t1"
    assert await read(key_by_digest, b"nothing", now()) is None
    assert await read(key_by_id, "t2", house.key.id) is None


async def test_a_person_is_read_with_its_roles(house, read):
    found = await read(user_by_id, "t1", house.user.id)
    assert found is not None
    assert (found.user, [(r.role, r.scope, r.permissions) for r in found.roles]) == (
        house.user,
        [(house.role.id, f"team:{house.team.id}", '["teams:view"]')],
    )
    assert await read(user_by_id, "t2", house.user.id) is None


async def test_a_service_is_bound_by_what_its_token_names(house, read):
    found = await read(service, "t1", house.team.id, "a@x")
    assert found is not None
    assert (found.tenant.id, found.team, found.user) == ("t1", house.team, house.user)
    alone = await read(service, "t1")
    assert alone is not None
    assert (alone.team, alone.user) == (None, None)
    assert await read(service, "t2") is None


async def test_with_a_team_go_its_apps_and_their_keys(house, read):
    before = len(await house.told())
    assert await house.all.teams.drop("t1", house.team.id, BY) == house.team
    assert (await house.keys.get("t1", house.key.id)).revoked_at is not None
    assert await house.all.apps.find("t1", house.app.id) is None
    assert await house.all.bindings.page("t1") == [], "a role over the team"
    told = set((await house.told())[before:])
    assert told == {("team", house.team.id), ("app", house.app.id), ("user", house.user.id)}
    assert (await house.noted("t1"))[-1] == ("teams:delete", house.team.id)


async def test_with_a_user_go_its_keys_roles_and_memberships(house):
    assert await house.all.teams.join("t1", house.team.id, house.user.id, BY)
    assert not await house.all.teams.join("t1", house.team.id, house.user.id, BY)
    assert await house.all.teams.members("t1", house.team.id) == [house.user]
    await house.all.users.drop("t1", house.user.id, BY)
    assert (await house.keys.get("t1", house.key.id)).revoked_at is not None
    assert await house.all.teams.members("t1", house.team.id) == []
    assert await house.all.bindings.page("t1") == []
    assert (await house.all.apps.find("t1", house.app.id)).owner_id is None


async def test_a_role_that_goes_is_nobody_s(house):
    before = len(await house.told())
    await house.all.roles.drop("t1", house.role.id, BY)
    assert await house.all.bindings.page("t1") == []
    assert ("user", house.user.id) in (await house.told())[before:], "whoever had it is looked up again"


async def test_with_a_tenant_goes_all_that_is_its_and_nothing_of_another_s(house, url, read):
    other = await House(url).build("t2")
    await house.all.tenants.drop("t1", "t1", BY)
    for store in (house.all.teams, house.all.apps, house.all.users, house.all.roles, house.all.bindings, house.keys):
        assert await store.page("t1") == []
        assert len(await store.page("t2")) == 1
    assert await read(key_by_digest, b"hash-t1", now()) is None
    assert await read(key_by_digest, b"hash-t2", now()) is not None
    assert ("tenants:delete", "t1") in await house.noted("default"), "who does it has it in its own log"
    await house.all.tenants.add("default", row(TenantRow, id="default", name="default"), BY)
    with pytest.raises(InUse):
        await house.all.tenants.drop("default", "default", BY)
    await other.engine.dispose()


def any_of(table: Any, tenant: str) -> dict[str, Any]:
    """Some row of a table."""
    odd = {"id": new_id(), "tenant_id": tenant, "hash": b"h", "key_hash": b"k", "digest": "d"}
    values: dict[str, Any] = {}
    for column in table.c:
        if column.name in odd:
            values[column.name] = odd[column.name] if not isinstance(column.type, LargeBinary) else b"x"
        elif not column.nullable and column.autoincrement is not True:
            kind = column.type.python_type
            values[column.name] = kind(b"x") if kind is bytes else "x" if kind is str else kind(7)
    return values


async def test_a_tenant_with_something_of_everything_goes_and_its_past_stays(house):
    """Invoices and the audit log are tables that the database itself keeps from deletion."""
    tables = {table.name: table for table in metadata.sorted_tables if "tenant_id" in table.c}
    assert tables.keys() >= LASTING, "names of tables"
    own = {"audit", "audit_heads", "changes", "teams", "users", "apps", "roles", "keys", "bindings"}
    async with house.engine.begin() as con:
        for name, table in tables.items():
            if name not in own:
                await con.execute(insert(table).values(any_of(table, "t1")))
    await house.all.tenants.drop("t1", "t1", BY)
    async with house.engine.connect() as con:
        left = set()
        for name, table in tables.items():
            if (await con.execute(select(table.c.tenant_id).where(table.c.tenant_id == "t1"))).first() is not None:
                left.add(name)
    assert left == LASTING


async def test_the_id_of_a_tenant_that_is_gone_is_nobodys(house):
    await house.all.tenants.drop("t1", "t1", BY)
    with pytest.raises(InUse, match="another tenant's"):
        await house.all.tenants.add("t1", row(TenantRow, id="t1", name="new"), BY)
    await house.all.tenants.add("t3", row(TenantRow, id="t3", name="new"), BY)
    with pytest.raises(Taken):
        await house.all.tenants.add("t3", row(TenantRow, id="t3", name="newer"), BY)


async def test_what_is_narrow_sees_what_is_its(house):
    stranger, mine = row(TeamRow, name="other"), Narrow(teams=frozenset({house.team.id}))
    await house.all.teams.add("t1", stranger, BY)
    nothing, own = Narrow(teams=frozenset({stranger.id})), Narrow(user_id=house.user.id)
    for store, id in ((house.all.teams, house.team.id), (house.all.apps, house.app.id), (house.keys, house.key.id)):
        assert [one.id for one in await store.page("t1", Filter(within=mine))] == [id]
        assert await store.find("t1", id, mine) is not None
        assert await store.find("t1", id, nothing) is None
        assert await store.page("t1", Filter(within=Narrow())) == []
    assert await house.all.users.page("t1", Filter(within=mine)) == [], "nobody has joined it"
    await house.all.teams.join("t1", house.team.id, house.user.id, BY)
    assert len(await house.all.users.page("t1", Filter(within=mine))) == 1
    for store in (house.all.teams, house.all.apps, house.all.users, house.all.bindings, house.keys):
        assert len(await store.page("t1", Filter(within=own))) == 1, store.things


async def test_what_a_change_refuses(house, monkeypatch):
    teams = house.all.teams
    with pytest.raises(Taken):
        await teams.add("t1", row(TeamRow, name="search"), BY)
    with pytest.raises(NoSuch, match="team_id"):
        await house.all.apps.set("t1", house.app.id, {"team_id": "nothing"}, BY)
    with pytest.raises(Stale):
        await teams.set("t1", house.team.id, {"name": "x"}, BY, expect=1)
    with pytest.raises(ValueError, match="can be set"):
        await teams.set("t1", house.team.id, {"tenant_id": "t2"}, BY)
    assert await teams.set("t2", house.team.id, {"name": "x"}, BY) is None
    monkeypatch.setattr(SqlTeams, "most", 1)
    with pytest.raises(Full):
        await teams.add("t1", row(TeamRow, name="one too many"), BY)
    assert [team.name for team in await teams.page("t1")] == ["search"]
