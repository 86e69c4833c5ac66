"""The many who copy Chat Completions: what is relayed to them, and what becomes of the rest."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.chat import Audio, File, Message, Part, Request, Text, Thinking, Tool, ToolCall, ToolResult
from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, gemini, mistral, openai_chat, openai_completions, openai_responses
from headgate.dialects.base import Abilities, Profile
from headgate.dialects.contract.openai_chat import KINDS
from headgate.dialects.contract.openai_family import COMMON, NEW_LIMIT, OWN, THINKERS
from headgate.dialects.family import Family, Unknown, variant
from headgate.providers.catalog import rows
from tests.dialects import recorded

USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def family(kind: str) -> Family:
    found = variant(kind, stream_options=rows()[kind].stream_usage)
    assert isinstance(found, Family)
    return found


def to(kind: str, *, reasoning: bool = False) -> Abilities:
    known = rows()[kind]
    return Abilities(
        "m", f"{kind}/m", reasoning=reasoning, stream_usage=known.stream_usage,
        max_tokens_field=known.max_tokens_field, kind=kind,
    )  # fmt: skip


def body(*messages: Any, **fields: Any) -> bytes:
    return json.dumps({"model": "x", "messages": list(messages) or [USER], **fields}).encode()


def relays(kind: str, *, reasoning: bool = False, **fields: Any) -> bool:
    return family(kind).relays(openai_chat.envelope(body(**fields)), to(kind, reasoning=reasoning))


def written(
    kind: str, asked: bytes, *, drop: bool = False, reasoning: bool = False
) -> tuple[dict[str, Any], list[str]]:
    request = openai_chat.read_request(asked)
    before = json.dumps(repr(request))
    out = family(kind).write_request(request, to(kind, reasoning=reasoning), drop=drop)
    assert json.dumps(repr(request)) == before, "the request is read once, for every target"
    return json.loads(out.body), out.dropped


def test_kinds_are_those_of_the_catalogue() -> None:
    assert set(OWN) | set(THINKERS) | NEW_LIMIT - {"ollama"} <= set(KINDS) <= {*rows(), "ollama", "cohere", "gemini"}
    assert variant("openai") is None and variant("azure") is None and variant("nobody") is None


@pytest.mark.parametrize("kind", sorted(set(KINDS) & set(rows()) - {"openai-compatible"}))
def test_a_usual_request_is_relayed(kind: str) -> None:
    assert relays(kind, temperature=0.5, max_tokens=5, stream=True, top_p=1, invented=5, stop=["x"])


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("mistral", {"seed": 5}),
        ("mistral", {"user": "u"}),
        ("mistral", {"reasoning_effort": "high"}),
        ("mistral", {"stream_options": {"include_usage": True}}),
        ("mistral", {"max_completion_tokens": 5}),
        ("groq", {"n": 1}),
        ("groq", {"logprobs": True}),
        ("groq", {"metadata": {}}),
        ("xai", {"logit_bias": {}}),
        ("xai", {"web_search_options": {}}),
        ("huggingface", {"max_completion_tokens": 5}),
        ("vllm", {"prediction": {}}),
        ("openrouter", {"store": True}),
        ("deepseek", {"safety_identifier": "u"}),
    ],
)
def test_what_a_service_does_not_take_as_it_is_goes_through_the_neutral_form(kind: str, fields: dict[str, Any]) -> None:
    assert not relays(kind, **fields)


def test_a_history_with_ids_of_its_own_is_relayed_to_mistral() -> None:
    def takes(id_: str, **more: Any) -> bool:
        call = {"id": id_, "type": "function", "function": {"name": "f", "arguments": '{"tool_call_id": "x"}'}}
        turns = [{"role": "assistant", "content": "", "tool_calls": [call], **more},
                 {"role": "tool", "tool_call_id": id_, "content": "1"}]  # fmt: skip
        return family("mistral").relays(openai_chat.envelope(body(USER, *turns, tools=[TOOL])), to("mistral"))

    assert takes("EscTeQY62")
    assert not takes("call_1") and not takes("EscTeQY62", reasoning="hm")


def test_models_that_reason_are_relayed_where_they_answer_as_openais_do() -> None:
    assert relays("groq", reasoning=True, stop=["x"]) and relays("xai", reasoning=True)
    assert not relays("xai", reasoning=True, stop=["x"]) and relays("xai", stop=["x"])
    assert not relays("mistral", reasoning=True)
    sometimes = Profile(efforts=("none", "high"))
    for kind, fields, relayed in (
        ("mistral", {}, True),
        ("mistral", {"reasoning_effort": "high"}, False),
        ("xai", {"stop": ["x"]}, False),
        ("xai", {"stop": ["x"], "reasoning_effort": "none"}, True),
    ):
        model = msgspec.structs.replace(to(kind, reasoning=True), profile=sometimes)
        assert family(kind).relays(openai_chat.envelope(body(**fields)), model) is relayed


@pytest.mark.parametrize(
    ("kind", "fields", "param"),
    [
        ("mistral", {"logit_bias": {"5": 1}}, "logit_bias"),
        ("mistral", {"verbosity": "low"}, "verbosity"),
        ("mistral", {"store": True}, "store"),
        ("mistral", {"messages": [{**USER, "name": "bob"}]}, "messages[0].name"),
        ("groq", {"n": 2}, "n"),
        ("groq", {"presence_penalty": 0.5}, "presence_penalty"),
        ("groq", {"logprobs": True}, "logprobs"),
        ("groq", {"metadata": {"a": "b"}}, "metadata"),
        ("xai", {"logit_bias": {"5": 1}}, "logit_bias"),
        ("xai", {"moderation": {"model": "x"}}, "moderation"),
        ("vllm", {"web_search_options": {"a": 1}}, "web_search_options"),
        ("huggingface", {"modalities": ["text", "audio"]}, "modalities"),
        ("deepseek", {"seed": 5}, "seed"),
        ("together", {"tools": [TOOL, {"type": "custom", "custom": {"name": "g"}}]}, "tools[1]"),
        (
            "groq",
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]},
            "messages[0].content[0]",
        ),
        (
            "vllm",
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content[0]",
        ),
    ],
)  # fmt: skip
def test_a_field_without_a_word_is_refused_by_name(kind: str, fields: dict[str, Any], param: str) -> None:
    asked = body(*fields.pop("messages", ()), **fields)
    with pytest.raises(BadRequest) as refused:
        written(kind, asked)
    assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")
    assert f"{kind}/m" in refused.value.message
    assert written(kind, asked, drop=True)[1] == [param]


@pytest.mark.parametrize("kind", sorted(set(KINDS) & set(rows()) - {"openai-compatible"}))
def test_what_means_nothing_passes_silently(kind: str) -> None:
    asked = body(n=1, frequency_penalty=0, presence_penalty=0, logprobs=False, modalities=["text"], store=False)
    assert written(kind, asked)[1] == []


def test_hints_are_dropped_and_told() -> None:
    asked = body(prediction={"type": "content", "content": "x"}, prompt_cache_key="k", user="u", service_tier="flex")
    assert set(written("vllm", asked)[1]) == {"prediction", "user", "service_tier", "prompt_cache_key"}
    image = {"type": "image_url", "image_url": {"url": "https://h/x.png", "detail": "high"}}
    out, dropped = written("groq", body({"role": "user", "content": [image]}))
    assert dropped == ["messages[0].content[0].image_url.detail"]
    assert out["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": "https://h/x.png"}}]


def test_a_model_that_reasons_refuses_more() -> None:
    with pytest.raises(BadRequest) as refused:
        written("xai", body(stop=["x"]), reasoning=True)
    assert refused.value.param == "stop"
    assert written("xai", body(stop=["x"]))[0]["stop"] == ["x"]


def test_names_are_mapped() -> None:
    asked = body(seed=5, max_completion_tokens=9, stream=True, safe_prompt=True, prompt_cache_key="k",
                 stream_options={"include_usage": True, "include_obfuscation": False})  # fmt: skip
    out, dropped = written("mistral", asked)
    assert out == {
        "model": "m",
        "messages": [USER],
        "random_seed": 5,
        "max_tokens": 9,
        "stream": True,
        "safe_prompt": True,
        "prompt_cache_key": "k",
    }
    assert dropped == ["stream_options.include_obfuscation"]
    assert written("huggingface", body(max_completion_tokens=5))[0]["max_tokens"] == 5
    assert written("xai", body(safety_identifier="u"))[0]["user"] == "u"
    assert written("mistral", body(safety_identifier="u"))[1] == ["safety_identifier"]


def test_only_the_tools_that_are_allowed_are_declared() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": "g"}}]}}  # fmt: skip
    out, _ = written("groq", body(tools=[TOOL, other], tool_choice=choice, store=False))
    assert (out["tools"], out["tool_choice"]) == ([other], "required")
    assert not relays("groq", tools=[TOOL, other], tool_choice=choice)
    assert relays("groq", tools=[TOOL, other], tool_choice="required")
    assert relays("openrouter", tools=[TOOL, other], tool_choice=choice), "it hands on what its providers take"


MORE = {
    "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}, "web_search_options": {"a": 1},
    "prediction": {"type": "content", "content": "x"}, "store": True, "verbosity": "low", "service_tier": "flex",
    "prompt_cache_key": "k", "metadata": {"a": "b"}, "user": "u", "invented": 1, "max_tokens": 7, "n": 2,
}  # fmt: skip
NARROWED: dict[str, Any] = {
    "tools": [TOOL, {"type": "function", "function": {"name": "g"}}],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]},
    },
}


def test_a_server_of_which_nothing_is_known_says_itself_what_it_does_not_take() -> None:
    unknown, model = variant("openai-compatible"), to("openai-compatible")
    assert isinstance(unknown, Unknown)
    named = {"type": "function", "function": {"name": "f"}}
    for more in ({}, {"tools": [TOOL], "tool_choice": named}, {"tools": [TOOL], "tool_choice": "auto"}):
        assert unknown.relays(openai_chat.envelope(body(**MORE, **more)), model)
    asked = body(**MORE, **NARROWED)
    assert not unknown.relays(openai_chat.envelope(asked), model)
    request = openai_chat.read_request(asked)
    before = json.dumps(repr(request))
    out = unknown.write_request(request, model, drop=False)
    assert json.dumps(repr(request)) == before, "the request is read once, for every target"
    assert (out.dropped, out.defaulted) == ([], [])
    expected = {"model": "m", "messages": [USER], **MORE, "tools": NARROWED["tools"][1:], "tool_choice": "auto"}
    assert json.loads(out.body) == expected


def test_tools_are_narrowed_for_unknown_servers_whoever_asks() -> None:
    unknown, model = variant("openai-compatible"), to("openai-compatible")
    assert unknown is not None
    declared = [{"name": "f", "parameters": {"type": "OBJECT"}}, {"name": "g"}, {"name": "h"}]
    asks: dict[Any, Any] = {
        gemini: {
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "tools": [{"functionDeclarations": declared}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g", "h"]}},
        },
        openai_responses: {
            "model": "x",
            "input": "Hi",
            "tools": [{"type": "function", "name": name, "parameters": {}, "strict": False} for name in "fgh"],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "g"}, {"type": "function", "name": "h"}],
            },
        },
    }
    for dialect, asked in asks.items():
        out = unknown.write_request(dialect.read_request(json.dumps(asked).encode()), model, drop=False)
        said = json.loads(out.body)
        assert [one["function"]["name"] for one in said["tools"]] == ["g", "h"]
        assert said["tool_choice"] == "required"
    request = anthropic_messages.read_request(
        json.dumps({"model": "x", "max_tokens": 1, "messages": [USER], "top_k": 4}).encode()
    )
    with pytest.raises(BadRequest):  # what it is not known to take is not translated for it
        unknown.write_request(request, model, drop=False)


CONVERSATION: list[dict[str, Any]] = [
    USER,
    {
        "role": "assistant",
        "content": "Well",
        "reasoning": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "mistral"},
            {"type": "reasoning.text", "text": "no", "signature": "t", "format": "anthropic-claude-v1"},
        ],
        "tool_calls": [
            {"id": "call_abc", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "EscTeQY62", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_abc", "content": "1"},
    {"role": "tool", "tool_call_id": "EscTeQY62", "content": "2"},
]


def test_a_conversation_as_mistral_has_it() -> None:
    out, dropped = written("mistral", body(*CONVERSATION, tools=[TOOL]))
    assert dropped == ["messages[1].reasoning_details[1]"]  # the other's proof is for nobody else
    turn = out["messages"][1]
    assert turn["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "s", "closed": True},
        {"type": "text", "text": "Well"},
    ]
    first, second = (call["id"] for call in turn["tool_calls"])
    assert re.fullmatch(r"[A-Za-z0-9]{9}", first) and second == "EscTeQY62"
    assert [message["tool_call_id"] for message in out["messages"][2:]] == [first, second]
    assert "reasoning" not in turn and "reasoning_details" not in turn
    longer = written("mistral", body(*CONVERSATION, USER, tools=[TOOL]))[0]["messages"]
    assert json.dumps(longer[:-1]) == json.dumps(out["messages"])


def test_another_dialects_conversation_goes_to_mistral() -> None:
    request = Request(
        model="x",
        messages=[
            Message("user", [Text("Hi")]),
            Message("assistant", [Thinking("hm", "s", source="mistral"), ToolCall("toolu_1", "f", "{}")]),
            Message("tool", [ToolResult("toolu_1", [Text("1")])]),
        ],
        tools=[Tool("f")],
        seed=1,
    )
    out = json.loads(family("mistral").write_request(request, to("mistral"), drop=False).body)
    assert out["random_seed"] == 1
    assert out["messages"][1]["content"][0]["signature"] == "s"
    assert out["messages"][1]["tool_calls"][0]["id"] == out["messages"][2]["tool_call_id"] == mistral.call_id("toolu_1")


def test_sound_and_files_as_mistral_has_them() -> None:
    parts: list[Part] = [Audio("UklG", "wav"), File(data="JVBE", media_type="application/pdf", name="a.pdf")]
    request = Request(model="x", messages=[Message("user", [*parts, Text("What?")])])
    out = json.loads(family("mistral").write_request(request, to("mistral"), drop=False).body)
    assert out["messages"][0]["content"] == [
        {"type": "input_audio", "input_audio": "UklG"},
        {"type": "document_url", "document_url": "data:application/pdf;base64,JVBE", "document_name": "a.pdf"},
        {"type": "text", "text": "What?"},
    ]
    by_id = body({"role": "user", "content": [{"type": "file", "file": {"file_id": "f1"}}]})
    assert written("mistral", by_id)[0]["messages"][0]["content"] == [{"type": "file", "file_id": "f1"}]


@given(st.text(max_size=80), st.text(max_size=80))
def test_ids_of_calls_are_mapped_always_alike_and_never_together(one: str, other: str) -> None:
    mapped = mistral.call_id(one)
    assert re.fullmatch(r"[A-Za-z0-9]{9}", mapped) and mistral.call_id(mapped) == mapped == mistral.call_id(one)
    assert (mistral.call_id(other) == mapped) == (one == other or mapped == other)


THINKS = {
    "id": "i",
    "model": "magistral",
    "created": 5,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": [
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "hm"}],
                        "signature": "s",
                        "closed": True,
                    },
                    {"type": "text", "text": "42"},
                    {"type": "reference", "reference_ids": [3]},
                ],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "num_cached_tokens": 5},
}


def test_a_list_of_content_is_read_and_goes_back() -> None:
    dialect = family("mistral")
    reply = dialect.read_reply(json.dumps(THINKS).encode())
    assert reply.usage == Usage(9, 4, cached=5)
    thought, text = reply.choices[0].parts
    assert isinstance(thought, Thinking) and (thought.text, thought.signature, thought.source) == ("hm", "s", "mistral")
    assert isinstance(text, Text) and text.citations is not None and text.citations[0].source == "3"
    message = json.loads(openai_chat.write_reply(reply))["choices"][0]["message"]
    assert (message["content"], message["reasoning"]) == ("42", "hm")
    again = written("mistral", body(USER, message, tools=[TOOL]))[0]["messages"][1]["content"]
    assert again[0]["signature"] == "s" and again[1]["text"] == "42"
    shown = json.loads(anthropic_messages.write_reply(reply))["content"]
    assert shown[0]["thinking"] == "hm" and "s" in shown[0]["signature"]
    back = anthropic_messages.read_request(
        json.dumps(
            {"model": "x", "max_tokens": 9, "messages": [USER, {"role": "assistant", "content": shown}, USER]}
        ).encode()
    )
    out = json.loads(dialect.write_request(back, to("mistral"), drop=True).body)
    assert out["messages"][1]["content"][0] == again[0]


def test_a_stream_of_thoughts_is_read() -> None:
    pieces: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}], "signature": "s"}]},
        {"content": "42"},
        {"tool_calls": [{"id": "abcdefgh1", "function": {"name": "f", "arguments": "{}"}}]},
    ]
    stream = b"".join(event(delta) for delta in pieces) + event({}, "tool_calls") + b"data: [DONE]\n\n"
    reply = fold(family("mistral").reader().feed(stream))
    thought, text, call = reply.choices[0].parts
    assert isinstance(thought, Thinking) and (thought.text, thought.signature) == ("hm", "s")
    assert isinstance(text, Text) and text.text == "42"
    assert isinstance(call, ToolCall) and call.id == "abcdefgh1"


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    chunk = {"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("kind", "status", "said", "code", "told", "retry"),
    [
        ("mistral", 401, b'{"object":"error","message":"Unauthorized","type":"x","code":"3000"}', "upstream_auth_error", 502, True),
        ("mistral", 402, b'{"object":"error","message":"pay"}', "upstream_quota_exhausted", 502, True),
        ("mistral", 429, b'{"object":"error","message":"slow"}', "upstream_rate_limited", 429, True),
        ("mistral", 422, b'{"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}', "upstream_bad_request", 422, False),
        ("groq", 498, b'{"error":{"message":"flex capacity","type":"x"}}', "upstream_rate_limited", 429, True),
        ("groq", 400, b'{"error":{"message":"bad call","code":"tool_use_failed"}}', "tool_use_failed", 400, False),
        ("groq", 413, b'{"error":{"message":"Request too large"}}', "request_too_large", 413, False),
        ("xai", 400, b'{"code":"invalid-argument","error":"Incorrect API key provided: x"}', "upstream_auth_error", 502, True),
        ("xai", 400, b'{"code":"invalid-argument","error":"no such parameter"}', "invalid-argument", 400, False),
        ("xai", 429, b'{"code":"x","error":"slow down"}', "upstream_rate_limited", 429, True),
        ("huggingface", 503, b'{"error":"Model is loading"}', "upstream_unavailable", 503, True),
        ("azure", 400, b'{"error":{"code":"content_filter","message":"filtered","innererror":{"code":"ResponsibleAIPolicyViolation"}}}', "content_filter", 400, False),
        ("azure", 404, b'{"error":{"code":"DeploymentNotFound","message":"no"}}', "upstream_model_not_found", 502, True),
        ("azure", 401, b'{"error":{"code":"401","message":"Access denied"}}', "upstream_auth_error", 502, True),
    ],
)  # fmt: skip
def test_errors_are_understood(kind: str, status: int, said: bytes, code: str, told: int, retry: bool) -> None:
    error = (variant(kind) or openai_chat).read_error(status, [], said)
    assert (error.code, error.status, error.retry) == (code, told, retry)


@pytest.mark.parametrize(
    "stream",
    [
        b'event: error\ndata: {"error":{"message":"bad call","type":"invalid_request_error","code":"tool_use_failed","status_code":400}}\n\n',
        b': OPENROUTER PROCESSING\n\ndata: {"id":"i","choices":[],"error":{"code":502,"message":"gone"}}\n\ndata: [DONE]\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}\n\ndata: [DONE]\n\n',
    ],
    ids=["groq", "openrouter", "mistral"],
)
def test_an_error_in_a_stream_is_an_error(stream: bytes) -> None:
    for seen in (openai_chat.tap(hide_usage=False), openai_chat.reader()):
        seen.feed(event({"content": "a"}) + stream)
        assert isinstance(seen.failure, UpstreamFailed) and not seen.ended


@pytest.mark.parametrize("spoken", [openai_chat, openai_completions], ids=["chat", "completions"])
def test_a_whole_answer_that_went_wrong_is_an_error(spoken: Any) -> None:
    def reply(*reasons: str) -> bytes:
        said = {"message": {"role": "assistant", "content": "x"}, "text": "x"}
        choices = [{"index": at, **said, "finish_reason": reason} for at, reason in enumerate(reasons)]
        return json.dumps({"id": "i", "model": "m", "choices": choices}).encode()

    for read in (spoken.sniff, spoken.read_reply):
        with pytest.raises(UpstreamFailed, match="error") as failed:
            read(reply("error"))
        assert (failed.value.status, failed.value.code, failed.value.retry) == (502, "upstream_answer_failed", True)
        read(reply("error", "stop"))  # the other answer is one
    told = reply("error").replace(b'{"id"', b'{"usage": {"prompt_tokens": 3, "completion_tokens": 2}, "id"', 1)
    with pytest.raises(UpstreamFailed) as failed:
        spoken.sniff(told)
    assert failed.value.usage == Usage(input=3, output=2)


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("spoken", [openai_chat, openai_completions], ids=["chat", "completions"])
def test_an_answer_that_went_wrong_tells_what_it_used(spoken: Any, split: bool, apart: bool) -> None:
    end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": "error"}]}
    counted: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    first = {"choices": [{"index": 0, "delta": {"content": "a"}, "text": "a", "finish_reason": None}]}
    last = [end, counted] if apart else [counted | end]
    events = [b"data: " + json.dumps(one).encode() + b"\n\n" for one in [first, *last]] + [b"data: [DONE]\n\n"]
    for seen in (spoken.tap(hide_usage=False), spoken.reader()):
        said = [seen.feed(data) for data in (events if split else [b"".join(events)])]
        assert seen.failure is not None and seen.failure.code == "upstream_answer_failed" and not seen.ended
        assert seen.failure.usage == Usage(input=3, output=2)
        if isinstance(said[0], bytes):
            assert b"".join(said) == events[0], "nothing after the last good event"
    for seen in (spoken.tap(hide_usage=False), spoken.reader()):
        for data in (events[0], events[1].replace(b"usage", b"nothing")):
            seen.feed(data)
        seen.close()
        assert seen.failure is not None and (seen.failure.code, seen.failure.usage) == ("upstream_answer_failed", None)


def test_of_several_answers_one_that_went_wrong_ends_no_stream_well() -> None:
    for seen in (openai_chat.tap(hide_usage=False), openai_chat.reader()):
        for index, reason in ((0, "stop"), (1, "error")):
            choice = {"index": index, "delta": {}, "finish_reason": reason}
            seen.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        seen.close()
        assert seen.failure is not None and not seen.ended


USAGES: dict[str, tuple[dict[str, Any], Usage]] = {
    "groq": ({"choices": [], "x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 6}}}, Usage(5, 6)),
    "xai": (
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 18,
                                  "completion_tokens_details": {"reasoning_tokens": 7}}},
        Usage(5, 13, reasoning=7),
    ),
    "deepseek": (
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15,
                                  "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}},
        Usage(9, 6, cached=4),
    ),
    "together": ({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 6, "cached_tokens": 3}}, Usage(9, 6, cached=3)),
}  # fmt: skip


@pytest.mark.parametrize("kind", USAGES)
def test_usage_is_counted_as_each_counts_it(kind: str) -> None:
    last, usage = USAGES[kind]
    stream = event({"content": "a"}, "stop") + b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n"
    for seen in (family(kind).tap(hide_usage=False), family(kind).reader()):
        seen.feed(stream)
        assert seen.usage == usage and seen.ended
    whole = {
        "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}],
        **{k: v for k, v in last.items() if k != "choices"},
    }
    assert family(kind).read_reply(json.dumps(whole).encode()).usage == usage


def test_an_azure_stream_may_begin_without_choices() -> None:
    for stream in recorded.streams("azure"):
        reader = openai_chat.reader()
        assert fold(reader.feed(stream)).choices and reader.ended and reader.failure is None


@pytest.mark.parametrize("kind", ["groq", "mistral", "deepseek", "together"])
def test_recorded_requests_lose_nothing(kind: str) -> None:
    for asked in recorded.requests(kind):
        out, dropped = written(kind, json.dumps(asked).encode())
        assert dropped == []
        assert out == {k: v for k, v in (asked | {"model": "m"}).items() if v is not None or k in out}


def test_the_rules_of_all_are_known_fields() -> None:
    assert all(set(rules) <= set(COMMON) for rules in OWN.values())
