"""Whole calls on routes with a cache: what is answered from it, what is not, and what is on record."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.dialects import anthropic_messages, embeddings, gemini, openai_responses
from headgate.faultlab.attempt import Attempt, answer
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from headgate.pipeline.guard import Guard
from headgate.storage.responses import KeptResponses
from tests.cache.conftest import STORES, Kept
from tests.pipeline.stage import WHO

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
caches:
  answers: {store: STORE}
  small: {store: STORE, max_entry: 1024}
  tools: {tool_calls: on}
  slow: {timing: recorded}
  shut: {enabled: off}
  mine: {share: key}
  each: {single_flight: each}
  alone: {single_flight: none}
  some: {keys: [key-2], without_keys: [key-3]}
  tagged: {tags: [cached]}
guardrails:
  back: {kind: pii, types: [email], reversible: true, action: mask}
  out: {kind: pii, types: [card], on: [output], action: mask}
  no-cards: {kind: pii, types: [card], on: [output]}
routes:
  fast: {targets: [sandbox/mock], cache: answers}
  priced: {targets: [a/good], cache: answers}
  small: {targets: [sandbox/mock], cache: small}
  tools: {targets: [sandbox/mock], cache: tools}
  slow: {targets: [sandbox/mock], cache: slow}
  shut: {targets: [sandbox/mock], cache: shut}
  mine: {targets: [sandbox/mock], cache: mine}
  masked: {targets: [sandbox/mock], cache: answers, guardrails: [back, out]}
  strict: {targets: [sandbox/mock], cache: answers, guardrails: [no-cards]}
  late: {targets: ['a/late:flight'], cache: answers}
  late-each: {targets: ['a/late:each'], cache: each}
  large: {targets: ['a/large'], cache: small}
  raced: {targets: ['a/good:raced', 'a/loser'], cache: answers, fan_out: {n: 2}, guardrails: [no-cards]}
  late-alone: {targets: ['a/late:alone'], cache: alone}
  down: {targets: ['a/s503:down'], cache: answers, attempts: 1}
  recovers: {targets: ['a/first_s503:recovers'], cache: answers, attempts: 1}
  broken: {targets: ['a/cut:broken'], cache: answers}
  some: {targets: [sandbox/mock], cache: some}
  tagged: {targets: [sandbox/mock], cache: tagged}
  plain: {targets: [sandbox/mock]}
aliases: {quick: fast}
"""
Make = Callable[..., Kept]
OTHER = replace(WHO, id="key-2", tenant_id="tenant-2")
TOOL = {"tools": [{"type": "function", "function": {"name": "look"}}], "tool_choice": "required"}


def said(text: str) -> dict[str, Any]:
    return {"metadata": {"sandbox_text": text}}


