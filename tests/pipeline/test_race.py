"""Several tries at once: who answers, who is cancelled, and that everything is held and paid for."""

import asyncio
import json
import time

import pytest

from headgate.core.record import Attempt, Record
from headgate.dialects import anthropic_messages
from headgate.faultlab.wall import Wall
from headgate.pipeline.settle import busy
from tests.pipeline.stage import Stage

ACCOUNTS = "".join(
    f'  {name}: {{kind: openai-compatible, base_url: "WALL/v1", api_key: sk-{name}, price: {{input: 1, output: 2}}}}\n'
    for name in "abc"
)
CONFIG = f"""
providers:
{ACCOUNTS}
routes:
  hedged: {{targets: ['a/late:h', 'b/good:h'], hedge: {{after: 0.15}}}}
  prompt: {{targets: ['a/good:p', 'b/good:p'], hedge: {{after: 5}}}}
  measured: {{targets: ['a/late:m', 'b/good:m'], hedge: {{}}}}
  rare: {{targets: ['a/late:r', 'b/good:r'], hedge: {{after: 0.1, budget: 5}}}}
  slower: {{targets: ['a/late:s', 'b/never:s'], hedge: {{after: 0.1}}}}
  both-down: {{targets: ['a/s503:b', 'b/s500:b', 'c/good:b'], hedge: {{after: 0.1}}}}
  stuck: {{targets: ['a/never:x', 'b/never:x'], hedge: {{after: 0.1}}}}
  first: {{targets: ['a/late:f', 'b/good:f', 'c/never:f'], fan_out: {{n: 3}}}}
  first-down: {{targets: ['a/s503:fd', 'b/s503:fd', 'c/good:fd'], fan_out: {{n: 2}}}}
  mistaken: {{targets: ['a/late:w', 'b/s400:w'], fan_out: {{n: 2}}}}
  best: {{targets: [{{model: 'a/good:best', quality: 0.2}}, {{model: 'b/late:best', quality: 0.9}}], fan_out: {{answer: best}}}}
  best-left: {{targets: [{{model: 'a/late:bl', quality: 0.2}}, {{model: 'b/s503:bl', quality: 0.9}}], fan_out: {{answer: best}}}}
  best-soon: {{targets: [{{model: 'a/never:bs', quality: 0.2}}, {{model: 'b/good:bs', quality: 0.9}}], fan_out: {{answer: best}}}}
  all: {{targets: ['a/good:all', 'b/late:all', 'c/s503:all'], fan_out: {{answer: all, n: 3}}}}
  none: {{targets: ['a/s503:none', 'b/s500:none'], fan_out: {{answer: all}}}}
"""


def told(record: Record) -> list[tuple[str, str, str]]:
    return [(a.provider, a.role, a.outcome) for a in record.attempts]


