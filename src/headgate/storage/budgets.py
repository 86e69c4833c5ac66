"""Budgets as objects of a tenant, and what is spent and held of each."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.budget_rows import BudgetRow
from headgate.storage.owned import Owned
from headgate.storage.schema import balances, grants, ledger
from headgate.storage.schema.billing import budgets

HOUR = 3_600_000_000
CHANGE = "budget"
"""The kind of its entries in the change feed."""


class Spent(msgspec.Struct, frozen=True):
    """What a scope spent in a span of time."""

    scope: str
    nano: int
    tokens: int


class SqlBudgets(Owned[BudgetRow]):
    """The budgets of one tenant at a time, on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, budgets, BudgetRow, CHANGE, "budgets")

    async def every(self, tenant_id: str) -> list[BudgetRow]:
        """Return all of them, oldest first."""
        return await self.list(tenant_id, limit=10_000)

    async def spent(self, scope: str, start: int, end: int) -> Spent:
        """Return what *scope* spent from *start* to *end* (microseconds), to the last unit."""
        async with self.engine.connect() as con:
            return Spent(scope, *await _spent(con, scope, start, end))

    async def spent_each(self, scope: str, start: int, end: int, *, limit: int) -> list[Spent]:
        """Return what the scopes *scope*``:value`` spent, the dearest first, at most *limit* of them.

        Whole hours: one that begins within the span counts.
        """
        c = balances.c
        nano = func.sum(c.nano)
        query = (
            select(c.scope, nano.label("nano"), func.sum(c.tokens).label("tokens"))
            .where(c.scope > f"{scope}:", c.scope < f"{scope};", c.hour >= -(-start // HOUR), c.hour * HOUR < end)
            .group_by(c.scope)
            .order_by(nano.desc(), c.scope)
            .limit(limit)
        )
        async with self.engine.connect() as con:
            return [Spent(row.scope, int(row.nano), int(row.tokens)) for row in await con.execute(query)]

    async def held(self, scope: str, period: str, start: int) -> int:
        """Return what processes have taken of a window for calls in flight, and not given back or charged yet."""
        c = grants.c
        query = select(func.sum(c.amount)).where(
            c.scope == scope, c.period == period, c.start == start, c.amount > 0
        )  # fmt: skip
        async with self.engine.connect() as con:
            return int((await con.execute(query)).scalar() or 0)

    async def hourly(self, scope: str, start: int, end: int) -> list[tuple[int, int, int]]:
        """Return hour (since 1970), nano-dollars and tokens of each hour in which *scope* spent something."""
        c = balances.c
        query = select(c.hour, c.nano, c.tokens).where(c.scope == scope, c.hour >= start // HOUR, c.hour * HOUR < end)
        async with self.engine.connect() as con:
            return [(row.hour, row.nano, row.tokens) for row in await con.execute(query.order_by(c.hour))]


async def _spent(con: AsyncConnection, scope: str, start: int, end: int) -> tuple[int, int]:
    """Whole hours from their sums; the parts of hours at both ends, in zones that have such, from charges."""
    first, last = -(-start // HOUR), end // HOUR
    c = balances.c
    if first > last:
        return await _charged(con, scope, [(start, end)])
    whole = select(func.sum(c.nano), func.sum(c.tokens)).where(c.scope == scope, c.hour >= first, c.hour < last)
    nano, tokens = (await con.execute(whole)).one()
    edges = [span for span in ((start, first * HOUR), (last * HOUR, end)) if span[0] < span[1]]
    more = await _charged(con, scope, edges) if edges else (0, 0)
    return int(nano or 0) + more[0], int(tokens or 0) + more[1]


async def _charged(con: AsyncConnection, scope: str, spans: Iterable[tuple[int, int]]) -> tuple[int, int]:
    c: Any = ledger.c
    within = or_(*(and_(c.at >= start, c.at < end) for start, end in spans))
    query = select(func.sum(c.nano), func.sum(c.tokens)).where(c.scope == scope, within)
    nano, tokens = (await con.execute(query)).one()
    return int(nano or 0), int(tokens or 0)
