"""The stores of teams, apps, users, roles and of who has them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, false, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import now
from headgate.storage.audit import note
from headgate.storage.changes import tell
from headgate.storage.lookups import held
from headgate.storage.object_rows import Author
from headgate.storage.owned import act
from headgate.storage.reading import asked
from headgate.storage.schema import keys, users
from headgate.storage.schema.entry import clients, resets, sessions
from headgate.storage.schema.tenancy import apps, bindings, roles, team_members, teams
from headgate.storage.tenancy import Filter, Narrow, NoSuch, Objects, Page, changing
from headgate.storage.tenancy_rows import AppRow, BindingRow, HeldRole, RoleRow, TeamRow, UserRow

LEVEL = frozenset({"name", "is_active", "limits", "models", "providers"})
TEAM = "team:"
SUBJECTS = {"user": users, "client": clients, "key": keys}


class SqlTeams(Objects[TeamRow]):
    """Teams, and who is in them."""

    table, word, things = teams, "team", "teams"
    settable = LEVEL

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, TeamRow)

    async def members(self, tenant_id: str, team_id: str) -> list[UserRow]:
        """Return the users in a team, by id."""
        inside = select(team_members.c.user_id).where(_in_team(tenant_id, team_id))
        columns = [users.c[name] for name in UserRow.__struct_fields__]
        query = select(*columns).where(users.c.tenant_id == tenant_id, users.c.id.in_(inside)).order_by(users.c.id)
        async with self.engine.connect() as con:
            return [UserRow(**row._mapping) for row in await con.execute(query)]

    async def join(self, tenant_id: str, team_id: str, user_id: str, author: Author) -> bool:
        """Put a user into a team; return whether it was not in it. Raise ``NoSuch`` for either."""
        row = {"tenant_id": tenant_id, "team_id": team_id, "user_id": user_id, "created_at": now()}
        async with changing(self.engine) as con:
            await exists(con, teams, tenant_id, "team_id", team_id)
            await exists(con, users, tenant_id, "user_id", user_id)
            inside = select(team_members.c.user_id).where(_in_team(tenant_id, team_id, user_id))
            if (await con.execute(inside)).one_or_none() is not None:
                return False
            await con.execute(insert(team_members).values(row))
            await self._moved(con, tenant_id, team_id, author, {"joined": user_id})
            return True

    async def leave(self, tenant_id: str, team_id: str, user_id: str, author: Author) -> bool:
        """Take a user out of a team; return whether it was in it."""
        async with changing(self.engine) as con:
            done = await con.execute(delete(team_members).where(_in_team(tenant_id, team_id, user_id)))
            if not done.rowcount:
                return False
            await self._moved(con, tenant_id, team_id, author, {"left": user_id})
            return True

    async def _moved(
        self, con: AsyncConnection, tenant_id: str, team_id: str, author: Author, what: dict[str, str]
    ) -> None:
        await tell(con, team_id, tenant_id, self.word)
        await note(con, act(author, "teams:update", self.word, team_id, tenant_id, after=what))

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: TeamRow) -> None:
        theirs = select(apps.c.id).where(apps.c.tenant_id == tenant_id, apps.c.team_id == row.id)
        await revoke(con, tenant_id, or_(keys.c.team_id == row.id, keys.c.app_id.in_(theirs)))
        for (app_id,) in (await con.execute(theirs)).all():
            await tell(con, app_id, tenant_id, "app")
        await con.execute(delete(apps).where(apps.c.tenant_id == tenant_id, apps.c.team_id == row.id))
        await con.execute(delete(team_members).where(_in_team(tenant_id, row.id)))
        await unbind(con, tenant_id, bindings.c.scope == f"{TEAM}{row.id}")

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        yield teams.c.id.in_(list(narrow.teams))
        if narrow.user_id is not None:
            c = team_members.c
            yield teams.c.id.in_(select(c.team_id).where(c.tenant_id == tenant_id, c.user_id == narrow.user_id))


class SqlApps(Objects[AppRow]):
    """Applications, which keys belong to."""

    table, word, things = apps, "app", "apps"
    settable = LEVEL | {"team_id", "owner_id", "default_model", "default_provider", "cost_optimize"}
    settable |= {"policies", "payload"}

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, AppRow)

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        await exists(con, teams, tenant_id, "team_id", values["team_id"])
        await exists(con, users, tenant_id, "owner_id", values["owner_id"])

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: AppRow) -> None:
        await revoke(con, tenant_id, keys.c.app_id == row.id)

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        yield apps.c.team_id.in_(list(narrow.teams))
        if narrow.user_id is not None:
            yield apps.c.owner_id == narrow.user_id


class SqlUsers(Objects[UserRow]):
    """People."""

    table, word, things, named = users, "user", "users", "email"
    settable = LEVEL | {"email"}

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, UserRow)

    async def by_email(self, tenant_id: str, email: str) -> UserRow | None:
        """Return the user with an e-mail address."""
        found = await self.page(tenant_id, Filter(equal={"email": email}), Page(limit=1))
        return found[0] if found else None

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: UserRow) -> None:
        await revoke(con, tenant_id, keys.c.user_id == row.id)
        for table in (team_members, sessions, resets):
            await con.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.user_id == row.id))
        await unbind(con, tenant_id, and_(bindings.c.subject_kind == "user", bindings.c.subject_id == row.id))
        owned = and_(apps.c.tenant_id == tenant_id, apps.c.owner_id == row.id)
        await con.execute(update(apps).where(owned).values(owner_id=None, updated_at=now()))

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        c = team_members.c
        yield users.c.id.in_(select(c.user_id).where(c.tenant_id == tenant_id, c.team_id.in_(list(narrow.teams))))
        if narrow.user_id is not None:
            yield users.c.id == narrow.user_id


class SqlRoles(Objects[RoleRow]):
    """A tenant's own roles."""

    table, word, things = roles, "role", "roles"
    settable = frozenset({"name", "permissions"})

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, RoleRow)

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: RoleRow) -> None:
        await unbind(con, tenant_id, bindings.c.role == row.id)


