"""Days added up, invoices issued once, and the sums that must agree."""

from datetime import date

import msgspec
import pytest

from headgate.billing.invoice import Issuer, NotOver, sheet
from headgate.billing.page import page
from headgate.core.money import Price, Usage, per_million
from headgate.core.record import Attempt
from headgate.storage.billing_rows import PriceRow
from headgate.storage.schema.billing import invoices
from tests.billing.conftest import BOSS, BOTH, call

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


def names(found):
    return {line.name: (line.calls, line.cost_nano, line.billed_nano) for line in found.lines}


@BOTH
async def test_days_are_the_tenants_own(office, account, store):
    await store(call("2026-02-28T22:59"), call("2026-02-28T23:00"), call("2026-03-31T21:59"), call("2026-03-31T22:00"))
    found = await office.chargeback(account, "day", MARCH, APRIL)  # Berlin: clocks go forward on the 29th
    assert [line.name for line in found.lines] == ["2026-03-01", "2026-03-31"]
    assert found.due == 2_000_000_000


@BOTH
async def test_every_dimension_adds_up_to_the_same_but_tags(office, account, store):
    await store(
        call(team_id="t", app_id="x", user_id="u", tags=("red", "blue")),
        call(team_id="t", tags=("red",), cost=3),
        call(key_id="k2", cost=None, billed="usage", attempts=()),
    )
    for by in ("tenant", "team", "app", "user", "key", "model", "provider", "day"):
        found = await office.chargeback(account, by, MARCH, APRIL)
        assert (found.total.calls, found.total.cost_nano, found.total.unpriced) == (3, 1_000_000_003, 1), by
    assert names(await office.chargeback(account, "tag", MARCH, APRIL)) == {
        "red": (2, 1_000_000_003, 1_000_000_003), "blue": (1, 1_000_000_000, 1_000_000_000), "": (1, 0, 0),
    }  # fmt: skip
    narrowed = await office.chargeback(account, "model", MARCH, APRIL, where={"team": "t", "app": "x"})
    assert names(narrowed) == {"a/m": (1, 1_000_000_000, 1_000_000_000)}


@BOTH
async def test_calls_that_come_late_are_counted_and_the_same_ones_not_twice(office, account, store):
    await store(call())
    assert (await office.chargeback(account, "day", MARCH, APRIL)).due == 1_000_000_000
    assert (await office.chargeback(account, "day", MARCH, APRIL)).due == 1_000_000_000
    await store(call(cost=5))
    assert (await office.chargeback(account, "day", MARCH, APRIL)).due == 1_000_000_005


async def test_what_each_attempt_cost_stands_with_its_own_model(office, account, store):
    cut = Attempt(provider="b", model="n", started_ms=0, cost_nano=7, billed="uncertain")
    good = Attempt(provider="a", model="m", started_ms=0, cost_nano=5, billed="usage")
    await store(call(cost=12, attempts=(cut, good), status="fallback"))
    found = await office.chargeback(account, "model", MARCH, APRIL)
    assert names(found) == {"b/n": (0, 7, 7), "a/m": (1, 5, 5)}
    assert found.total.uncertain == 1


def price(model, *, own=None, markup=None):
    stored = None
    if own is not None:
        stored = msgspec.json.encode({"usd": {"input": own}, "price": Price(input=per_million(own))}).decode()
    return PriceRow(id=model, tenant_id="t1", model=model, price=stored, markup_ppm=markup, created_at=1, updated_at=1)


@pytest.mark.parametrize(
    ("rows", "billed"),
    [
        ([], 1_000_000_000),
        ([price("*", markup=200_000)], 1_200_000_000),
        ([price("*", markup=200_000), price("a/*", markup=-500_000)], 500_000_000),
        ([price("a/*", markup=200_000), price("a/m", own=10)], 1_000_000),
        ([price("a/m", own=10, markup=1_000_000)], 2_000_000),
        ([price("b/*", own=10)], 1_000_000_000),
    ],
)
async def test_what_is_billed_follows_the_closest_price_and_the_cost_stays(office, account, store, rows, billed):
    await store(call())
    for row in rows:
        await office.bills.prices.add("t1", row, BOSS)
    found = await office.chargeback(account, "day", MARCH, APRIL)
    assert (found.total.cost_nano, found.total.billed_nano) == (1_000_000_000, billed)


async def test_a_price_of_the_tenants_own_bills_what_has_none(office, account, store):
    await office.bills.prices.add("t1", price("a/m", own=10), BOSS)
    await store(call(cost=None, attempts=(), usage=Usage(input=1_000_000)))
    assert (await office.chargeback(account, "day", MARCH, APRIL)).due == 10_000_000_000


@BOTH
async def test_an_invoice_is_issued_once_under_the_next_number_and_stays(office, account, store, engine):
    issuer = Issuer(office)
    await store(call(), call("2026-02-10T12:00"))
    march = await issuer.issue(account, "invoice", MARCH, BOSS)
    february = await issuer.issue(account, "invoice", date(2026, 2, 1), BOSS)
    assert (march.number, february.number) == ("I-000001", "I-000002")
    await store(call())
    again = await issuer.issue(account, "invoice", date(2026, 3, 20), BOSS)
    assert again == march
    content = msgspec.json.decode(march.content)
    assert (content["total_usd"], content["ledger"]) == ("1", {"cost_usd": "1", "difference_usd": "0"})
    assert content["tables"]["model"][0]["name"] == "a/m"
    assert "Acme &amp; Sons" in march.html
    with pytest.raises(Exception, match="stays as it was issued"):
        async with engine.begin() as con:
            await con.execute(invoices.update().values(total_nano=0))


async def test_the_ledger_that_says_something_else_is_told(office, account, store):
    await store(
        call(cost=None, attempts=(Attempt(provider="a", model="m", started_ms=0, cost_nano=9, billed="usage"),))
    )
    content = await Issuer(office).content(account, "invoice", MARCH)
    assert content["ledger"] == {"cost_usd": "0.000000009", "difference_usd": "-0.000000009"}


async def test_a_month_that_runs_is_shown_but_not_issued(office, account, store):
    with pytest.raises(NotOver):
        await Issuer(office).issue(account, "invoice", date(2999, 1, 1), BOSS)


async def test_the_report_of_an_app_is_of_its_week_alone(office, account, store):
    await store(
        call("2026-03-09T12:00", app_id="x"), call("2026-03-15T22:30", app_id="x"), call("2026-03-15T23:30", app_id="x"),
        call("2026-03-10T12:00"), call("2026-03-03T12:00", app_id="x", cost=5),
    )  # fmt: skip
    row = await Issuer(office).issue(account, "report", date(2026, 3, 11), BOSS, "x")
    content = msgspec.json.decode(row.content)
    assert (row.number, row.starts, row.ends) == ("R-000001", "2026-03-09", "2026-03-16")
    assert (content["total_usd"], content["earlier_usd"]) == ("2", "0.000000005")


async def test_names_that_would_be_markup_or_formulas_are_text(office, account, store):
    await store(call(tags=("<script>alert(1)</script>",)), call(tags=("=cmd()", "x")))
    content = {"number": "I-1", **await Issuer(office).content(account, "invoice", MARCH)}
    assert "<script>" not in page(content)
    assert "'=cmd()" in sheet(content)
