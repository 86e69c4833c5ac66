"""Answers that their model ended with a failure of its own: what they cost, who tries again, and what they say of whom."""

import asyncio
import json
from typing import Any

import pytest

from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.faultlab.attempt import USAGE, Attempt, chunk
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import Caller, Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  g: {kind: gemini, base_url: "WALL", api_key: sk-g, price: {input: 1, output: 2}}
routes:
  again: {targets: [g/first-OTHER], attempts: 2}
  elsewhere: {targets: [g/ends-LANGUAGE, a/good]}
  nowhere: {targets: [g/ends-LANGUAGE, a/good], failover: {error: false}}
  resumed: {targets: [g/ends-LANGUAGE, a/good], resume: true}
  masked: {targets: [g/later-OTHER], guardrails: [words], attempts: 1}
guardrails:
  words: {kind: keywords, words: [partial], on: [output], action: mask}
"""
COST = (11 * 1 + 7 * 2) * 1000  # nano-dollars of a try whose usage is told
COUNTED = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}


def part(text: str, finish: str | None = None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    """A whole answer of Gemini's, or a piece of one."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    body: dict[str, Any] = {"candidates": [candidate | ({"finishReason": finish} if finish else {})]}
    return body | ({"usageMetadata": usage} if usage else {})


async def sent(a: Attempt, *parts: dict[str, Any]) -> None:
    if not a.stream:
        await a.whole(200, parts[-1])
        return
    await a.head_of_stream()
    for one in parts:
        await a.event(**one)
        await asyncio.sleep(0.05)  # what comes at once is seen at once
    await a.send(b"0\r\n\r\n")


@pytest.fixture
def ends(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that end as they are called: ``ends-`` at once, ``later-`` after a text, ``bare-`` with no usage told."""

    async def fail(a: Attempt) -> None:
        how, _, word = a.model.partition("-")
        if how == "first" and len(wall.seen(a.model)) % 2 == 0:
            await sent(a, part("fine", "STOP", COUNTED))
            return
        begun = [part("a partial answer", usage={"promptTokenCount": 11})] if how == "later" else []
        await sent(a, *begun, part("", word, COUNTED if how != "bare" else None))

    async def error(a: Attempt) -> None:
        """OpenAI's own form, in which the usage comes after the end."""
        if not a.stream:
            choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "error"}
            await a.whole(200, {"id": "i", "model": "m", "choices": [choice], "usage": USAGE})
            return
        end, counted = chunk({}, "error"), {**chunk({}), "choices": [], "usage": USAGE}
        await sent(a, *([chunk({"content": "x"})] if a.model.endswith("late") else []), end, counted)

    for how in ("ends", "later", "bare", "first"):
        for word in ("MALFORMED_FUNCTION_CALL", "OTHER", "LANGUAGE", "TOO_MANY_TOOL_CALLS"):
            monkeypatch.setitem(FAULTS, f"{how}-{word}", fail)
    for name in ("errs", "errs-late"):
        monkeypatch.setitem(FAULTS, name, error)


def asked(dialect: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"dialect": dialect}
    if dialect is openai_responses:
        given |= {"input": "hi", "messages": ...}
    return given | {"max_tokens": 50} if dialect is anthropic_messages else given


def billed(stage: Stage) -> list[str]:
    return [attempt.billed for attempt in stage.record.attempts]


def code_in(caller: Caller) -> Any:
    body = json.loads(caller.body_sent)
    return body["error"]["code"]


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages, openai_responses])
@pytest.mark.parametrize("word, tries", [("LANGUAGE", 1), ("TOO_MANY_TOOL_CALLS", 1), ("MALFORMED_FUNCTION_CALL", 3)])
async def test_it_costs_what_was_told(wall: Wall, dialect: Any, word: str, tries: int, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask(f"g/ends-{word}", stream=stream, **asked(dialect))
        assert (caller.status, code_in(caller)) == (502, "upstream_answer_failed")
        assert billed(stage) == ["usage"] * tries and stage.record.billed == "usage"
        assert stage.paid() == tries * COST and stage.record.code == "upstream_answer_failed"
        assert (stage.record.usage.input, stage.record.usage.output) == (11, 7)


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("stream", [False, True])
async def test_where_nothing_was_told_nobody_knows(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("g/bare-LANGUAGE", stream=stream)
        assert caller.status == 502 and billed(stage) == ["uncertain"]
        assert stage.paid() == stage.record.held_nano > COST


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("model", ["g/later-OTHER", "masked", "a/errs-late"])
@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages])
async def test_it_costs_what_was_told_once_the_answer_has_begun(wall: Wall, model: str, dialect: Any) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask(model, stream=True, **asked(dialect))
        assert caller.status == 200 and caller.events[-1]["error"]["code"] == "upstream_answer_failed"
        assert billed(stage) == ["usage"] and stage.paid() == COST
        assert stage.parts.health.quiet


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages])
async def test_the_same_of_an_error_that_has_no_name(wall: Wall, dialect: Any, stream: bool) -> None:
    """Relayed and translated, told before its usage and with it."""
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("a/errs", stream=stream, **asked(dialect))
        assert (caller.status, code_in(caller)) == (502, "upstream_answer_failed")
        assert billed(stage) == ["usage"] * 3 and stage.paid() == 3 * COST


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("stream", [False, True])
async def test_it_shuts_nobody_out(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        for model in ("g/ends-LANGUAGE", "g/bare-LANGUAGE", "g/ends-OTHER", "g/later-OTHER"):
            for _ in range(6):
                await stage.ask(model, stream=stream)
            assert stage.parts.health.shut(model) is None
        assert stage.parts.health.quiet


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_a_matter_of_chance_is_tried_again(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        wall.attempts.clear()
        caller = await stage.ask("again", stream=stream)
        assert caller.text == "fine" and billed(stage) == ["usage", "usage"]
        assert [a.outcome for a in stage.record.attempts] == ["upstream_answer_failed", "ok"]
        assert stage.paid() == 2 * COST and stage.record.usage.total == 18, "the usage of the answer that was given"


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["elsewhere", "resumed"])
async def test_another_model_may_do_better(wall: Wall, route: str, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask(route, stream=stream, stream_options={"include_usage": True} if stream else ...)
        assert (caller.status, caller.text) == (200, "fine")
        assert [a.provider for a in stage.record.attempts] == ["g", "a"]
        assert stage.paid() == 2 * COST and stage.record.usage.total == 18
        if stream:
            assert (
                next(e["usage"] for e in caller.events if isinstance(e, dict) and e.get("usage"))["total_tokens"] == 18
            )
        caller = await stage.ask("nowhere", stream=stream)
        assert caller.status == 502 and len(stage.record.attempts) == 1
