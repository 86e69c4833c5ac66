"""Requests across dialects: what is carried, what is refused by name, what is left out and said so."""

import json
from typing import Any

import msgspec
import pytest

from headgate.core.chat import Message, Request, Text
from headgate.core.errors import BadRequest
from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.dialects.base import Abilities, Profile
from headgate.dialects.fit import MAX_TOLD
from tests.dialects import recorded

USER = {"role": "user", "content": "hi"}
TO = Abilities("target-model", "prov/target-model")
THINKS = Abilities("target-model", "prov/target-model", reasoning=True, max_output=64_000)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "g"}}
EMPTY = {"type": "object", "properties": {}}
SHUT = {**EMPTY, "additionalProperties": False}


def to_anthropic(fields: dict[str, Any], to: Abilities = TO, *, drop: bool = False):
    request = openai_chat.read_request(json.dumps({"model": "m", "messages": [USER], **fields}).encode())
    written = anthropic_messages.write_request(request, to, drop=drop)
    return json.loads(written.body), written


def to_openai(fields: dict[str, Any], to: Abilities = TO, *, drop: bool = False):
    body = {"model": "m", "max_tokens": 9, "messages": [USER], **fields}
    written = openai_chat.write_request(anthropic_messages.read_request(json.dumps(body).encode()), to, drop=drop)
    return json.loads(written.body), written


CARRIED_TO_ANTHROPIC: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"max_tokens": 5}, {"max_tokens": 5}),
    ({"max_completion_tokens": 5}, {"max_tokens": 5}),
    ({"temperature": 0.3, "top_p": 0.5}, {"temperature": 0.3, "top_p": 0.5}),
    ({"stop": "x"}, {"stop_sequences": ["x"]}),
    ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
    ({"user": "u"}, {"metadata": {"user_id": "u"}}),
    ({"safety_identifier": "s"}, {"metadata": {"user_id": "s"}}),
    ({"tools": [TOOL]}, {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}),
    ({"tools": [OTHER]}, {"tools": [{"name": "g", "input_schema": EMPTY}]}),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": True}}]},
        {"tools": [{"name": "f", "description": "d", "input_schema": EMPTY, "strict": True}]},
    ),
    ({"tools": [OTHER], "tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
    ({"tools": [OTHER], "tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
    (
        {
            "tools": [OTHER],
            "tool_choice": {"type": "function", "function": {"name": "g"}},
            "parallel_tool_calls": False,
        },
        {"tool_choice": {"type": "tool", "name": "g", "disable_parallel_tool_use": True}},
    ),
    (
        {"tools": [OTHER], "parallel_tool_calls": False},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    (
        {
            "tools": [TOOL, OTHER],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [OTHER]}},
        },
        {"tools": [{"name": "g", "input_schema": EMPTY}], "tool_choice": {"type": "any"}},
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SHUT, "strict": True}}},
        {"output_config": {"format": {"type": "json_schema", "schema": SHUT}}},
    ),
    ({"reasoning_effort": "high"}, {"output_config": {"effort": "high"}}),
    ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
]


@pytest.mark.parametrize(("fields", "expected"), CARRIED_TO_ANTHROPIC)
def test_what_anthropic_has_a_word_for_is_carried(fields, expected):
    body, written = to_anthropic(fields)
    assert {name: body.get(name) for name in expected} == expected
    assert not written.dropped


SILENT = [
    {"n": 1},
    {"frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": False, "top_logprobs": 0, "logit_bias": {}},
    {"temperature": 1, "top_p": 1},
    {"response_format": {"type": "text"}, "modalities": ["text"], "store": False, "verbosity": "medium"},
    {"service_tier": "auto", "parallel_tool_calls": True, "metadata": {}, "web_search_options": None, "audio": None},
    {"tools": [], "reasoning_effort": "none"},
    {"messages": [USER, {"role": "assistant", "content": "a", "refusal": None, "annotations": [], "audio": None}]},
]


@pytest.mark.parametrize("fields", SILENT)
def test_values_that_mean_nothing_pass_silently(fields):
    body, written = to_anthropic(fields)
    assert set(body) == {"model", "max_tokens", "messages"}
    assert (written.dropped, written.defaulted) == ([], ["max_tokens=4096"])


