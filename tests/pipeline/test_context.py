"""Prompts that are too long: foreseen, and met by a larger window or by fewer turns."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headgate.core.call import Call
from headgate.core.errors import BadRequest
from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from headgate.models.tokens import counted
from headgate.pipeline.context import fitted
from headgate.pipeline.parts import Parts, neutral
from headgate.providers.base import Target

LONG = "The lanterns on the pier were lit one by one that night. " * 40  # some 500 tokens


def target(name: str, context: int | None) -> Target:
    return cast(Target, SimpleNamespace(name=name, context=context))


def call_of(messages: list[dict[str, Any]], policy: str, dialect: Any = openai_chat, **more: Any) -> Call:
    told = {"messages": messages} if messages else {}
    call = Call(surface="openai", operation="chat", dialect=dialect, link=None, headers=[], t0=0.0)
    if dialect is gemini:
        call.path_model, call.body = "m", json.dumps(more).encode()
        call.envelope = dialect.envelope_at(call.body, "m", stream=False)
    else:
        call.body = json.dumps({"model": "m", **told, "x-odd": [1, 2], **more}).encode()
        call.envelope = dialect.envelope(call.body)
    call.route = SimpleNamespace(config=SimpleNamespace(context=policy))
    return call


def gone_on_from(call: Call, previous: str) -> None:
    """As `recall` leaves a call."""
    call.keeper = SimpleNamespace(said=None)
    extra = neutral(call).extra
    assert extra is not None
    extra.form["previous"] = previous


def history(turns: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
    for i in range(turns):
        found += [{"role": "user", "content": f"{i}: {LONG}"}, {"role": "assistant", "content": f"answer {i}"}]
    return [*found, {"role": "user", "content": "and now?"}]


PARTS = cast(Parts, SimpleNamespace(count_tokens=counted))


async def test_a_short_prompt_is_not_even_counted() -> None:
    call = call_of([{"role": "user", "content": "hi"}], "larger")
    nobody = cast(Parts, SimpleNamespace(count_tokens=None))
    plan = (target("a/small", 8000), target("a/large", 64_000))
    assert await fitted(call, nobody, plan) == plan
    assert await fitted(call_of(history(99), "larger"), nobody, (target("a/b", None),))


async def test_a_long_one_goes_to_the_larger_window_and_the_record_says_so() -> None:
    call = call_of(history(10), "larger")
    small, large, unknown = target("a/small", 2000), target("a/large", 64_000), target("a/unknown", None)
    assert await fitted(call, PARTS, (small, large, unknown)) == (large, unknown)
    [verdict] = call.verdicts
    assert (verdict.target, verdict.act, verdict.rule) == ("a/small", "removed", "context")


async def test_a_small_window_behind_a_large_one_is_left_out_too() -> None:
    large, small = target("a/large", 1_000_000), target("a/small", 2000)
    assert await fitted(call_of(history(10), "larger"), PARTS, (large, small)) == (large,)


async def test_what_fits_nowhere_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(BadRequest) as raised:
        await fitted(call_of(history(10), "larger"), PARTS, (target("a/small", 2000),))
    assert (raised.value.code, raised.value.param) == ("context_length_exceeded", "messages")


async def test_room_for_the_answer_counts() -> None:
    plan = (target("a/small", 8000), target("a/large", 64_000))
    assert await fitted(call_of(history(10), "larger"), PARTS, plan) == plan
    call = call_of(history(10), "larger", max_tokens=4000)
    assert await fitted(call, PARTS, plan) == plan[1:]


async def test_the_oldest_turns_go_and_all_else_stays() -> None:
    call = call_of(history(10), "trim", temperature=0.5)
    plan = (target("a/small", 2000),)
    assert await fitted(call, PARTS, plan) == plan
    left = json.loads(call.body)
    assert left["messages"][0] == {"role": "system", "content": "Be brief."}
    assert left["messages"][-1] == {"role": "user", "content": "and now?"}
    assert left["messages"][1]["content"][0] in "678", "as many turns as fit are kept"
    assert left["messages"][1]["role"] == "user"
    assert (left["temperature"], left["x-odd"]) == (0.5, [1, 2])
    [said] = call.defaulted
    assert said.startswith("messages=the last ") and said.endswith(" of 11 turns")


async def test_the_calls_of_tools_stay_with_their_results() -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn: list[dict[str, Any]] = [
        {"role": "user", "content": LONG},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": LONG},
        {"role": "assistant", "content": "so"},
    ]
    call = call_of([*turn, *turn, *turn, {"role": "user", "content": "and now?"}], "trim")
    await fitted(call, PARTS, (target("a/small", 1500),))
    roles = [message["role"] for message in json.loads(call.body)["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


async def test_anthropics_results_stay_with_their_calls() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": LONG}
    turn: list[dict[str, Any]] = [
        {"role": "user", "content": LONG},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": "so"},
    ]
    call = call_of([*turn, *turn, {"role": "user", "content": "and now?"}], "trim", anthropic_messages, max_tokens=100)
    await fitted(call, PARTS, (target("a/small", 1600),))
    left = json.loads(call.body)["messages"]
    assert [message["role"] for message in left] == ["user", "assistant", "user", "assistant", "user"]
    assert left[0]["content"] == LONG


async def test_a_last_turn_that_is_too_long_is_not_cut() -> None:
    with pytest.raises(BadRequest):
        await fitted(call_of([{"role": "user", "content": LONG * 20}], "trim"), PARTS, (target("a/small", 2000),))


async def test_turns_of_responses_and_gemini_are_trimmed_alike() -> None:
    items: list[dict[str, Any]] = [{"role": "developer", "content": "Be brief."}]
    contents: list[dict[str, Any]] = []
    for i in range(10):
        items += [
            {"role": "user", "content": f"{i}: {LONG}"},
            {"type": "function_call", "call_id": f"c{i}", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{i}", "output": "1"},
        ]
        contents += [
            {"role": "user", "parts": [{"text": f"{i}: {LONG}"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
        ]
    asked = [*items, {"role": "user", "content": "and now?"}]
    call = call_of([], "trim", openai_responses, input=asked)
    gone_on_from(call, "resp_1")
    await fitted(call, PARTS, (target("a/small", 2000),))
    left = json.loads(call.body)["input"]
    assert left[0]["role"] == "developer" and left[1]["role"] == "user" and left[-1]["content"] == "and now?"
    assert [one["call_id"] for one in left if "output" in one] == [one["call_id"] for one in left if "name" in one]
    assert json.loads(bytes(call.keeper.said)) == asked, "what is kept is the whole conversation"
    extra = neutral(call).extra
    assert extra is not None and extra.form["previous"] == "resp_1"
    [said] = call.defaulted
    assert said.startswith("input=the last ") and said.endswith(" of 11 turns")
    call = call_of([], "trim", gemini, contents=[*contents, {"role": "user", "parts": [{"text": "and now?"}]}])
    await fitted(call, PARTS, (target("a/small", 2000),))
    left = json.loads(call.body)["contents"]
    assert "text" in left[0]["parts"][0] and len(left) % 3 == 1 and len(left) < 31
    with pytest.raises(BadRequest) as raised:
        await fitted(call_of([], "trim", openai_responses, input=LONG * 20), PARTS, (target("a/small", 2000),))
    assert raised.value.param == "input", "one text has no turns"
