"""Requests: read strictly, written again as they were."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.chat import Image, Text, ToolCall, ToolResult
from headgate.core.errors import BadRequest
from headgate.dialects import anthropic_messages, openai_chat
from headgate.dialects.base import Abilities
from tests.dialects import recorded

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "number", "minimum": 0.1}}, "required": ["a"]}
PNG = "data:image/png;base64,iVBORw0KGgo="

CHATS: list[dict[str, Any]] = [
    {},
    {"max_tokens": 5},
    {"max_completion_tokens": 5},
    {"max_tokens": 5, "max_completion_tokens": 5},
    {"stop": "x"},
    {"stop": ["x", "y"], "stream": False},
    {"stream": True, "stream_options": {}},
    {"stream": True, "stream_options": {"include_usage": False, "include_obfuscation": False}},
    {"temperature": 0, "top_p": 0.5, "seed": -3, "n": 2, "frequency_penalty": -1, "presence_penalty": 0.0},
    {"logit_bias": {"50256": -100}, "logprobs": True, "top_logprobs": 3, "user": "u", "metadata": {"a": "b"}},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "x": 1}}},
    {"response_format": {"type": "grammar", "grammar": "root"}},
    {"tools": [], "tool_choice": "none", "parallel_tool_calls": False},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": None, "x": 1}, "y": 2}]},
    {"tools": [{"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}}], "tool_choice": "required"},
    {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
    {"tool_choice": "any", "reasoning_effort": "low", "verbosity": "low", "service_tier": "flex", "store": True},
    {"prediction": {"type": "content", "content": "x"}, "modalities": ["text"], "new_field": [1, {"a": None}]},
    {"n": None, "stream": None, "stop": None, "tools": None, "messages": [{**USER, "name": "bob"}]},
    {"messages": [{"role": "developer", "content": [{"type": "text", "text": "a"}]}, USER]},
    {"messages": [{"role": "user", "content": []}]},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png", "z": 1}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;charset=x;base64,aa"}},
                    {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                    {"type": "video_url", "video_url": {"url": "https://x"}},
                ],
            }
        ]
    },
    {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL, {"id": "c2", "function": {"name": "g", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}], "name": "g"},
            {"role": "assistant", "content": "", "refusal": None, "annotations": [], "audio": None},
            {"role": "assistant", "tool_calls": [{"id": "c3", "type": "custom", "custom": {"name": "h", "input": "x"}}]},
            {"role": "tool", "tool_call_id": "c3", "content": ""},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}, {"type": "text", "text": "x"}]},
            {"role": "assistant", "content": "a", "refusal": "b", "audio": {"id": "au"}},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
            {"role": "function", "name": "f", "content": None},
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
            {
                "role": "assistant",
                "content": "x",
                "reasoning": "hm",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
                    {"type": "reasoning.encrypted", "data": "d", "format": "other", "id": "r1"},
                ],
            },
        ]
    },
]  # fmt: skip

ANTHROPICS: list[dict[str, Any]] = [
    {},
    {"system": "s", "temperature": 1, "top_p": 0.9, "top_k": 0, "stop_sequences": ["x"], "stream": False},
    {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}], "metadata": {"user_id": "u"}},
    {"system": [], "metadata": {}, "metadata2": 1, "stream": True, "tools": []},
    {"system": [{"type": "text", "text": "s"}], "metadata": {"user_id": None, "x": 1}},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}, "service_tier": "auto", "cache_control": {"type": "ephemeral"}},
    {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}, "task_budget": {"x": 1}}},
    {"output_config": {}},
    {"output_config": {"format": {"type": "grammar", "x": 1}}},
    {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    {"tools": [{"name": "f", "input_schema": SCHEMA, "strict": False, "description": "d", "type": "custom"}]},
    {"tools": [{"name": "f", "input_schema": {}, "allowed_callers": ["direct"]}, {"type": "web_search_20250305", "name": "w"}]},
    {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": False}},
    {"tool_choice": {"type": "none"}},
    {"messages": [USER, {"role": "system", "content": "later"}, {"role": "assistant", "content": ""}]},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "", "citations": None},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                    {"type": "image", "source": {"type": "url", "url": "https://x"}, "cache_control": {"type": "ephemeral"}},
                    {"type": "image", "source": {"type": "file", "file_id": "f1"}},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}, "title": "t"},
                    {"type": "document", "source": {"type": "url", "url": "https://x"}, "citations": {"enabled": True}},
                    {"type": "document", "source": {"type": "file", "file_id": "f"}, "context": "c"},
                    {"type": "document", "source": {"type": "content", "content": "x"}},
                    {"type": "search_result", "source": "x", "title": "t", "content": []},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "opaque"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1.0, "a": 12345678901234567890}},
                    {"type": "tool_use", "id": "t2", "name": "f", "input": {}, "caller": {"type": "direct"}},
                    {"type": "tool_use", "id": "t3", "name": "f", "input": "{broken"},
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "1", "is_error": False},
                    {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "2"}], "is_error": True},
                    {"type": "tool_result", "tool_use_id": "t3"},
                    {"type": "tool_result", "tool_use_id": "t4", "content": [], "cache_control": {"type": "ephemeral"}},
                    {"type": "text", "text": "go on"},
                ],
            },
        ]
    },
]  # fmt: skip


def again(dialect, request):
    """Read a request and write it to its own dialect."""
    read = dialect.read_request(json.dumps(request).encode())
    written = dialect.write_request(read, Abilities(request["model"], "p/m"), drop=False)
    assert (written.dropped, written.defaulted) == ([], [])
    return json.loads(written.body)


@pytest.mark.parametrize("fields", CHATS)
def test_a_chat_request_is_written_as_it_was(fields):
    request = {"model": "m", "messages": [USER], **fields}
    assert again(openai_chat, request) == request


@pytest.mark.parametrize("fields", ANTHROPICS)
def test_a_messages_request_is_written_as_it_was(fields):
    request = {"model": "m", "max_tokens": 9, "messages": [USER], **fields}
    assert again(anthropic_messages, request) == request


def test_a_request_to_count_is_read_too():
    request = {"model": "m", "messages": [USER]}
    assert again(anthropic_messages, request) == request


@pytest.mark.parametrize("name", [*recorded.CHAT, "anthropic"])
def test_recorded_requests_are_written_as_they_were(name):
    dialect = anthropic_messages if name == "anthropic" else openai_chat
    for request in recorded.requests(name):
        if any(m.get("content") is None and m["role"] == "user" for m in request["messages"]):
            continue
        assert again(dialect, request) == request


BAD_CHATS = [
    ({"messages": []}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": [3]}, "messages[0]"),
    ({"messages": [USER, {"role": "robot", "content": "x"}]}, "messages[1].role"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [USER, {"role": "user", "content": None}]}, "messages[1].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file.file_data"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "messages[0].tool_calls[0].id"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "x", "function": {}}]}]}, "messages[0].tool_calls[0].function.name"),
    ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
    ({"model": None}, "model"),
    ({"model": 3}, "model"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 10**12}, "max_tokens"),
    ({"max_tokens": 4, "max_completion_tokens": 5}, "max_tokens"),
    ({"n": 10_000}, "n"),
    ({"stream": "yes"}, "stream"),
    ({"temperature": 2.5}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": -1}, "top_p"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"logit_bias": {"a": "b"}}, "logit_bias[...]"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a", 5]}, "stop[1]"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
    ({"tool_choice": "maybe"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"response_format": "json"}, "response_format"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"metadata": "x"}, "metadata"),
]  # fmt: skip

BAD_ANTHROPICS = [
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "x", "name": "f"}]}]}, "messages[0].content[0].input"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": [1]}]}]},
        "messages[0].content[0].content[0]",
    ),
    ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "x"}}]}]},
        "messages[0].content[0].source.media_type",
    ),
    ({"system": 5}, "system"),
    ({"system": [{"type": "text"}]}, "system[0].text"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"temperature": 1.5}, "temperature"),
    ({"top_k": -1}, "top_k"),
    ({"stop_sequences": "x"}, "stop_sequences"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ({"stream": 1}, "stream"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "fields", "param"),
    [(openai_chat, *bad) for bad in BAD_CHATS] + [(anthropic_messages, *bad) for bad in BAD_ANTHROPICS],
)
def test_what_the_format_forbids_is_named(dialect, fields, param):
    with pytest.raises(BadRequest) as caught:
        dialect.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": [USER], **fields}).encode())
    error = caught.value
    assert (error.param, error.status, error.type) == (param, 400, "invalid_request_error")
    assert param in error.message and error.code


def test_numbers_and_key_order_of_arguments_are_the_callers():
    body = b'{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",'
    body += b'"input":{"z": 0.10000000000000000001, "a":123456789012345678901234567890, "\xc3\xa9":1E2}}]}]}'
    part = anthropic_messages.read_request(body).messages[0].parts[0]
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"z": 0.10000000000000000001, "a":123456789012345678901234567890, "é":1E2}'
    written = openai_chat.write_request(anthropic_messages.read_request(body), Abilities("m", "p/m"), drop=False)
    assert json.loads(written.body)["messages"][0]["tool_calls"][0]["function"]["arguments"] == part.arguments
    back = anthropic_messages.write_request(openai_chat.read_request(written.body), Abilities("m", "p/m"), drop=False)
    assert part.arguments.encode() in back.body


def test_lone_surrogates_survive():
    body = rb'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a \ud800 b \u0000"}],"metadata":{"user_id":"\udfff"}}'
    request = anthropic_messages.read_request(body)
    part = request.messages[0].parts[0]
    assert isinstance(part, Text) and part.text == "a \ud800 b \0"
    for dialect in (openai_chat, anthropic_messages):
        written = dialect.write_request(request, Abilities("m", "p/m"), drop=False).body
        assert rb"a \ud800 b \u0000" in written and rb"\udfff" in written


def test_the_neutral_form_of_a_conversation():
    chat = openai_chat.read_request(json.dumps({"model": "m", "messages": CHATS[-1]["messages"]}).encode())
    call, second = chat.messages[1].parts
    assert isinstance(call, ToolCall) and (call.id, call.name, call.arguments) == ("c1", "f", '{"a": 1.0}')
    assert isinstance(second, ToolCall) and second.arguments == ""
    result = chat.messages[2].parts[0]
    assert isinstance(result, ToolResult) and result.call_id == "c1" and result.parts == [Text("1")]
    picture = openai_chat.read_request(json.dumps({"model": "m", "messages": CHATS[-2]["messages"]}).encode())
    image = picture.messages[0].parts[1]
    assert isinstance(image, Image) and (image.data, image.media_type, image.url) == ("iVBORw0KGgo=", "image/png", None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(CHATS), st.dictionaries(st.text(min_size=1, max_size=6), JSON, max_size=3))
def test_whatever_stands_beside_is_written_as_it_was(fields, more):
    from headgate.dialects.json_guard import FORBIDDEN
    from headgate.dialects.openai_words import FIELDS

    more = {k: v for k, v in more.items() if k not in FIELDS | FORBIDDEN}
    request = {"model": "m", "messages": [USER], **fields, **more}
    assert again(openai_chat, request) == request


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["messages", "tools", "tool_choice", "system", "stop", "response_format", "output_config"]), JSON
)
def test_any_nonsense_is_a_refusal(field, value):
    for dialect in (openai_chat, anthropic_messages):
        body = json.dumps({"model": "m", "max_tokens": 1, "messages": [USER], field: value}).encode("utf-8", "replace")
        for target in (openai_chat, anthropic_messages):
            try:
                request = dialect.read_request(body)
                json.loads(target.write_request(request, Abilities("m", "p/m"), drop=True).body)
            except BadRequest as error:
                assert error.param or error.code
