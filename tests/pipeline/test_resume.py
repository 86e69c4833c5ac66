"""Answers that break off are gone on with: the caller gets the same text wherever they did, and pays for each part."""

import json
from typing import Any

import pytest

from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.faultlab.attempt import Attempt
from headgate.faultlab.prefill import ANSWER, begun, stream
from headgate.faultlab.wall import Wall
from headgate.pipeline.overlap import Overlap
from tests.pipeline.stage import Caller, Stage

PRICE = "price: {input: 1, output: 2}"
MODELS = """
models:
  a/goes_on: {profile: {prefill: message}}
  a/goes_on_echoing: {profile: {prefill: message}}
  a/goes_on_overlapping: {profile: {prefill: message}}
  b/goes_on: {profile: {prefill: message}}
  b/goes_on_echoing: {profile: {prefill: message}}
  b/goes_on_overlapping: {profile: {prefill: message}}
  mistral/goes_on: {capabilities: [prefill]}
"""
PROVIDERS = f"""
providers:
  a: {{kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, {PRICE}}}
  b: {{kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, {PRICE}}}
  claude: {{kind: anthropic, base_url: "WALL", api_key: sk-c, {PRICE}}}
  mistral: {{kind: mistral, base_url: "WALL/v1", api_key: sk-m, {PRICE}}}
  vllm: {{kind: vllm, base_url: "WALL/v1", {PRICE}}}
"""


def config(*routes: str) -> str:
    return PROVIDERS + MODELS + "routes:\n" + "".join(f"  {route}\n" for route in routes)


def size(path: str) -> int:
    """Bytes of the whole stream."""
    attempt: Any = Attempt.__new__(Attempt)
    attempt.path = path
    return len(stream(attempt, ANSWER))


def told(caller: Caller, dialect: Any) -> str:
    if dialect is openai_chat:
        assert caller.events[-1] == "[DONE]"
        return caller.text
    kinds = [event["type"] for event in caller.events]
    if dialect is anthropic_messages:
        assert kinds[0] == "message_start" and kinds[-1] == "message_stop"
        assert (
            kinds.count("message_start") == kinds.count("content_block_start") == kinds.count("content_block_stop") == 1
        )
        return "".join(e["delta"]["text"] for e in caller.events if e["type"] == "content_block_delta")
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    text = "".join(e["delta"] for e in caller.events if e["type"] == "response.output_text.delta")
    assert text == caller.events[-1]["response"]["output"][0]["content"][0]["text"], "the whole at the end is the same"
    return text


@pytest.mark.parametrize("first", ["a", "claude"])
@pytest.mark.parametrize("then", ["goes_on", "goes_on_echoing", "goes_on_overlapping"])
async def test_wherever_it_breaks_off_the_text_is_the_same(wall: Wall, first: str, then: str) -> None:
    whole = size("/v1/messages" if first == "claude" else "/v1/chat/completions")
    dialects: list[Any] = [openai_chat, anthropic_messages, openai_responses]
    places = range(0, whole, 211 if then == "goes_on" else 523)
    routes = [f"at-{at}: {{targets: ['{first}/breaks_off:{at}', a/{then}], resume: true, ping: 0}}" for at in places]
    async with Stage(wall, config(*routes)) as stage:
        for number, at in enumerate(places):
            dialect = dialects[number % 3]
            more = {"input": "hi", "messages": ...} if dialect is openai_responses else {"max_tokens": 500}
            caller = await stage.ask(f"at-{at}", stream=True, dialect=dialect, **more)
            assert caller.status == 200, (at, caller.body_sent)
            assert told(caller, dialect) == ANSWER, (at, dialect.name)
            record = stage.record
            stage.paid()
            if record.resumed:
                begun_by, rest = record.attempts[-2:]
                assert (rest.role, rest.outcome, rest.billed) == ("resume", "ok", "usage")
                assert (begun_by.outcome, begun_by.billed) == ("upstream_stream_interrupted", "estimated")
                assert record.usage.input > 11 and record.code is None and record.finish == "stop"
                assert record.first_token_ms == begun_by.first_ms
            parts = [begun(a.body) for a in wall.attempts[-len(record.attempts) :]]
            assert all(ANSWER.startswith(part) and part == part.rstrip() for part in parts)


