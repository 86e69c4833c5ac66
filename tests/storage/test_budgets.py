"""What each one has spent of a budget: found by how a scope begins, in any database's order of words."""

import asyncio
from contextlib import closing

import msgspec
from sqlalchemy import insert

from headgate.alerts.sql import SqlReadings
from headgate.billing.resolve import scope
from headgate.storage.budget_rows import BudgetRow
from headgate.storage.budgets import SqlBudgets
from headgate.storage.engine import open_engine
from headgate.storage.schema import balances
from headgate.storage.schema.billing import budgets
from headgate.storage.sql import open_sql
from headgate.storage.sqlite import path_of

DAY = 86_400_000_000


async def test_each_ones_part_is_found_by_how_its_scope_begins(url):
    row = BudgetRow(
        id="b", tenant_id="default", name="each", each="end_user", amount=100, period="total", created_at=0, updated_at=0
    )  # fmt: skip
    kept = scope(row)
    told = {f"{kept}:alice": 60, f"{kept}:Zoë": 70, kept: 1, f"{kept}b:alice": 2, f"{kept};": 3}
    engine = open_engine(url)
    async with engine.begin() as con:
        await con.execute(insert(budgets).values(msgspec.structs.asdict(row)))
        for name, nano in told.items():
            await con.execute(insert(balances).values(scope=name, period="d", start=DAY, nano=nano, tokens=0))
    found = await SqlBudgets(engine).spent_each(row, kept, 0, 2 * DAY, limit=10)
    await engine.dispose()
    assert [(one.scope, one.nano) for one in found] == [(f"{kept}:Zoë", 70), (f"{kept}:alice", 60)]

    def stands():
        with closing(open_sql(path_of(url) or url)) as sql:
            return SqlReadings(sql, 2 * DAY).budgets("default", 2 * DAY)

    stood = await asyncio.to_thread(stands)
    assert sorted((one.subject, one.share) for one in stood) == [("Zoë", 0.7), ("alice", 0.6)]