def part(kind, value):
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": kind, kind: value}]}]}


REFUSED_BY_ANTHROPIC = [
    ({"seed": 0}, "seed"),
    ({"n": 2}, "n"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"logit_bias": {"1": 1}}, "logit_bias"),
    ({"frequency_penalty": 0.1}, "frequency_penalty"),
    ({"presence_penalty": -0.1}, "presence_penalty"),
    ({"temperature": 1.5}, "temperature"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"tools": [TOOL, {"type": "custom", "custom": {"name": "x"}}]}, "tools[1]"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"function_call": {"name": "f"}}, "function_call"),
    ({"verbosity": "low"}, "verbosity"),
    ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
    ({"moderation": {"model": "x"}}, "moderation"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"store": True}, "store"),
    (part("input_audio", {"data": "UklG", "format": "wav"}), "messages[0].content[1]"),
    (part("file", {"file_id": "f"}), "messages[0].content[1].file.file_id"),
    (part("video_url", {"url": "x"}), "messages[0].content[1]"),
    ({"messages": [USER, {"role": "assistant", "content": "x", "audio": {"id": "a"}}]}, "messages[1].audio"),
    ({"messages": [USER, {"role": "function", "name": "f", "content": "1"}]}, "messages[1]"),
    ({"messages": [{"role": "user", "content": "x", "mood": "good"}]}, "messages[0].mood"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED_BY_ANTHROPIC)
def test_what_anthropic_has_no_word_for_is_refused_by_name_or_dropped_by_permission(fields, param):
    with pytest.raises(BadRequest) as caught:
        to_anthropic(fields)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)
    assert "prov/target-model" in caught.value.message and "x-headgate-on-unsupported" in caught.value.message
    _, written = to_anthropic(fields, drop=True)
    assert written.dropped == [param]


def test_a_field_nobody_defined_is_refused_across_dialects():
    for translate, field in ((to_anthropic, "top_k"), (to_openai, "seed"), (to_anthropic, "brand_new")):
        with pytest.raises(BadRequest) as caught:
            translate({field: 1})
        assert (caught.value.code, caught.value.param) == ("unknown_parameter", field)


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({"prediction": {"type": "content", "content": "x"}}, ["prediction.type", "prediction.content"]),
        ({"prompt_cache_key": "k", "prompt_cache_retention": "24h"}, ["prompt_cache_key", "prompt_cache_retention"]),
        ({"service_tier": "flex"}, ["service_tier"]),
        ({"metadata": {"a": "b"}}, ["metadata"]),
        ({"messages": [{**USER, "name": "bob"}]}, ["messages[0].name"]),
        (part("image_url", {"url": "https://x", "detail": "low"}), ["messages[0].content[1].image_url.detail"]),
        ({"messages": [USER, {"role": "assistant", "content": "x", "reasoning": "hm"}]}, ["messages[1].reasoning"]),
    ],
)
def test_hints_are_left_out_and_said_so(fields, dropped):
    written = to_anthropic(fields)[1]
    assert written.dropped == dropped or written.dropped == [dropped[0].partition(".")[0]]


def test_the_limit_is_supplied_and_said_so():
    assert to_anthropic({})[1].defaulted == ["max_tokens=4096"]
    assert to_anthropic({}, THINKS)[1].defaulted == ["max_tokens=32000"]
    small = Abilities("m", "p/m", max_output=1000)
    assert to_anthropic({}, small)[0]["max_tokens"] == 1000
    assert to_anthropic({"max_tokens": 7}, small)[1].defaulted == []


def test_a_reasoning_model_is_told_to_think():
    body, _ = to_anthropic({"reasoning_effort": "medium"}, THINKS)
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})
    assert "thinking" not in to_anthropic({"reasoning_effort": "none"}, THINKS)[0]


