"""Costs that providers state: they settle calls where the account's row takes them for the bill, if they can be so."""

import asyncio
from typing import Any

import msgspec
import pytest

from headgate.billing.daily import Day
from headgate.billing.pricing import Prices
from headgate.dialects import anthropic_messages, embeddings
from headgate.faultlab.attempt import USAGE, Attempt, answer, chunk
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from headgate.storage.billing_rows import PriceRow
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  router: {kind: openrouter, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  listed: {kind: openrouter, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}, states_cost: off}
  plain: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}}
  told: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, states_cost: on}
  search: {kind: perplexity, base_url: "WALL", api_key: sk-c, price: {input: 1, output: 2}}
  ticks: {kind: xai, base_url: "WALL/v1", api_key: sk-d, price: {input: 1, output: 2}}
routes:
  all: {targets: ['router/stated:all', 'plain/stated:all'], fan_out: {answer: all, n: 2}}
"""
BY_PRICE = 25_000  # 11 tokens at 1 USD and 7 at 2 USD a million
STATED: dict[str, Any] = {}
"""What is added to the usage that the wall tells."""


async def tells(a: Attempt) -> None:
    """Answer, and say what it costs."""
    usage = {**USAGE, **STATED}
    if not a.stream:
        await a.whole(200, answer(usage=usage))
        return
    await a.head_of_stream()
    await a.text("fine", usage={**USAGE, "completion_tokens": 1, "cost": {"total_cost": 9.0}})  # so far, as some say it
    await a.event(**chunk({}, finish="stop"))
    await a.event(**{**chunk({}), "choices": [], "usage": usage})
    await a.piece(b"data: [DONE]\n\n")
    await a.send(b"0\r\n\r\n")


async def tells_and_stops(a: Attempt) -> None:
    """Say what it costs in the middle of an answer that never ends."""
    await a.head_of_stream()
    await a.text("fine", usage={**USAGE, **STATED})
    a.writer.close()


@pytest.fixture(autouse=True)
def stating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, "stated", tells)
    monkeypatch.setitem(FAULTS, "cut_stated", tells_and_stops)
    STATED.clear()
    STATED.update(cost=0.0001234567, is_byok=False)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("provider", "said", "nano"),
    [
        ("router", {"cost": 0.000123457}, 123_457),
        ("router", {"cost": 0.0000000015, "is_byok": True, "cost_details": {"upstream_inference_cost": 1e-9}}, 2),
        ("router", {"cost": 0}, 0),
        ("search", {"cost": {"total_cost": 0.006116}}, 6_116_000),
        ("ticks", {"cost_in_usd_ticks": 37_756_000}, 3_775_600),
        ("told", {"cost": 0.25}, 250_000_000),  # without any price
    ],
)
async def test_what_is_stated_is_what_it_costs(
    wall: Wall, stream: bool, provider: str, said: dict[str, Any], nano: int
) -> None:
    STATED.clear()
    STATED.update(said)
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask(f"{provider}/stated:x", stream=stream)
        assert caller.text == "fine"
        record = stage.record
        assert stage.paid() == record.cost_nano == nano
        (tried,) = record.attempts
        assert (tried.cost_nano, tried.stated_nano, tried.cost_source) == (nano, nano, "stated")
        assert (record.cost_source, record.billed, record.usage.total) == ("stated", "usage", 18)
        if not stream:
            assert float(caller.headers["x-headgate-cost"]) == nano / 1e9


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"cost": -0.001}, -1_000_000),
        ({"cost": 1.000000001}, 1_000_000_001),
        ({"cost": 1e30}, None),
        ({"cost": 10**40}, None),
        ({"cost": "free"}, None),
        ({"cost": True}, None),
    ],
)
async def test_what_nobody_can_believe_counts_by_price_and_is_on_record(
    wall: Wall, stream: bool, said: dict[str, Any], kept: int | None
) -> None:
    STATED.clear()
    STATED.update(said)
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("router/stated:x", stream=stream, max_tokens=100)
        (tried,) = stage.record.attempts
        assert (tried.cost_nano, tried.stated_nano, tried.cost_source) == (BY_PRICE, kept, "doubted")
        assert stage.paid() == BY_PRICE and stage.record.cost_source == "doubted"


async def test_a_large_hold_lets_much_be_stated(wall: Wall) -> None:
    STATED.update(cost=20.0)
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("router/stated:x", max_tokens=10**6)  # 2 USD are held, and something
        assert stage.paid() == 20 * 10**9
        STATED.update(cost=20.1)
        await stage.ask("router/stated:x", max_tokens=10**6)
        assert stage.paid() == BY_PRICE


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", ["plain", "listed"])
async def test_who_is_not_billed_so_is_not_listened_to(wall: Wall, stream: bool, provider: str) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask(f"{provider}/stated:x", stream=stream)
        (tried,) = stage.record.attempts
        assert (stage.paid(), tried.cost_source, tried.stated_nano) == (BY_PRICE, "price", None)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_who_says_nothing_is_paid_by_price(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("router/good:x", stream=stream)
        assert stage.paid() == BY_PRICE and stage.record.cost_source == "price"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_callers_of_other_dialects_pay_the_same(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("router/stated:x", stream=stream, dialect=anthropic_messages, max_tokens=50)
        assert stage.paid() == 123_457 and stage.record.cost_source == "stated"


async def test_embeddings_too(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async def vectors(a: Attempt) -> None:
        usage = {"prompt_tokens": 4, "total_tokens": 4, "cost": 8e-8}
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        await a.whole(200, {"object": "list", "data": data, "model": "wall", "usage": usage})

    monkeypatch.setitem(FAULTS, "vectors", vectors)
    async with Stage(wall, CONFIG) as stage:
        caller, task = stage.begin(
            "router/vectors:x", dialect=embeddings, operation="embeddings", messages=..., input="one"
        )
        await asyncio.wait_for(task, 30)
        assert caller.status == 200 and stage.paid() == 80 and stage.record.cost_source == "stated"


async def test_an_answer_that_is_cut_is_estimated_by_price(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("router/cut_stated:x", stream=True)
        assert stage.record.billed == "estimated" and stage.record.cost_source == "price"
        assert 0 < stage.paid() != 123_457


async def test_each_try_has_its_own(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("all")
        sources = {one.provider: (one.cost_source, one.cost_nano) for one in stage.record.attempts}
        assert sources == {"router": ("stated", 123_457), "plain": ("price", BY_PRICE)}
        assert stage.paid() == 123_457 + BY_PRICE and stage.record.cost_source == "stated"


@pytest.mark.parametrize(
    ("own", "markup", "billed"), [(None, None, 123_457), (None, 500_000, 185_185), (10, None, 180_000)]
)
async def test_a_tenant_s_own_price_goes_over_it_and_a_markup_on_it(
    wall: Wall, own: int | None, markup: int | None, billed: int
) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("router/stated:x")
        price = None
        if own is not None:
            price = f'{{"usd":{{}},"price":{{"input":{own}000000,"output":{own}000000}}}}'
        rule = PriceRow(
            id="1", tenant_id="t", model="router/*", price=price, markup_ppm=markup, created_at=1, updated_at=1
        )
        day = Day("t", "2026-01-01", Prices([rule]))
        day.add(msgspec.json.encode(stage.record).decode())
        (row,) = day.rows()
        assert (row.cost_nano, row.billed_nano) == (123_457, billed)
