"""Who is asked after a failure: retries within their budget, nobody who was shut meanwhile, and who said when to come."""

import asyncio
from time import monotonic

import pytest

from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}}
  c: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-c, price: {input: 1, output: 2}}
routes:
  lone: {targets: ['a/s503_late:lone']}
  one-account: {targets: ['b/s503_late:1', 'b/s503_late:2', 'b/s503_late:3']}
  meanwhile: {targets: ['a/s503_late:w', 'b/good:w', 'c/good:w']}
  longer: {targets: ['a/too_long:1', 'a/good:longer'], failover: {context_overflow: true}}
  limited: {targets: ['a/limited', 'b/s503:limited']}
  down: {targets: ['c/s503:down']}
"""


@pytest.mark.parametrize("model", ["lone", "one-account"])
async def test_many_calls_that_fail_together_are_not_all_made_again(wall: Wall, model: str) -> None:
    async with Stage(wall, CONFIG) as stage:
        before, calls = len(wall.attempts), 60
        await asyncio.gather(*(stage.ask(model) for _ in range(calls)))
        assert len(wall.attempts) - before <= 1.2 * calls + 3


async def test_who_was_shut_meanwhile_is_passed_over(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller, task = stage.begin("meanwhile")
        await asyncio.sleep(0.2)
        stage.parts.health.set_by_hand({"b/good:w": "open"})
        await task
        assert caller.headers["x-headgate-provider"] == "c"


async def test_a_prompt_that_is_too_long_is_no_retry(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert [(await stage.ask("longer")).status for _ in range(20)] == [200] * 20


async def test_who_said_when_to_come_is_waited_for_where_the_others_are_down(
    wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def limited(a: Attempt) -> None:
        if len(wall.seen("limited")) > 1:
            await FAULTS["good"](a)
        else:
            await a.whole(429, {"error": {"message": "slow down"}}, "retry-after: 3\r\n")

    monkeypatch.setitem(FAULTS, "limited", limited)
    async with Stage(wall, CONFIG) as stage:
        began = monotonic()
        caller = await stage.ask("limited")
        assert caller.status == 200 and caller.headers["x-headgate-provider"] == "a"
        assert 2.5 < monotonic() - began < 6
        assert [a.provider for a in stage.record.attempts] == ["a", "b", "a"]
        assert stage.record.total_ms > 2500 and 0 < stage.record.overhead_ms < 1000, "the wait is the provider's"


async def test_a_503_says_when_to_come_back(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("down")
        assert (caller.status, caller.headers["retry-after"]) == (503, "1")