def test_system_messages_lead_and_later_ones_stay():
    messages = [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]},
        USER,
        {"role": "system", "content": "later"},
    ]
    with pytest.raises(BadRequest) as caught:
        to_anthropic({"messages": messages})
    assert caught.value.param == "messages[3]" and "before the first message" in caught.value.message
    midway = Abilities("t", "p/t", profile=Profile(system_midway=True))
    body, _ = to_anthropic({"messages": messages}, midway)
    marked = {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}
    assert body["system"] == [{"type": "text", "text": "a"}, marked]
    assert body["messages"] == [USER, {"role": "system", "content": "later"}]
    assert to_anthropic({"messages": [{"role": "system", "content": ""}, USER]})[0]["messages"] == [USER]
    assert "system" not in to_anthropic({"messages": [{"role": "system", "content": ""}, USER]})[0]


def test_arguments_that_are_no_object_are_the_callers_fault():
    for arguments in ("{broken", "[1]", "3", '"x"', "{} {}", '{"a":NaN}', "[" * 100_000):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        with pytest.raises(BadRequest) as caught:
            to_anthropic({"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [call]}]})
        assert caught.value.param == "messages[1].tool_calls[0].function.arguments"


REFUSED_BY_OPENAI = [
    ({"top_k": 5}, "top_k"),
    ({"container": "c"}, "container"),
    ({"speed": "fast"}, "speed"),
    ({"inference_geo": "us"}, "inference_geo"),
    ({"mcp_servers": [{}]}, "mcp_servers"),
    ({"context_management": {"edits": []}}, "context_management"),
    ({"output_config": {"task_budget": 5}}, "output_config.task_budget"),
    ({"metadata": {"user_id": "u", "x": 1}}, "metadata.x"),
    ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools[0]"),
    ({"tools": [{"name": "f", "input_schema": {}, "allowed_callers": ["code"]}]}, "tools[0].allowed_callers"),
]
BLOCKS_REFUSED_BY_OPENAI = [
    ({"type": "image", "source": {"type": "file", "file_id": "f"}}, ""),
    ({"type": "document", "source": {"type": "url", "url": "https://x"}}, ""),
    ({"type": "document", "source": {"type": "file", "file_id": "f"}}, ""),
    ({"type": "search_result", "source": "x", "title": "t", "content": []}, ""),
    ({"type": "container_upload", "file_id": "f"}, ""),
    ({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, ""),
    (
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}],
        },
        ".content[0]",
    ),
]


@pytest.mark.parametrize(
    ("fields", "param"),
    REFUSED_BY_OPENAI
    + [
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, block]}]},
            f"messages[0].content[1]{at}",
        )
        for block, at in BLOCKS_REFUSED_BY_OPENAI
    ],
)
def test_what_openai_has_no_word_for_is_refused_by_name_or_dropped_by_permission(fields, param):
    with pytest.raises(BadRequest) as caught:
        to_openai(fields)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)
    assert to_openai(fields, drop=True)[1].dropped == [param]


def test_what_openai_has_a_word_for_is_carried():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body, written = to_openai(
        {
            "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "stop_sequences": ["x"],
            "temperature": 0.5,
            "stream": True,
            "metadata": {"user_id": "u"},
            "tools": [{"name": "f", "description": "d", "input_schema": schema, "strict": True, "type": "custom"}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": schema}},
            "service_tier": "auto",
            "speed": "standard",
        },
        Abilities("t", "p/t", max_tokens_field="max_completion_tokens"),
    )
    assert written.dropped == []
    assert body == {
        "model": "t",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            USER,
        ],
        "max_completion_tokens": 9,
        "user": "u",
        "temperature": 0.5,
        "stop": ["x"],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema, "strict": True}}
        ],
        "parallel_tool_calls": False,
        "tool_choice": "required",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": schema},
        },
        "reasoning_effort": "high",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    quiet = Abilities("t", "p/t", stream_usage=False)
    assert "stream_options" not in to_openai({"stream": True}, quiet)[0]


def test_thinking_becomes_effort_where_the_model_reasons():
    for budget, effort in ((1024, "low"), (8000, "medium"), (32_000, "high")):
        fields = {"thinking": {"type": "enabled", "budget_tokens": budget}}
        assert to_openai(fields, THINKS)[0]["reasoning_effort"] == effort
        assert to_openai(fields)[1].dropped == ["thinking"]
    assert to_openai({"thinking": {"type": "disabled"}})[1].dropped == []