class SqlBindings(Objects[BindingRow]):
    """Which roles users, OAuth2 clients and admin keys have, and how far each reaches. One is made and unmade whole."""

    table, word, things, named = bindings, "binding", "roles", "role"
    settable = frozenset()

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, BindingRow)

    async def held(self, tenant_id: str, kind: str, id: str) -> tuple[HeldRole, ...]:
        """Return the roles that somebody has."""
        async with self.engine.connect() as con:
            return await asked(con, lambda read: held(read, tenant_id, kind, id))

    async def noted(
        self,
        con: AsyncConnection,
        author: Author,
        verb: str,
        tenant_id: str,
        id: str,
        before: BindingRow | None,
        after: BindingRow | None,
    ) -> None:
        """Tell the feed who has other roles now, besides; sessions of users depend on it."""
        row = after or before
        assert row is not None
        await tell(con, row.subject_id, tenant_id, row.subject_kind)
        await super().noted(con, author, verb, tenant_id, id, before, after)

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        await exists(con, SUBJECTS[values["subject_kind"]], tenant_id, "subject_id", values["subject_id"])
        if values["scope"].startswith(TEAM):
            await exists(con, teams, tenant_id, "scope", values["scope"].removeprefix(TEAM))

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        yield bindings.c.scope.in_([f"{TEAM}{id}" for id in narrow.teams])
        if narrow.user_id is not None:
            yield and_(bindings.c.subject_kind == "user", bindings.c.subject_id == narrow.user_id)


async def exists(con: AsyncConnection, table: Any, tenant_id: str, field: str, id: str | None) -> None:
    """Raise ``NoSuch`` where *field* names a row of *table* that the tenant does not have."""
    if id is None:
        return
    query = select(table.c.id).where(table.c.id == id, table.c.tenant_id == tenant_id)
    if (await con.execute(query)).one_or_none() is None:
        raise NoSuch(field)


async def revoke(con: AsyncConnection, tenant_id: str, which: ColumnElement[bool]) -> None:
    """Turn keys off for ever; who calls tells the feed of what they belong to."""
    alive = and_(keys.c.tenant_id == tenant_id, keys.c.revoked_at.is_(None), which)
    gone = {"is_active": False, "revoked_at": now(), "rotated_from": None, "overlap_until": None, "updated_at": now()}
    await con.execute(update(keys).where(alive).values(gone))


def keys_within(tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
    """Return which keys fit *narrow*: any of these."""
    theirs = select(apps.c.id).where(apps.c.tenant_id == tenant_id, apps.c.team_id.in_(list(narrow.teams)))
    yield keys.c.team_id.in_(list(narrow.teams))
    yield and_(keys.c.team_id.is_(None), keys.c.app_id.in_(theirs))
    if narrow.user_id is not None:
        yield keys.c.user_id == narrow.user_id
    if narrow.key_id is not None:
        yield keys.c.id == narrow.key_id


def of_calls(c: Any, narrow: Narrow) -> ColumnElement[bool]:
    """Whether a call whose columns are *c* fits *narrow*, by whose it was when it was made: keys change hands."""
    tests = [c.team_id.in_(sorted(narrow.teams))] if narrow.teams else []
    if narrow.user_id is not None:
        tests.append(c.user_id == narrow.user_id)
    if narrow.key_id is not None:
        tests.append(c.key_id == narrow.key_id)
    return or_(false(), *tests)


async def unbind(con: AsyncConnection, tenant_id: str, which: ColumnElement[bool]) -> None:
    """Take roles away, and tell who had them."""
    mine = and_(bindings.c.tenant_id == tenant_id, which)
    query = select(bindings.c.subject_kind, bindings.c.subject_id).where(mine).distinct()
    for kind, id in (await con.execute(query)).all():
        await tell(con, id, tenant_id, kind)
    await con.execute(delete(bindings).where(mine))


def _in_team(tenant_id: str, team_id: str, user_id: str | None = None) -> ColumnElement[bool]:
    c = team_members.c
    tests = [c.tenant_id == tenant_id, c.team_id == team_id]
    return and_(*tests) if user_id is None else and_(*tests, c.user_id == user_id)