def asks(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_was_answered_is_answered_again(kept: Make, store: str, stream: bool) -> None:
    async with kept(CONFIG, store) as stage:
        first = await stage.ask("fast", stream=stream)
        await asyncio.sleep(0.05)
        assert first.headers["x-headgate-cache"] == "miss"
        assert stage.record.cache is not None and stage.record.cache.verdict == "stored"
        again = await stage.ask("fast", stream=stream)
        assert again.body_sent == first.body_sent and again.headers["x-headgate-cache"] == "hit"
        assert again.headers["x-headgate-model"] == "sandbox/mock" and again.headers["x-headgate-attempts"] == "0"
        assert again.headers["content-type"] == first.headers["content-type"] and int(again.headers["age"]) >= 0
        record, before = stage.record, stage.books.records[0]
        assert record.cache is not None and record.cache.kind == "exact" and record.cache.of == before.id
        assert (record.status, record.cost_nano, record.attempts) == ("success", 0, ())
        assert (record.model_used, record.finish, record.usage.total) == ("sandbox/mock", "stop", 0)
        assert record.cache.saved_tokens == before.usage.total and record.cache.saved_ms > 0


async def test_what_it_saved_is_on_record(kept: Make, wall: Wall) -> None:
    async with kept(CONFIG) as stage:
        first = await stage.ask("priced", **asks("saved"))
        assert float(first.headers["x-headgate-cost"]) > 0
        again = await stage.ask("priced", **asks("saved"))
        assert again.headers["x-headgate-cost"] == "0" and stage.paid() == 0
        assert stage.record.cache is not None
        assert stage.record.cache.saved_nano == stage.books.records[0].cost_nano


@pytest.mark.parametrize("usage", [False, True], ids=["", "usage"])
async def test_a_stream_is_told_whole_and_the_other_way_round(kept: Make, usage: bool) -> None:
    asked = {"stream_options": {"include_usage": True}} if usage else {}
    async with kept(CONFIG) as stage:
        whole = await stage.ask("fast", **asks("one"))
        verdict, stream = await stage.verdict("fast", stream=True, **asks("one"), **asked)
        assert verdict == "hit" and stream.text == whole.text and stream.events[-1] == "[DONE]"
        told = [event["usage"] for event in stream.events[:-1] if event.get("usage")]
        assert bool(told) == usage and (
            not usage or told[0]["total_tokens"] == json.loads(whole.body_sent)["usage"]["total_tokens"]
        )
        first = await stage.ask("fast", stream=True, **asks("two"))
        verdict, again = await stage.verdict("fast", **asks("two"))
        assert (
            verdict == "hit" and again.text == first.text and json.loads(again.body_sent)["usage"]["total_tokens"] > 0
        )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        (anthropic_messages, {"max_tokens": 100}),
        (openai_responses, {"input": "hi", "messages": ..., "store": False}),
        (gemini, {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "messages": ...}),
    ],
    ids=["anthropic", "responses", "gemini"],
)
async def test_every_surface_is_answered(kept: Make, dialect: Any, more: dict[str, Any], stream: bool) -> None:
    async with kept(CONFIG) as stage:
        first = await stage.ask("fast", stream=stream, dialect=dialect, **more)
        verdict, again = await stage.verdict("fast", stream=stream, dialect=dialect, **more)
        assert first.status == 200 and verdict == "hit" and again.body_sent == first.body_sent
        verdict, other = await stage.verdict("fast", stream=not stream, dialect=dialect, **more)
        assert verdict == "hit" and other.status == 200 and other.body_sent != first.body_sent


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_response_that_is_gone_on_from_has_an_id_of_its_own(kept: Make, tmp_path: Path, stream: bool) -> None:
    async with kept(CONFIG) as stage:
        stage.parts.responses = kept_responses = KeptResponses(tmp_path / "responses.db", 60)
        given: dict[str, Any] = {"dialect": openai_responses, "input": "hi", "messages": ...}
        ids = set()
        for verdict in ("stored", "hit", "hit"):
            did, answer = await stage.verdict("fast", stream=stream, **given)
            whole = answer.events[-1]["response"] if stream else json.loads(answer.body_sent)
            ids.add(whole["id"])
            assert did == verdict and whole["output"][0]["content"][0]["text"]
        assert len(ids) == 3
        for one in ids:
            follow = await stage.ask("fast", previous_response_id=one, **given | {"input": "and now?"})
            assert follow.status == 200, follow.body_sent
        assert (await stage.ask("fast", previous_response_id=f"resp_{'0' * 32}", **given)).status != 200
        await asyncio.to_thread(kept_responses.close)


async def test_embeddings_are_kept(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        given: dict[str, Any] = {"dialect": embeddings, "operation": "embeddings", "messages": ..., "stream": ...}
        first = await stage.ask("fast", input="one", **given)
        verdict, again = await stage.verdict("fast", input="one", **given)
        assert verdict == "hit" and first.body_sent == again.body_sent
        assert (await stage.verdict("fast", input="two", **given))[0] == "stored"


@pytest.mark.parametrize("store", STORES)
async def test_never_what_another_tenant_asked(kept: Make, store: str) -> None:
    async with kept(CONFIG, store) as stage:
        for who in (WHO, OTHER):
            assert (await stage.verdict("fast", who=who))[0] == "stored"
        assert (await stage.verdict("fast", who=WHO))[0] == "hit"


async def test_keys_of_a_tenant_share_unless_told_otherwise(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        second = replace(WHO, id="key-9")
        assert (await stage.verdict("fast"))[0] == "stored"
        assert (await stage.verdict("fast", who=second))[0] == "hit"
        assert (await stage.verdict("mine", who=WHO))[0] == "stored"
        assert (await stage.verdict("mine", who=second))[0] == "stored"
        narrower = replace(WHO, id="key-4", models=("priced",))
        assert (await stage.ask("fast", who=narrower)).status == 403, "a right is asked for before the cache is"


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 0.5}, {"seed": 1}, {"max_tokens": 5}, {"messages": [{"role": "user", "content": "hi "}]},
        {"messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}]}, {"unknown": True},
        {"response_format": {"type": "json_object"}}, {"n": 2}, {"headgate": {"format": "markdown"}},
    ],
)  # fmt: skip
async def test_what_changes_the_answer_is_another_request(kept: Make, other: dict[str, Any]) -> None:
    async with kept(CONFIG) as stage:
        await stage.ask("fast")
        assert (await stage.verdict("fast", **other))[0] in ("stored", "refused")