GUARDRAILS = """
guardrails:
  words: {kind: keywords, words: [lighthouse keeper wrote, every evening, wound the clock again], on: [output], action: mask}
  short: {kind: length, max_characters: 1000, min_characters: 180, on: [output]}
"""


@pytest.mark.parametrize("how", ["breaks_off", "fails_after", "ends_after"])
@pytest.mark.parametrize("guardrail", ["words", "short"])
async def test_what_guardrails_hold_is_looked_at_with_what_follows(wall: Wall, guardrail: str, how: str) -> None:
    expected = ANSWER
    for phrase in ("lighthouse keeper wrote", "every evening", "wound the clock again"):
        expected = expected.replace(phrase, "<KEYWORD>" if guardrail == "words" else phrase)
    places = range(0, size("/v1/chat/completions"), 167) if how == "breaks_off" else range(2, 29, 4)
    routes = [
        f"at-{at}: {{targets: ['a/{how}:{at}', b/goes_on], resume: true, ping: 0, guardrails: [{guardrail}]}}"
        for at in places
    ]
    async with Stage(wall, config(*routes) + GUARDRAILS) as stage:
        for at in places:
            caller = await stage.ask(f"at-{at}", stream=True, max_tokens=500)
            assert (caller.status, told(caller, openai_chat)) == (200, expected), at


@pytest.mark.parametrize("guardrails", ["", "words"])
async def test_what_comes_with_an_error_is_told_where_others_go_on_after_it(wall: Wall, guardrails: str) -> None:
    more = "models:\n  'a/fails_with:5': {profile: {prefill: message}}\n  a/goes_on: {profile: {prefill: message}}\n"
    route = "r: {targets: ['a/ends_after:8', 'a/fails_with:5', a/goes_on], resume: true, attempts: 4, "
    routes = f"routes:\n  {route}guardrails: [{guardrails}]}}\n"
    async with Stage(wall, PROVIDERS + more + routes + GUARDRAILS) as stage:
        caller = await stage.ask("r", stream=True, max_tokens=500)
        text = ANSWER.replace("lighthouse keeper wrote", "<KEYWORD>").replace("every evening", "<KEYWORD>")
        expected = text.replace("wound the clock again", "<KEYWORD>") if guardrails else ANSWER
        assert told(caller, openai_chat) == expected and stage.record.resumed == 2
        assert begun(wall.attempts[-1].body) == ANSWER[: 7 * 11].rstrip()


@pytest.mark.parametrize("first", ["breaks_off:1380", "fails_after:6", "ends_after:6"])
async def test_what_guardrails_hold_goes_out_where_nobody_goes_on(wall: Wall, first: str) -> None:
    routes = [
        f"on: {{targets: ['a/{first}', b/good], resume: true, guardrails: [words]}}",
        f"off: {{targets: ['a/{first}'], attempts: 1, guardrails: [words]}}",
        f"bare: {{targets: ['a/{first}'], attempts: 1}}",
    ]
    async with Stage(wall, config(*routes) + GUARDRAILS) as stage:
        bare = (await stage.ask("bare", stream=True)).text.replace("lighthouse keeper wrote", "<KEYWORD>")
        for model in ("on", "off"):
            caller = await stage.ask(model, stream=True)
            assert caller.text == bare and bare.endswith(("ev", "eve")), model
            assert caller.events[-1]["error"]["code"].startswith("upstream_"), "the last event"
            assert [one.act for one in stage.record.guardrails] == ["mask"]


async def test_it_breaks_off_twice_and_the_same_target_goes_on(wall: Wall) -> None:
    async with Stage(wall, config("r: {targets: ['a/breaks_off:900', 'a/breaks_off:800'], resume: true}")) as stage:
        stage.reconfigure(
            PROVIDERS + "models:\n  'a/breaks_off:900': {profile: {prefill: message}}\n"
            "  'a/breaks_off:800': {profile: {prefill: message}}\n"
            "routes:\n  r: {targets: ['a/breaks_off:900', 'a/breaks_off:800'], resume: true, attempts: 5}\n"
        )
        caller = await stage.ask("r", stream=True, max_tokens=500)
        record = stage.record
        assert ANSWER.startswith(caller.text) and len(record.attempts) == 4 and record.resumed == 3
        assert [a.role for a in record.attempts] == ["", "resume", "resume", "resume"]
        assert caller.events[-1]["error"]["code"] == "upstream_stream_interrupted" and "[DONE]" not in caller.events
        stage.paid()