def test_a_long_list_of_what_was_dropped_has_an_end():
    blocks = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}} for _ in range(200)]
    dropped = to_openai({"messages": [{"role": "user", "content": blocks}]})[1].dropped
    assert len(dropped) == MAX_TOLD + 1 and dropped[-1] == f"+{200 - MAX_TOLD} more"


def test_what_was_dropped_fits_into_a_header():
    written = to_anthropic({"a\r\nset-cookie: x": 1, "é, b": 2, "c" * 1000: 3}, drop=True)[1]
    assert written.dropped[:2] == ["a??set-cookie:?x", "???b"] and len(written.dropped[2]) == 200


def test_translation_is_deterministic():
    for name in recorded.CHAT:
        for request in recorded.requests(name)[:40]:
            if any(m.get("content") is None and m["role"] == "user" for m in request["messages"]):
                continue
            read = openai_chat.read_request(json.dumps(request).encode())
            first = anthropic_messages.write_request(read, TO, drop=True)
            second = anthropic_messages.write_request(
                openai_chat.read_request(json.dumps(request).encode()), TO, drop=True
            )
            assert first == second


def test_a_longer_conversation_begins_as_the_shorter_one():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns: list[Any] = [
        {"role": "system", "content": "s"},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
        {"role": "assistant", "content": "done"},
        USER,
    ]
    whole = to_anthropic({"messages": turns})[0]["messages"]
    for end in (2, 3, 5, 6):
        shorter = to_anthropic({"messages": turns[:end]})[0]["messages"]
        assert whole[: len(shorter)] == shorter


def profiled(**fields: Any) -> Abilities:
    return Abilities("target-model", "prov/target-model", max_output=64_000, reasoning=True, profile=Profile(**fields))


NEWEST = profiled(sampling=False, thinking=("adaptive",), efforts=("low", "medium", "high", "max"), forced_tools=False)
OLDER = profiled(thinking=("enabled", "disabled"))


@pytest.mark.parametrize("upstream", [openai_chat, openai_responses], ids=["chat", "responses"])
@pytest.mark.parametrize("kind", ["openai", "azure", "vllm", "mistral", "openai-compatible"])
def test_sampling_of_one_is_said_where_it_is_not_the_servers_own_default(kind: str, upstream: Any) -> None:
    asked = {"model": "m", "max_tokens": 9, "messages": [USER], "temperature": 1, "top_p": 1}
    request = anthropic_messages.read_request(json.dumps(asked).encode())
    to = Abilities("m", "p/m", kind=kind)
    given = json.loads(upstream.write_request(request, to, drop=False).body)
    assert ("temperature" in given) == ("top_p" in given) == (kind not in ("openai", "azure"))
    refuses = msgspec.structs.replace(to, profile=Profile(sampling=False))
    written = upstream.write_request(request, refuses, drop=False)
    assert not {"temperature", "top_p"} & json.loads(written.body).keys() and written.dropped == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"top_p": 0.5}, "top_p"),
        ({"tools": [OTHER], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [OTHER], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
    ],
)
def test_what_a_model_refuses_is_refused_by_name(fields, param):
    with pytest.raises(BadRequest) as caught:
        to_anthropic(fields, NEWEST)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)
    assert to_anthropic(fields, NEWEST, drop=True)[1].dropped == [param]


def test_defaults_pass_even_where_the_parameter_is_refused():
    body, written = to_anthropic({"temperature": 1, "top_p": 1, "tools": [OTHER], "tool_choice": "auto"}, NEWEST)
    assert not {"temperature", "top_p"} & set(body) and written.dropped == []