async def closed(wall: Wall, model: str) -> bool:
    """Whether the wall saw its caller leave."""
    until = time.monotonic() + 5
    while any(a.closed_at is None for a in wall.seen(model)) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    return all(a.closed_at is not None for a in wall.seen(model)) and bool(wall.seen(model))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_second_call_answers_where_the_first_is_slow(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("hedged", stream=stream)
        assert caller.text == "fine" and caller.headers["x-headgate-provider"] == "b"
        assert caller.headers["x-headgate-attempts"] == "2"
        assert told(stage.record) == [("a", "", "cancelled"), ("b", "hedge", "ok")]
        first, second = stage.record.attempts
        assert (first.billed, second.billed) == ("uncertain", "usage"), "nobody knows what the loser has cost"
        assert stage.paid() == first.held_nano + 11_000 + 14_000
        assert stage.record.usage.total == 18


async def test_the_first_wins_where_it_is_in_time_and_nobody_else_is_asked(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("prompt")).headers["x-headgate-provider"] == "a"
        assert not [a for a in wall.seen("good:p") if b"sk-b" in a.head]
        assert told(stage.record) == [("a", "", "ok")]


async def test_the_loser_is_cancelled_at_once(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("slower", stream=True)).headers["x-headgate-provider"] == "a"
        assert told(stage.record) == [("a", "", "ok"), ("b", "hedge", "cancelled")]
        assert await closed(wall, "never:s")


async def test_without_a_time_given_it_is_what_was_measured(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("measured")).headers["x-headgate-provider"] == "a", "nothing is known yet"
        stage.parts.health.of("a/late:m").samples, stage.parts.health.of("a/late:m").p95_ms = 10, 150.0
        assert (await stage.ask("measured")).headers["x-headgate-provider"] == "b"


async def test_only_so_many_are_made_twice(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        calls = [stage.begin("rare")[1] for _ in range(10)]
        await asyncio.gather(*calls)
        assert sum(a.role == "hedge" for record in stage.books.records for a in record.attempts) == 1


async def test_who_fails_before_the_second_is_due_is_followed_as_ever(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("both-down")
        assert len(stage.record.attempts) <= 3
        assert caller.headers.get("x-headgate-provider") == "c" or caller.status == 503


async def test_a_caller_who_leaves_ends_both(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller, task = stage.begin("stuck", stream=True)
        while len(wall.seen("never:x")) < 2:
            await asyncio.sleep(0.02)
        caller.leave()
        await task
        assert [outcome for _, _, outcome in told(stage.record)] == ["cancelled", "cancelled"]
        assert stage.record.code == "client_closed" and stage.paid() == sum(a.held_nano for a in stage.record.attempts)
        assert await closed(wall, "never:x")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_of_several_the_first_answers(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("first", stream=stream)
        assert caller.text == "fine" and caller.headers["x-headgate-provider"] == "b"
        assert told(stage.record) == [
            ("a", "fan-out", "cancelled"),
            ("b", "fan-out", "ok"),
            ("c", "fan-out", "cancelled"),
        ]
        stage.paid()


async def test_where_all_of_them_fail_the_rest_of_the_plan_follows(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("first-down")).headers["x-headgate-provider"] == "c"
        assert [provider for provider, _, _ in told(stage.record)] == ["a", "b", "c"]


async def test_a_callers_own_mistake_ends_all(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("mistaken")
        assert caller.status == 400 and len(stage.record.attempts) == 2


async def test_the_best_that_answers_is_taken(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("best")).headers["x-headgate-provider"] == "b"
        assert stage.record.usage.total == 36 and stage.paid() == 2 * 25_000, "both were paid for"
        assert (await stage.ask("best-left")).headers["x-headgate-provider"] == "a"
        caller = await stage.ask("best-soon")
        assert caller.headers["x-headgate-provider"] == "b"
        assert told(stage.record)[0] == ("a", "fan-out", "cancelled")


async def test_who_waits_for_a_place_is_not_waited_for_in_vain(wall: Wall) -> None:
    """The better one is full: the other's answer is not settled for before it had its turn."""
    config = CONFIG.replace("sk-b,", "sk-b, concurrency: {calls: 1, queue: 5, wait: 10},")
    async with Stage(wall, config) as stage:
        _, busy = stage.begin("b/late:busy")
        await asyncio.sleep(0.05)
        caller = await stage.ask("best")
        assert caller.headers["x-headgate-provider"] == "b" and stage.record.usage.total == 36
        await busy


async def test_all_answers_come_in_one_reply(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("all")
        reply = json.loads(caller.body_sent)
        assert [(c["index"], c["message"]["content"], c["headgate"]) for c in reply["choices"]] == [
            (0, "fine", {"model": "a/good:all", "cost": "0.000025"}),
            (1, "fine", {"model": "b/late:all", "cost": "0.000025"}),
        ]
        assert reply["usage"] == {"prompt_tokens": 22, "completion_tokens": 14, "total_tokens": 36}
        assert reply["headgate"] == {"failed": [{"model": "c/s503:all", "code": "upstream_unavailable"}]}
        assert caller.headers["x-headgate-cost"] == "0.00005" and stage.paid() == 50_000
        assert len(stage.books.records) == 1


async def test_where_none_answers_the_first_cause_is_told(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("none")
        assert caller.status == 503 and stage.record.code == "upstream_unavailable" and stage.paid() == 0


async def test_what_has_no_form_for_several_answers_is_refused(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert json.loads((await stage.ask("best", stream=True)).body_sent)["error"]["param"] == "stream"
        caller = await stage.ask("all", dialect=anthropic_messages, max_tokens=9)
        assert json.loads(caller.body_sent)["error"]["code"] == "unsupported_operation"
        assert not stage.record.attempts


def test_time_in_which_several_are_asked_at_once_counts_once_and_is_no_overhead() -> None:
    tries = [
        Attempt(provider="a", model="m", started_ms=started, ended_ms=ended)
        for started, ended in ((1.0, 11.0), (6.0, 9.0), (8.0, 14.0), (20.0, None))
    ]
    assert busy(tries, 30.0) == 23.0