@pytest.mark.parametrize("same", [{"user": "jane"}, {"stream": False}, {"metadata": {"trace": "1"}}, {"stop": ...}])
async def test_what_does_not_is_the_same(kept: Make, same: dict[str, Any]) -> None:
    async with kept(CONFIG) as stage:
        await stage.ask("quick", **asks("7"), temperature=1)
        assert (await stage.verdict("fast", **asks("7"), temperature=1.0, **same))[0] == "hit"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("route", "given", "why"),
    [
        ("fast", TOOL, "tool_call"),
        ("small", said("word " * 300), "too_large"),
        ("strict", said("4111 1111 1111 1111"), ""),
        ("broken", {}, ""),
        ("down", {}, ""),
        ("shut", {}, "disabled"),
    ],
)
async def test_what_is_not_kept(kept: Make, route: str, given: dict[str, Any], why: str, stream: bool) -> None:
    async with kept(CONFIG) as stage:
        for _ in range(2):
            await stage.ask(route, stream=stream, **given)
            cache = stage.record.cache
            assert cache is not None and cache.verdict in ("refused", "miss", "bypass") and cache.reason == why
        assert len(stage.books.records) == 2


async def test_a_request_that_two_readers_may_read_as_two_is_not_kept(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        caller, task = stage.begin("fast")
        caller.sent = b'{"model": "fast", "messages": [{"role": "user", "content": "a", "content": "b"}]}'
        await task
        assert caller.status == 200 and caller.headers["x-headgate-cache"] == "bypass"
        assert stage.record.cache is not None and stage.record.cache.reason == "ambiguous"


async def test_what_was_clamped_by_a_budget_is_not_kept(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        stage.books.room["sandbox/mock"] = 300
        await stage.ask("fast", max_tokens=4000)
        assert stage.record.cache is not None and stage.record.cache.reason == "clamped"


async def test_tool_calls_are_kept_where_that_is_allowed(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        first = await stage.ask("tools", **TOOL)
        verdict, again = await stage.verdict("tools", **TOOL)
        assert verdict == "hit" and again.body_sent == first.body_sent and b'"look"' in first.body_sent


@pytest.mark.parametrize("by", ["header", "body"])
async def test_callers_say_what_they_want_of_it(kept: Make, by: str) -> None:
    async with kept(CONFIG) as stage:

        async def ask(control: str, text: str = "hi") -> tuple[str, str, int]:
            more: dict[str, Any] = {"headers": {"x-headgate-cache": control}} if by == "header" else {}
            if by == "body":
                more = {"headgate": {"cache": control}}
            caller = await stage.ask("fast", **asks(text), **more)
            cache = stage.record.cache
            assert cache is not None
            return cache.verdict, cache.reason, caller.status

        assert await ask("only-if-cached") == ("miss", "", 404)
        assert stage.record.code == "not_cached" and not stage.record.attempts
        assert await ask("no-store") == ("miss", "no_store", 200)
        assert await ask("only-if-cached") == ("miss", "", 404)
        assert await ask("off") == ("bypass", "off", 200)
        assert await ask("on") == ("stored", "", 200)
        assert await ask("only-if-cached, max-age=60") == ("hit", "", 200)
        await asyncio.sleep(0.01)
        assert await ask("max-age=0") == ("stored", "", 200)
        assert await ask("no-cache") == ("stored", "", 200)
        caller = await stage.ask("fast", headers={"x-headgate-cache": "similarity=0.1"})
        assert caller.status == 400 and json.loads(caller.body_sent)["error"]["code"] == "invalid_option"


async def test_whose_calls_it_is_for(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        for key, verdict in (("key-1", "bypass"), ("key-2", "stored"), ("key-3", "bypass")):
            assert (await stage.verdict("some", who=replace(WHO, id=key)))[0] == verdict
        assert (await stage.verdict("tagged"))[0] == "bypass"
        assert (await stage.verdict("tagged", headers={"x-headgate-tags": "cached"}))[0] == "stored"


async def test_a_route_without_a_cache_knows_nothing_of_it(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        caller = await stage.ask("plain")
        assert stage.record.cache is None and "x-headgate-cache" not in caller.headers
        refused = await stage.ask("plain", headers={"x-headgate-cache": "only-if-cached"})
        assert refused.status == 404 and json.loads(refused.body_sent)["error"]["code"] == "not_cached"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_is_kept_is_masked_and_every_caller_gets_its_own_back(kept: Make, stream: bool) -> None:
    text = "Repeat jane@corp.example or 4111 1111 1111 1111"
    async with kept(CONFIG) as stage:
        given = asks(text)
        first = await stage.ask("masked", stream=stream, **given)
        await asyncio.sleep(0.05)
        [(_, entry)] = next(iter(stage.shelf)).store._entries.items()
        assert b"jane" not in entry.body and b"4111" not in entry.body and b"CARD" in entry.body
        verdict, again = await stage.verdict("masked", stream=stream, **given)
        assert verdict == "hit" and again.text == first.text and "jane@corp.example" in again.text
        assert "4111" not in again.text
        verdict, _ = await stage.verdict("masked", stream=stream, **{**given, **asks(text.replace("jane", "john"))})
        assert verdict == "stored", "another value is another placeholder, and another request"


async def test_equal_calls_at_once_are_one(kept: Make, wall: Wall) -> None:
    async with kept(CONFIG) as stage:
        callers = [stage.begin("late", stream=bool(i % 3 == 1), **asks("flight")) for i in range(100)]
        await asyncio.gather(*[task for _, task in callers])
        assert len(wall.seen("late:flight")) == 1 and {caller.status for caller, _ in callers} == {200}
        assert {caller.text for caller, _ in callers} == {callers[0][0].text}
        kinds = [record.cache.kind for record in stage.books.records if record.cache is not None]
        assert sorted(set(kinds)) == ["", "flight"] and kinds.count("") == 1
        assert sum(record.cost_nano or 0 for record in stage.books.records) == stage.books.records[0].cost_nano
        assert sum(1 for nano in stage.books.charged.values() if nano) == 1, "who came first pays"
        waited = [record for record in stage.books.records if record.cache is not None and record.cache.kind]
        others = [record.total_ms - record.overhead_ms for record in waited]
        # who came first among them waited for the whole second; who came late, on a busy machine, for some of it
        assert min(others) > 0 and max(others) > 900, "a wait is no time of the gateway's own"


async def test_who_waited_for_what_cannot_be_shared_goes_at_once(
    kept: Make, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way: set[Attempt] = set()
    most = 0

    async def large(a: Attempt) -> None:
        nonlocal most
        under_way.add(a)
        most = max(most, len(under_way))
        await asyncio.sleep(0.5)
        await a.whole(200, answer("word " * 300))
        under_way.discard(a)

    monkeypatch.setitem(FAULTS, "large", large)
    async with kept(CONFIG) as stage:
        callers = [stage.begin("large") for _ in range(12)]
        await asyncio.gather(*[task for _, task in callers])
        assert {caller.status for caller, _ in callers} == {200} and len(wall.seen("large")) == 12
        assert most == 11, "the first, and then the others together"


async def test_of_a_race_the_answer_is_kept_that_was_given(
    kept: Make, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Guard.whole

    async def patient(guard: Guard, *given: Any) -> bytes:
        await asyncio.sleep(0.3)
        return await whole(guard, *given)

    async def loser(a: Attempt) -> None:
        await asyncio.sleep(0.1)
        await a.whole(200, answer("pay by 4111 1111 1111 1111"))

    monkeypatch.setattr(Guard, "whole", patient)
    monkeypatch.setitem(FAULTS, "loser", loser)
    async with kept(CONFIG) as stage:
        first = await stage.ask("raced")
        verdict, again = await stage.verdict("raced")
        assert (verdict, first.text, again.text) == ("hit", "fine", "fine") and len(wall.seen("loser")) == 1


async def test_each_pays_where_that_is_the_rule(kept: Make, wall: Wall) -> None:
    async with kept(CONFIG) as stage:
        callers = [stage.begin("late-each") for _ in range(5)]
        await asyncio.gather(*[task for _, task in callers])
        costs = {record.cost_nano for record in stage.books.records}
        assert len(wall.seen("late:each")) == 1 and len(costs) == 1 and costs != {0} and costs != {None}
        assert sorted(stage.books.charged.values()) == [costs.pop()] * 5
        assert {caller.headers["x-headgate-cost"] for caller, _ in callers} != {"0"}
        async with kept(CONFIG) as stage:
            callers = [stage.begin("late-alone") for _ in range(3)]
            await asyncio.gather(*[task for _, task in callers])
            assert len(wall.seen("late:alone")) == 3


async def test_who_leaves_takes_nobody_along(kept: Make, wall: Wall) -> None:
    async with kept(CONFIG) as stage:
        before = len(wall.seen("late:flight"))
        callers = [stage.begin("late", **asks("leaves")) for _ in range(5)]
        await asyncio.sleep(0.1)
        callers[0][0].leave()
        callers[2][0].leave()
        await asyncio.gather(*[task for _, task in callers])
        assert [caller.status for caller, _ in callers] == [0, 200, 0, 200, 200]
        assert len(wall.seen("late:flight")) == before + 2


async def test_a_leader_that_fails_lets_one_follower_go_on(kept: Make, wall: Wall) -> None:
    async with kept(CONFIG) as stage:
        callers = [stage.begin("recovers") for _ in range(10)]
        await asyncio.gather(*[task for _, task in callers])
        assert [caller.status for caller, _ in callers] == [503] + [200] * 9 and len(
            wall.seen("first_s503:recovers")
        ) == 2
        callers = [stage.begin("down", **asks("together")) for _ in range(10)]
        await asyncio.gather(*[task for _, task in callers])
        assert {caller.status for caller, _ in callers} == {503} and len(wall.seen("s503:down")) <= 6


async def test_a_stream_is_given_with_the_pauses_it_came_with(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        given = {"metadata": {"sandbox_text": "one two three", "sandbox_tokens_per_second": 40}}
        first = await stage.ask("slow", stream=True, **given)
        verdict, again = await stage.verdict("slow", stream=True, **given)
        assert verdict == "hit" and again.body_sent == first.body_sent
        assert len(again.pieces) == len(first.pieces)


async def test_a_change_of_settings_begins_anew(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        await stage.ask("fast")
        stage.follow(CONFIG.replace("answers: {store: STORE}", "answers: {ttl: 60}").replace("STORE", "memory"))
        assert (await stage.verdict("fast"))[0] == "stored"
        stage.follow(CONFIG.replace("answers: {store: STORE}", "answers: {ttl: 60}").replace("STORE", "memory"))
        assert (await stage.verdict("fast"))[0] == "hit", "one that is as it was keeps what it holds"


async def test_what_lost_a_picture_is_not_kept(kept: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who got it again would not be told."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

    async def pictured(a: Attempt) -> None:
        message = {"role": "assistant", "content": "here", "images": [picture]}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        await a.whole(200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})

    monkeypatch.setitem(FAULTS, "pictured", pictured)
    config = CONFIG.replace("routes:\n", "routes:\n  pictured: {targets: [a/pictured], cache: answers}\n")
    async with kept(config) as stage:
        for _ in range(2):
            caller = await stage.ask("pictured", dialect=anthropic_messages, max_tokens=50)
            assert caller.headers["x-headgate-dropped"] == "answer.image"
            assert stage.record.cache is not None and stage.record.cache.reason == "left_out"
        assert (await stage.verdict("pictured"))[0] == "stored", "a chat client gets all of it"