@pytest.mark.parametrize(
    ("fields", "to", "thinking", "effort"),
    [
        ({"reasoning_effort": "high"}, NEWEST, {"type": "adaptive"}, "high"),
        ({"reasoning_effort": "xhigh"}, NEWEST, {"type": "adaptive"}, "max"),
        ({"reasoning_effort": "high"}, OLDER, {"type": "enabled", "budget_tokens": 24_576}, None),
        ({"reasoning_effort": "high", "max_tokens": 5000}, OLDER, {"type": "enabled", "budget_tokens": 4999}, None),
        ({"reasoning_effort": "none"}, OLDER, {"type": "disabled"}, None),
        ({"reasoning_effort": "none"}, NEWEST, None, None),
    ],
)
def test_effort_becomes_what_a_model_takes(fields, to, thinking, effort):
    body, written = to_anthropic(fields, to)
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == (thinking, effort)
    told = [one for one in written.defaulted if "effort" in one]
    assert told == (["reasoning_effort=max"] if effort == "max" else [])


FORCED = {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}
BETWEEN = Abilities("t", "p/t", reasoning=True, max_output=64_000, profile=Profile(thinking=("adaptive", "enabled")))


@pytest.mark.parametrize(
    ("fields", "to", "param"),
    [
        ({"tools": [TOOL], "tool_choice": "required"}, OLDER, "tool_choice"),
        (FORCED, OLDER, "tool_choice"),
        ({"temperature": 0.2}, OLDER, "temperature"),
        ({"temperature": 0.2}, BETWEEN, "temperature"),
        ({"temperature": 0}, OLDER, "temperature"),
        ({"top_p": 0.5}, OLDER, "top_p"),
    ],
)
def test_what_may_not_stand_beside_thinking_is_refused_by_name(fields, to, param):
    with pytest.raises(BadRequest) as refused:
        to_anthropic({**fields, "reasoning_effort": "low"}, to)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", param)
    body, written = to_anthropic({**fields, "reasoning_effort": "low"}, to, drop=True)
    assert written.dropped == [param]
    assert param not in body
    assert body["thinking"]["type"] in ("enabled", "adaptive")
    body, written = to_anthropic({**fields, "reasoning_effort": "none"}, to)
    assert written.dropped == []
    assert param in body, "nothing is in the way of it where the model does not think"


def test_what_may_stand_beside_thinking_is_carried():
    said = {"temperature": 1, "top_p": 0.95, "reasoning_effort": "low", "tools": [TOOL], "tool_choice": "auto"}
    body, _ = to_anthropic(said, OLDER)
    assert (body["top_p"], body["tool_choice"], body["thinking"]["type"]) == (0.95, {"type": "auto"}, "enabled")
    body, _ = to_anthropic({**FORCED, "reasoning_effort": "low"}, BETWEEN)
    assert (body["tool_choice"], body["thinking"]["type"]) == ({"type": "tool", "name": "f"}, "adaptive")
    no_room = {**FORCED, "reasoning_effort": "low", "max_tokens": 500, "temperature": 0.2}
    body, written = to_anthropic(no_room, OLDER)
    assert (body["tool_choice"]["type"], body["temperature"], written.dropped) == ("tool", 0.2, ["reasoning_effort"])


def test_calls_stay_in_line_where_none_can_be_forced():
    asked = {**FORCED, "parallel_tool_calls": False, "reasoning_effort": "low"}
    body, written = to_anthropic(asked, OLDER, drop=True)
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert written.dropped == ["tool_choice"]


def test_thinking_needs_room():
    _, written = to_anthropic({"reasoning_effort": "high", "max_tokens": 500}, OLDER)
    assert written.dropped == ["reasoning_effort"]


CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "1"}
THOUGHT = {"type": "reasoning.text", "format": "anthropic-claude-v1", "text": "t", "signature": "s"}
FOREIGN = {"type": "reasoning.encrypted", "format": "openai-responses-v1", "data": "d"}
THOUGHTFUL = CALL | {"reasoning_details": [THOUGHT]}


