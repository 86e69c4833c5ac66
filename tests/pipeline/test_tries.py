"""What one try leaves behind for the next."""

import asyncio
from time import monotonic
from typing import Any

import pytest

from headgate.core.errors import BudgetSpent
from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.faultlab.wall import Wall
from headgate.ledger.types import Ask, Hold
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}}
  c: {kind: anthropic, base_url: "WALL", api_key: sk-c, price: {input: 1, output: 2}}
  f: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-f, price: {input: 1, output: 2},
    concurrency: {calls: 1, queue: 0, wait: 0.1}}
  o: {kind: openai, base_url: "WALL/v1", api_key: sk-o, price: {input: 1, output: 2}}
use_cases:
  short: {targets: ['o/s500:short', 'b/good:short'], parameters: {max_tokens: 40}}
routes:
  shared: {targets: ['o/late:shared'], single_flight: true}
  poor: {targets: ['a/good:poor', 'b/good:poor'], failover: {budget: true}}
  dear: {targets: ['a/good:dear', 'b/s500:dear', 'b/good:dear'], failover: {budget: true}, attempts: 2}
  fan: {targets: ['b/s500:fan', 'a/good:fan', 'o/good:fan'], failover: {budget: true}, attempts: 2, fan_out: {n: 2}}
  hedge: {targets: ['a/good:hedge', 'b/late:hedge', 'o/good:hedge'], failover: {budget: true}, attempts: 2,
    hedge: {after: 0.05, budget: 100}}
  lone: {targets: ['f/late:lone']}
  full: {targets: ['f/good:full', 'b/s500:full', 'o/s500:full'], attempts: 1}
  two: {targets: ['a/s500:two', 'b/good:two']}
  mixed: {targets: ['c/s500:mixed', 'b/good:mixed'], on_unsupported: drop}
"""


async def test_a_target_that_is_not_clamped_is_asked_for_all(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        stage.books.room["a/s500:two"] = 300
        caller = await stage.ask("two", dialect=anthropic_messages, max_tokens=1000)
        asked = [attempt.body["max_tokens"] for attempt in wall.seen("s500:two") + wall.seen("good:two")]
        assert asked == [300, 300, 1000]
        assert "x-headgate-defaulted" not in caller.headers and stage.record.defaulted == ()


async def test_what_a_budget_refuses_is_no_attempt(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on record; a caller is told how many calls were made."""
    async with Stage(wall, CONFIG) as stage:
        grant, spent = stage.books.hold, ["a/good:poor"]

        def poor(ask: Ask) -> Hold:
            if ask.target in spent:
                raise BudgetSpent("too little")
            return grant(ask)

        monkeypatch.setattr(stage.books, "hold", poor)
        caller = await stage.ask("poor", stream=True, headers={"x-headgate-stream-info": "1"})
        assert caller.status == 200 and caller.headers["x-headgate-attempts"] == "1"
        assert b'"attempts":1' in caller.body_sent
        assert [(a.provider, a.unsent) for a in stage.record.attempts] == [("a", True), ("b", False)]
        spent.append("b/good:poor")
        caller = await stage.ask("poor")
        assert caller.status == 429 and caller.headers["x-headgate-attempts"] == "0"


def spend(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no budget for the account ``a``."""
    grant = stage.books.hold

    def poor(ask: Ask) -> Hold:
        if ask.target.startswith("a/"):
            raise BudgetSpent("too little")
        return grant(ask)

    monkeypatch.setattr(stage.books, "hold", poor)


@pytest.mark.parametrize(("route", "tries"), [("dear", "2"), ("fan", "2")])
async def test_what_a_budget_refuses_is_none_of_a_routes_attempts(
    wall: Wall, monkeypatch: pytest.MonkeyPatch, route: str, tries: str
) -> None:
    async with Stage(wall, CONFIG) as stage:
        spend(stage, monkeypatch)
        caller = await stage.ask(route)
        assert (caller.status, caller.headers["x-headgate-attempts"]) == (200, tries)


async def test_nor_does_it_take_the_place_of_a_second_call(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Stage(wall, CONFIG) as stage:
        spend(stage, monkeypatch)
        await stage.ask("hedge")  # loads what counts tokens
        began = monotonic()
        caller = await stage.ask("hedge")
        assert caller.headers["x-headgate-provider"] == "o" and monotonic() - began < 0.9


async def test_a_target_without_room_makes_no_room_for_another_attempt(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        _, under_way = stage.begin("lone")
        await asyncio.sleep(0.2)
        caller = await stage.ask("full")
        await under_way
        assert (caller.status, caller.headers["x-headgate-attempts"]) == (503, "1")


async def test_only_the_answering_targets_changes_are_told(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("mixed", max_tokens=50, seed=7)
        assert caller.status == 200
        assert stage.record.attempts[0].provider == "c", "which has no word for a seed"
        assert stage.record.dropped == () and stage.record.defaulted == ()


async def test_a_limit_is_told_in_the_word_of_its_target(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        stage.books.room["o/good:own"] = 300
        caller = await stage.ask("o/good:own")
        (sent,) = wall.seen("good:own")
        assert sent.body["max_completion_tokens"] == 300 and "max_tokens" not in sent.body
        assert caller.headers["x-headgate-defaulted"] == "max_tokens=300"
        await stage.ask("o/good:given", max_tokens=20)
        assert wall.seen("good:given")[0].body["max_tokens"] == 20, "what the caller says stays as it is said"


async def test_who_waited_for_an_equal_call_is_told_the_same(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        stage.books.room["o/late:shared"] = 300
        callers = [stage.begin("shared") for _ in range(2)]
        await asyncio.gather(*[task for _, task in callers])
        assert len(wall.seen("late:shared")) == 1
        assert {caller.headers["x-headgate-attempts"] for caller, _ in callers} == {"1", "0"}
        assert {caller.headers.get("x-headgate-defaulted") for caller, _ in callers} == {"max_tokens=300"}
        assert {record.defaulted for record in stage.books.records} == {("max_tokens=300",)}


@pytest.mark.parametrize("dialect", [openai_chat, openai_responses, anthropic_messages])
async def test_a_use_case_limits_answers_in_the_word_of_each_target(wall: Wall, dialect: Any) -> None:
    asked = {"input": "hi", "messages": ...} if dialect is openai_responses else {}
    if dialect is anthropic_messages:
        asked["max_tokens"] = 40
    async with Stage(wall, CONFIG) as stage:
        before = len(wall.seen("s500:short")), len(wall.seen("good:short"))
        caller = await stage.ask("use-case/short", dialect=dialect, **asked)
        assert caller.status == 200
        first, second = wall.seen("s500:short")[before[0]], wall.seen("good:short")[before[1]]
        word = "max_output_tokens" if dialect is openai_responses else "max_completion_tokens"
        assert first.body[word] == 40 and second.body["max_tokens"] == 40
        assert "max_tokens" not in first.body and "max_completion_tokens" not in second.body
        told = caller.headers.get("x-headgate-defaulted")
        assert told == (None if dialect is anthropic_messages else "max_tokens=40")


async def test_what_is_to_be_thought_leaves_room_for_an_answer(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask(
            "c/good:deep",
            dialect=anthropic_messages,
            max_tokens=40_000,
            thinking={"type": "enabled", "budget_tokens": 31_000},
        )
        assert stage.books.asked[-1].min_output == 31_001
        await stage.ask("c/good:shallow", dialect=anthropic_messages, max_tokens=40_000)
        assert stage.books.asked[-1].min_output == 256
