"""Providers' figures beside ours, and charges in doubt corrected by them: beside what was written, never over it."""

from datetime import date

import msgspec
from sqlalchemy import select

from headgate.billing.compare import compare, corrections, day_number, page, span, told, totals
from headgate.billing.exports import Told
from headgate.core.ids import new_id, now
from headgate.core.record import Attempt
from headgate.storage.billing_rows import ImportRow
from headgate.storage.budget_rows import BudgetRow
from headgate.storage.imports import SqlImports
from headgate.storage.schema import balances, ledger
from tests.billing.conftest import BOSS, BOTH, call

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


def doubtful(nano, **fields):
    cut = Attempt(provider="a", model="m-2026-01-01", started_ms=0, cost_nano=nano, billed="uncertain")
    return call(cost=nano, attempts=(cut,), billed="uncertain", status="failure", **fields)


def line(cost=None, **fields):
    return Told(day="2026-03-10", model="m", cost_nano=cost, **fields)


async def sums(engine):
    async with engine.connect() as con:
        found = await con.execute(select(balances).where(balances.c.nano != 0))
        return {(row.scope, row.period): row.nano for row in found}


async def settle(engine, said, budgets=()):
    store = SqlImports(engine)
    first, end = span(said)
    row = ImportRow(
        id=new_id(), tenant_id="t1", provider="a", format="csv", digest=new_id(), made_at=now(),
        lines=msgspec.json.encode(said).decode(),
    )  # fmt: skip
    await store.add(row, BOSS)
    charges = await store.uncertain("t1", "a", first, end)
    made = corrections(charges, await store.ours("t1", "a", first, end), said, budgets)
    return await store.correct(row.id, made, BOSS)


@BOTH
async def test_every_kind_that_the_provider_tells_is_set_beside_ours(engine, store):
    await store(call(), call(), call(model_used="a/other", cost=7))
    ours = await SqlImports(engine).ours("t1", "a", day_number("2026-03-10"), day_number("2026-03-11"))
    drifts = compare(ours, [line(input=190, cost=3_000_000_000), Told(day="2026-03-11", model="x", input=5)])
    found = {(one.day, one.model, one.kind): (one.ours, one.theirs, one.drift) for one in drifts}
    assert found["2026-03-10", "m", "input"] == (200, 190, 10)
    assert found["2026-03-10", "m", "cost_nano"] == (2_000_000_007, 3_000_000_000, -999_999_993)
    assert found["2026-03-10", "other", "input"] == (100, None, None)
    assert found["2026-03-11", "x", "input"] == (0, 5, -5)
    assert {one.kind for one in drifts} == {"input", "cost_nano"}
    assert ("m", "input", 10) in [(one.model, one.kind, one.drift) for one in totals(drifts)]
    assert "+5.26%" in page("a", drifts)
    assert told(drifts[1])["ours"] in (200, "2.000000007")


@BOTH
async def test_charges_in_doubt_are_corrected_once_beside_what_was_written(engine, store, office, account):
    await store(call(cost=100, key_id="k2"), doubtful(60, team_id="t"), doubtful(31))
    budget = BudgetRow(
        id="b", tenant_id="t1", name="b", conditions='[["team","t"],["model","a/m-2026-01-01"]]', amount=9, period="day",
        created_at=1, updated_at=1,
    )  # fmt: skip
    before = await sums(engine)
    assert before["tenant:t1", "d"] == 191
    assert await settle(engine, [line(110)], [budget]) == 2
    after = await sums(engine)
    assert (after["tenant:t1", "d"], after["tenant:t1", "t"], after["team:t", "t"], after["k1", "d"]) == (
        110,
        110,
        7,
        10,
    )
    async with engine.connect() as con:
        rows = (await con.execute(select(ledger.c.attempt, ledger.c.nano, ledger.c.billed))).all()
    assert sorted(rows) == [
        (-1, -53, "adjusted"),
        (-1, -28, "adjusted"),
        (1, 31, "uncertain"),
        (1, 60, "uncertain"),
        (1, 100, "usage"),
    ]
    assert await settle(engine, [line(111)]) == 0
    found = await office.chargeback(account, "day", MARCH, APRIL)
    assert (found.due, found.adjusted) == (191, [])  # corrections stand in the bill of the month in which they are made
    today = await office.chargeback(account, "day", date(2026, 4, 1), date(2999, 1, 1))
    assert sum(one.nano for one in today.adjusted) == -81


async def test_what_a_provider_does_not_tell_the_cost_of_stays(engine, store):
    await store(doubtful(60))
    assert await settle(engine, [line(input=5)]) == 0


async def test_corrections_are_never_below_nothing_nor_above_what_was_held(engine, store):
    await store(call(cost=100), doubtful(60))
    assert await settle(engine, [line(5)]) == 1
    assert (await sums(engine))["tenant:t1", "t"] == 100
    await store(doubtful(60, moment="2026-03-11T12:00"))
    assert await settle(engine, [Told(day="2026-03-11", model="m", cost_nano=1000)]) == 0