@pytest.mark.parametrize(
    ("turns", "thinks"),
    [
        ([CALL, RESULT], False),
        ([CALL, RESULT, USER], False),
        ([CALL | {"reasoning": "t", "content": "So."}, RESULT], False),
        ([CALL | {"reasoning_details": [FOREIGN]}, RESULT], False),
        ([CALL, RESULT, THOUGHTFUL, RESULT], False),
        ([THOUGHTFUL, RESULT], True),
        ([THOUGHTFUL, RESULT, CALL, RESULT], True),
        ([CALL, RESULT, {"role": "assistant", "content": "done"}, USER], True),
        ([CALL, RESULT, {"role": "assistant", "content": "done"}, USER, THOUGHTFUL, RESULT], True),
    ],
)
def test_a_turn_that_began_without_its_thought_goes_on_without_thinking(turns, thinks):
    asked = {"messages": [USER, *turns], "tools": [TOOL], "reasoning_effort": "high", "max_tokens": 30_000}
    body, written = to_anthropic(asked, OLDER)
    assert (body.get("thinking"), "reasoning_effort" in written.dropped) == (
        {"type": "enabled", "budget_tokens": 24_576} if thinks else None,
        not thinks,
    )
    assert to_anthropic(asked, NEWEST)[0]["thinking"] == {"type": "adaptive"}, "who decides by itself may"


def test_effort_becomes_the_nearest_that_a_chat_model_takes():
    body, written = to_openai({"output_config": {"effort": "max"}}, profiled(efforts=("none", "low", "high")))
    assert (body["reasoning_effort"], written.defaulted) == ("high", ["output_config.effort=high"])
    body, _ = to_openai({"thinking": {"type": "disabled"}}, profiled(efforts=("none", "low")))
    assert body["reasoning_effort"] == "none"


POINTS = profiled(cache_points=True)


def test_cache_markers_go_from_one_dialect_to_the_other():
    mark = {"type": "ephemeral", "ttl": "1h"}
    block = {"type": "text", "text": "x", "cache_control": mark}
    messages = [
        {"role": "user", "content": [block]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r", "cache_control": mark}],
        },
    ]
    body, written = to_openai({"messages": messages}, POINTS)
    told = {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}}
    assert body["messages"][0]["content"] == [told] and written.dropped == []
    assert body["messages"][2]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit", "ttl": "1h"}
    _, written = to_openai({"messages": messages})
    assert written.dropped == ["messages[0].content[0].cache_control", "messages[2].content[0].cache_control"]
    back, _ = to_anthropic({"messages": body["messages"][:1]})
    assert back["messages"][0]["content"] == [block]


def test_an_id_that_the_api_refuses_gets_another_always_the_same():
    call = {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = {"role": "tool", "tool_call_id": "functions.f:0", "content": "1"}
    turns = [USER, {"role": "assistant", "content": None, "tool_calls": [call]}, answer]
    body, _ = to_anthropic({"messages": turns})
    id_ = body["messages"][1]["content"][0]["id"]
    assert id_ == body["messages"][2]["content"][0]["tool_use_id"] and id_.startswith("hg_")
    assert to_anthropic({"messages": turns})[0] == body


def test_tiers_are_told_or_carried():
    assert to_anthropic({"service_tier": "default"})[0]["service_tier"] == "standard_only"
    assert to_openai({"service_tier": "standard_only"})[0]["service_tier"] == "default"
    assert to_anthropic({"service_tier": "auto"})[1].dropped == []


def test_a_conversation_of_the_system_alone_is_given_a_turn():
    body, written = to_anthropic({"messages": [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}]})
    assert (body["system"], body["messages"]) == ("a", [{"role": "user", "content": "b"}])
    assert written.defaulted[0].startswith("max_tokens=") and written.defaulted[1:] == ["messages[1].role=user"]


def test_a_kind_of_provider_has_its_own_words():
    request = openai_chat.read_request(
        json.dumps({"model": "m", "messages": [USER], "seed": 7, "metadata": {"a": "b"}}).encode()
    )
    mistral = Abilities("m", "p/m", kind="mistral")
    assert json.loads(openai_chat.write_request(request, mistral, drop=False).body)["random_seed"] == 7
    with pytest.raises(BadRequest) as caught:
        openai_chat.write_request(request, Abilities("m", "p/m", kind="groq"), drop=False)
    assert caught.value.param == "metadata"


def test_a_wish_to_see_thoughts_makes_a_model_think_or_is_told():
    request = Request(model="m", messages=[Message("user", [Text("hi")])], thoughts=True)
    written = anthropic_messages.write_request(request, NEWEST, drop=False)
    assert json.loads(written.body)["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert anthropic_messages.write_request(request, TO, drop=False).dropped == ["thoughts"]
