"""How administrators change what is stored of a tenant: one table a store, one tenant at a time.

Every change is one transaction that also tells the feed and writes the audit log. All of them come one after another,
so what a change looks at before it writes stays as it was.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, false, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import now
from headgate.storage.object_rows import Author
from headgate.storage.owned import Full, HasId, Owned, Stale, Taken
from headgate.storage.turns import take_turn

R = TypeVar("R", bound=HasId)
Sort = Literal["created_at", "-created_at", "name", "-name"]


class Narrow(msgspec.Struct, frozen=True):
    """What of a tenant somebody may see who may not see all of it: what fits any of these."""

    teams: frozenset[str] = frozenset()
    """What belongs to one of these teams."""
    user_id: str | None = None
    """What is this user's own."""
    key_id: str | None = None
    """This very key."""

    @property
    def alone(self) -> "tuple[Literal['team', 'user', 'key'], list[str]] | None":
        """What it is by, and which of them, where that is only one thing."""
        kinds: list[tuple[Literal["team", "user", "key"], list[str]]] = [
            ("team", sorted(self.teams)),
            ("user", [self.user_id] if self.user_id is not None else []),
            ("key", [self.key_id] if self.key_id is not None else []),
        ]
        said = [kind for kind in kinds if kind[1]]
        return said[0] if len(said) == 1 else None


class Filter(msgspec.Struct, frozen=True):
    """Which rows of a list are wanted: those that fit all that is said."""

    equal: Mapping[str, Any] = {}
    """Column -> value."""
    search: str | None = None
    """What stands somewhere in the name, in any case."""
    within: Narrow | None = None


class Page(msgspec.Struct, frozen=True):
    """Which part of a list is wanted."""

    limit: int = 100
    sort: Sort = "created_at"
    after: tuple[str, ...] = ()
    """The row before it: its id and, where it is sorted by name, its name before that."""


class NoSuch(ValueError):
    """What a field names does not exist in the tenant; ``args`` is the field."""


class InUse(ValueError):
    """It cannot be removed, or made under that id; ``args`` are why, and the field if there is one."""