async def test_nobody_goes_on_where_that_is_not_asked_for_or_nobody_can(wall: Wall) -> None:
    routes = (
        "off: {targets: ['a/breaks_off:900', a/goes_on]}",
        "none: {targets: ['a/breaks_off:901', b/good], resume: true}",
    )
    async with Stage(wall, config(*routes)) as stage:
        for model in ("off", "none"):
            caller = await stage.ask(model, stream=True)
            assert caller.events[-1]["error"]["code"] == "upstream_stream_interrupted"
            assert len(stage.record.attempts) == 1 and stage.record.code == "upstream_stream_interrupted"
            assert caller.text and ANSWER.startswith(caller.text)


async def test_a_call_of_a_tool_is_not_gone_on_with(wall: Wall) -> None:
    async with Stage(wall, config("t: {targets: [a/calls_then_cut, a/goes_on], resume: true}")) as stage:
        caller = await stage.ask("t", stream=True)
        assert caller.events[-1]["error"]["code"] == "upstream_stream_interrupted" and len(stage.record.attempts) == 1


async def test_each_vendor_is_told_in_its_own_way(wall: Wall) -> None:
    routes = [
        f"to-{name}: {{targets: ['a/breaks_off:1200', {name}/goes_on], resume: true}}" for name in ("mistral", "vllm")
    ]
    async with Stage(wall, config(*routes)) as stage:
        for name in ("mistral", "vllm"):
            assert (await stage.ask(f"to-{name}", stream=True)).text == ANSWER
            sent = wall.attempts[-1].body
            last = sent["messages"][-1]
            assert last["role"] == "assistant" and last.get("prefix") == (True if name == "mistral" else None)
            assert sent.get("continue_final_message") == (True if name == "vllm" else None)


async def test_what_was_said_counts_against_what_may_be(wall: Wall) -> None:
    async with Stage(wall, config("c: {targets: ['a/breaks_off:1500', a/goes_on], resume: true}")) as stage:
        await stage.ask("c", stream=True, max_tokens=300)
        _, rest = stage.record.attempts
        said = len(begun(wall.attempts[-1].body).encode())
        assert said > 20 and wall.attempts[-1].body["max_tokens"] <= 300 - said // 4
        assert rest.held_nano > 0 and json.loads(wall.attempts[-2].raw)["max_tokens"] == 300


async def test_the_sandbox_goes_on_from_a_beginning(wall: Wall) -> None:
    async with Stage(wall, "routes: {s: {targets: [sandbox/chat, sandbox/code], resume: true}}\n") as stage:
        asked = [{"role": "user", "content": "Tell me about lighthouses"}]
        whole = (await stage.ask("sandbox/chat", messages=asked)).text
        rest = (await stage.ask("sandbox/chat", messages=[*asked, {"role": "assistant", "content": whole[:30]}])).text
        assert whole[:30] + rest == whole


@pytest.mark.parametrize(
    ("said", "space", "pieces", "new"),
    [
        ("The harbour lights went out", " ", [" one by one"], "one by one"),
        ("The harbour lights went out", " ", ["one by", " one"], "one by one"),
        ("The harbour lights went out", "\n\n", ["\n", "one by one, slowly"], "one by one, slowly"),
        ("The harbour lights went out", " ", ["The harbour lights", " went out one by one"], "one by one"),
        ("The harbour lights went out", "", ["our lights went out one", " by one"], " one by one"),
        ("The harbour lights went out", "", ["The harbour was dark", " then"], "The harbour was dark then"),
        ("a" * 40, "", ["aaaaaaaaaaaaaaaaaaaa", "b"], "aaaaaaaaaaaaaaaaaaaab"),
        ("| --- | --- |", "", [" --- | --- | --- | x"], " --- | --- | --- | x"),
        ("The lig", " ", ["The light", "house keeper wrote"], "hthouse keeper wrote"),
        ("short", "", ["sh", "ort"], "short"),
        ("x", " ", [" "], ""),
    ],
)
def test_what_is_repeated_is_left_out(said: str, space: str, pieces: list[str], new: str) -> None:
    for step in (None, 1):
        overlap = Overlap(said, space)
        cut = pieces if step is None else list("".join(pieces))
        assert "".join(map(overlap.feed, cut)) + overlap.close() == new
