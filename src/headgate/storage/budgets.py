"""Budgets as objects of a tenant, and what is spent and set aside of each."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.budget_rows import BudgetRow
from headgate.storage.schema import balances, grants, keys, users
from headgate.storage.schema.billing import budgets
from headgate.storage.schema.tenancy import apps, teams
from headgate.storage.tenancy import Narrow, NoSuch, Objects

CHANGE = "budget"
"""The kind of its entries in the change feed."""
SUBJECTS: dict[str, Table] = {"team": teams, "app": apps, "user": users, "key": keys}


class Spent(msgspec.Struct, frozen=True):
    """What a scope spent in a span of time."""

    scope: str
    nano: int
    tokens: int


class SqlBudgets(Objects[BudgetRow]):
    """The budgets of one tenant at a time, on SQLite or PostgreSQL."""

    table, word, things = budgets, CHANGE, "budgets"
    settable = frozenset({"name", "conditions", "each", "unit", "amount", "period", "hard", "is_active", "platform"})

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, BudgetRow)

    async def every(self, tenant_id: str) -> list[BudgetRow]:
        """Return all of them, oldest first."""
        return await self.list(tenant_id, limit=10_000)

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        """Whom it names must be there; end users, models, providers and tags need not."""
        for kind, id in msgspec.json.decode(values["conditions"]):
            table = SUBJECTS.get(kind)
            if kind == "tenant" and id != tenant_id:
                raise NoSuch("match")
            if table is not None:
                query = select(table.c.id).where(table.c.tenant_id == tenant_id, table.c.id == id)
                if (await con.execute(query)).first() is None:
                    raise NoSuch("match", f"match names a {kind} that does not exist: {id!r}.")

    def _within(self, tenant_id: str, narrow: Narrow) -> Iterable[ColumnElement[bool]]:
        """Who sees not all of the tenant sees budgets of its teams, of itself, and of its key."""
        own = [("team", team) for team in narrow.teams] + [("user", narrow.user_id), ("key", narrow.key_id)]
        for kind, id in own:
            if id is not None:
                said = msgspec.json.encode((kind, id)).decode()
                yield self.table.c.conditions.contains(said, autoescape=True)

    async def spent(self, scope: str, start: int, end: int) -> Spent:
        """Return what *scope* spent on the days that begin from *start* to *end* (microseconds), to the last unit."""
        c = balances.c
        query = select(func.sum(c.nano), func.sum(c.tokens)).where(c.scope == scope, *_days(start, end))
        async with self.engine.connect() as con:
            nano, tokens = (await con.execute(query)).one()
            return Spent(scope, int(nano or 0), int(tokens or 0))

    async def spent_each(self, row: BudgetRow, kept: str, start: int, end: int, *, limit: int) -> list[Spent]:
        """Return what each one spent that *row*, kept under *kept*, has an amount for; the dearest, at most *limit*.

        Whole days of the tenant's zone: one that begins within the span counts.
        """
        c = balances.c
        nano = func.sum(c.nano)
        query = (
            select(c.scope, nano.label("nano"), func.sum(c.tokens).label("tokens"))
            .where(*_each(row, kept), *_days(start, end))
            .group_by(c.scope)
            .order_by(nano.desc(), c.scope)
            .limit(limit)
        )
        async with self.engine.connect() as con:
            return [Spent(row.scope, int(row.nano), int(row.tokens)) for row in await con.execute(query)]

    async def set_aside(self, scope: str, period: str, start: int) -> int:
        """Return what processes have taken of a window for calls, and not given back or charged yet.

        What calls in flight hold of it is known in the memory of those processes alone.
        """
        c = grants.c
        query = select(func.sum(c.amount)).where(
            c.scope == scope, c.period == period, c.start == start, c.amount > 0
        )  # fmt: skip
        async with self.engine.connect() as con:
            return int((await con.execute(query)).scalar() or 0)

    async def daily(self, scope: str, start: int, end: int) -> list[tuple[int, int, int]]:
        """Return start (microseconds), nano-dollars and tokens of each day on which *scope* spent something.

        Days are those of the tenant's zone; one that begins within the span counts.
        """
        c = balances.c
        query = select(c.start, c.nano, c.tokens).where(c.scope == scope, *_days(start, end))
        async with self.engine.connect() as con:
            return [(row.start, row.nano, row.tokens) for row in await con.execute(query.order_by(c.start))]


def _days(start: int, end: int) -> list[Any]:
    return [balances.c.period == "d", balances.c.start >= start, balances.c.start < end]


def _each(row: BudgetRow, kept: str) -> list[Any]:
    """A subject's own scope does not say whose it is: the tenant's subjects do."""
    table = SUBJECTS.get(row.each or "")
    stated = [kind for kind, _ in msgspec.json.decode(row.conditions) if kind != "tenant"]
    if table is None or stated:
        return [balances.c.scope > f"{kept}:", balances.c.scope < f"{kept};"]
    begin = "" if row.each == "key" else f"{row.each}:"
    return [balances.c.scope.in_(select(literal(begin) + table.c.id).where(table.c.tenant_id == row.tenant_id))]