class Objects(Owned[R]):
    """The rows of one table. Those of another tenant do not exist, nor do those outside of a ``Narrow``."""

    table: ClassVar[Table]
    word: ClassVar[str]
    """What one is called: the kind of its changes and audit entries."""
    things: ClassVar[str]
    """What several are called: the first part of permissions."""
    named: ClassVar[str] = "name"
    """The column that is searched and sorted by."""
    settable: ClassVar[frozenset[str]]
    most: ClassVar[int] = 10_000
    """Of one tenant."""

    def __init__(self, engine: AsyncEngine, row: type[R]) -> None:
        super().__init__(engine, self.table, row, self.word, self.things)

    async def add(self, tenant_id: str, row: R, author: Author) -> None:
        """Store a new object. Raise ``Taken``, ``Full`` or ``NoSuch``."""
        if row.tenant_id != tenant_id:
            raise ValueError("an object is stored under its own tenant")
        async with changing(self.engine) as con:
            await self._add(con, tenant_id, row, author)

    async def page(self, tenant_id: str, where: Filter = Filter(), page: Page = Page()) -> list[R]:
        """Return a page of objects."""
        query = self._paged(select(*self._columns()).where(self._of(tenant_id), self._fits(tenant_id, where)), page)
        async with self.engine.connect() as con:
            return [self._row(**row._mapping) for row in await con.execute(query)]

    async def find(self, tenant_id: str, id: str, within: Narrow | None = None) -> R | None:
        """Return one object, ``None`` where there is none."""
        async with self.engine.connect() as con:
            return await self._seen(con, tenant_id, id, within)

    async def set(
        self,
        tenant_id: str,
        id: str,
        fields: Mapping[str, Any],
        author: Author,
        *,
        expect: int | None = None,
        within: Narrow | None = None,
    ) -> R | None:
        """Set fields and return the object as it now is, ``None`` where there is none.

        Raise ``Stale`` where *expect* is not when it was last changed, ``Taken``, ``NoSuch``.
        """
        if not fields.keys() <= self.settable:
            raise ValueError(f"not fields of a {self.word} that can be set: {sorted(fields.keys() - self.settable)}")
        async with changing(self.engine) as con:
            was = await self._expected(con, tenant_id, id, expect, within)
            return None if was is None else await self._set(con, tenant_id, was, fields, author, "update")

    async def drop(
        self, tenant_id: str, id: str, author: Author, *, expect: int | None = None, within: Narrow | None = None
    ) -> R | None:
        """Delete an object with all that is its, and return what it was. Raise ``Stale`` or ``InUse``."""
        async with changing(self.engine) as con:
            was = await self._expected(con, tenant_id, id, expect, within)
            if was is None:
                return None
            await self._removing(con, tenant_id, was)
            await con.execute(delete(self.table).where(self._mine(tenant_id, id)))
            await self.noted(con, author, "delete", tenant_id, id, was, None)
            return was

    async def _add(self, con: AsyncConnection, tenant_id: str, row: R, author: Author) -> None:
        values = msgspec.structs.asdict(row)  # type: ignore[arg-type]
        await self._check(con, tenant_id, values)
        count = select(func.count()).select_from(self.table).where(self._of(tenant_id))
        if (await con.execute(count)).scalar_one() >= self.most:
            raise Full
        try:
            await con.execute(insert(self.table).values(values))
        except IntegrityError:
            raise Taken from None
        await self.noted(con, author, "create", tenant_id, row.id, None, row)

    async def _set(
        self, con: AsyncConnection, tenant_id: str, was: R, fields: Mapping[str, Any], author: Author, verb: str
    ) -> R:
        """Write *fields*. ``updated_at`` never stands still: an ETag is made of it."""
        values = {**fields, "updated_at": max(now(), was.updated_at + 1)}
        whole = msgspec.structs.replace(was, **values)  # type: ignore[type-var]
        await self._check(con, tenant_id, msgspec.structs.asdict(whole))  # type: ignore[arg-type]
        try:
            await con.execute(update(self.table).where(self._mine(tenant_id, was.id)).values(values))
        except IntegrityError:
            raise Taken from None
        await self.noted(con, author, verb, tenant_id, was.id, was, whole)
        return whole

    async def _expected(
        self, con: AsyncConnection, tenant_id: str, id: str, expect: int | None, within: Narrow | None
    ) -> R | None:
        was = await self._seen(con, tenant_id, id, within)
        if was is not None and expect is not None and expect != was.updated_at:
            raise Stale
        return was

    async def _seen(self, con: AsyncConnection, tenant_id: str, id: str, within: Narrow | None = None) -> R | None:
        fits = self._fits(tenant_id, Filter(within=within))
        row = (await con.execute(select(*self._columns()).where(self._mine(tenant_id, id), fits))).one_or_none()
        return None if row is None else self._row(**row._mapping)

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        """Raise ``NoSuch`` where a field names what is not there."""

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: R) -> None:
        """Remove or revoke what is its."""

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        """What fits *narrow*: any of these. Nothing, unless a table says otherwise."""
        return ()

    def _fits(self, tenant_id: str, where: Filter) -> ColumnElement[bool]:
        tests = [self.table.c[name] == value for name, value in where.equal.items()]
        if where.search is not None:
            tests.append(func.lower(self.table.c[self.named]).contains(where.search.lower(), autoescape=True))
        if where.within is not None:
            tests.append(or_(false(), *self._within(tenant_id, where.within)))
        return and_(true(), *tests)

    def _paged(self, query: Any, page: Page) -> Any:
        c, down = self.table.c, page.sort.startswith("-")
        by = [c[self.named], c.id] if page.sort.endswith("name") else [c.id]
        if page.after:
            last = page.after
            beyond = by[-1] < last[-1] if down else by[-1] > last[-1]
            if len(by) == 2:
                further = by[0] < last[0] if down else by[0] > last[0]
                beyond = or_(further, and_(by[0] == last[0], beyond))
            query = query.where(beyond)
        return query.order_by(*(column.desc() if down else column for column in by)).limit(page.limit)

    def _of(self, tenant_id: str) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = self.table.c.tenant_id == tenant_id
        return mine

    def _columns(self) -> list[Any]:
        return [self.table.c[name] for name in self._row.__struct_fields__]  # type: ignore[attr-defined]


@asynccontextmanager
async def changing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of an administrative change, when its turn has come."""
    async with engine.begin() as con:
        if con.dialect.name == "sqlite":
            await con.exec_driver_sql("BEGIN IMMEDIATE")  # or what was read first could change before it is written
        await take_turn(con)
        yield con
