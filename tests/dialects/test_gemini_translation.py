"""Between Gemini's dialect and others: what is carried, what is said of what is not, and whose proofs go where."""

import base64
import json
from typing import Any

import pytest

from headgate.core.chat import Request
from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.dialects import anthropic_messages, gemini, gemini_array, openai_chat, openai_responses
from headgate.dialects.base import Abilities, Dialect, Profile, Written
from headgate.dialects.call_input import INVALID
from headgate.dialects.cohere import CohereChat
from headgate.dialects.gemini_contents_write import SENTINEL
from headgate.dialects.gemini_fields import signature_of
from headgate.dialects.gemini_parts import OURS
from headgate.dialects.opaque import Opaque
from tests.dialects.vendor import documents

NEW = Abilities(model="gemini-3-flash", name="google/gemini-3-flash", kind="gemini")
OLD = Abilities(model="gemini-2.5-flash", name="google/gemini-2.5-flash", kind="gemini")
PLAIN = Abilities(model="gemini-2.0-flash", name="google/gemini-2.0-flash", kind="gemini")
VERTEX = Abilities(model="gemini-2.5-pro", name="v/gemini-2.5-pro", kind="vertex")
CLAUDE = Abilities(model="claude-x", name="claude/claude-x", max_output=1000, reasoning=True, kind="anthropic")
GPT = Abilities(model="gpt-4o", name="mock/gpt-4o", kind="openai")
PNG = "iVBORw0KGgo="


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "x", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def to_gemini(
    body: bytes, to: Abilities = OLD, *, drop: bool = False, by: Dialect = openai_chat
) -> tuple[Any, Written]:
    written = gemini.write_request(by.read_request(body), to, drop=drop)
    return json.loads(written.body), written


CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"b":1.0,"a":12345678901234567890}'},
}
WEATHER = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}


def test_a_whole_chat_request() -> None:
    body, written = to_gemini(
        chat(
            messages=[
                {"role": "system", "content": "one"},
                {"role": "developer", "content": "two"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "look"},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
                        },
                    ],
                },
                {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
                {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees":21.50}'},
                {"role": "tool", "tool_call_id": "call_2", "content": "rain"},
                {"role": "user", "content": "and?"},
            ],
            tools=[WEATHER],
            tool_choice="required",
            max_tokens=9,
            temperature=0.5,
            top_p=0.9,
            stop=["x"],
            seed=3,
            n=2,
            frequency_penalty=0.1,
            presence_penalty=0,
            logprobs=True,
            top_logprobs=2,
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        )
    )
    assert written.dropped == ["messages[2].content[3].file.filename"] and written.defaulted == []
    assert body == {
        "systemInstruction": {"parts": [{"text": "one"}, {"text": "two"}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "look"},
                    {"inlineData": {"mimeType": "image/png", "data": PNG}},
                    {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
                    {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": i, "name": "f", "args": {"b": 1.0, "a": 12345678901234567890}}}
                    for i in ("call_1", "call_2")
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "call_1", "name": "f", "response": {"degrees": 21.5}}},
                    {"functionResponse": {"id": "call_2", "name": "f", "response": {"output": "rain"}}},
                ],
            },
            {"role": "user", "parts": [{"text": "and?"}]},
        ],
        "tools": [
            {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["x"],
            "seed": 3,
            "candidateCount": 2,
            "frequencyPenalty": 0.1,
            "responseLogprobs": True,
            "logprobs": 2,
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        },
    }
    assert b'"args":{"b":1.0,"a":12345678901234567890}' in written.body and b'{"degrees":21.50}' in written.body


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"verbosity": "low"}, "verbosity"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}, "messages[1]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
            "messages[0].content[0].file.file_id",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y"}}]}]},
            "messages[0].content[0].image_url.url",  # where nothing fetched it
        ),
        ({"messages": [{"role": "tool", "tool_call_id": "nobody", "content": "x"}]}, "messages[0].content"),
    ],
)
def test_what_gemini_has_no_word_for_is_refused_by_name_or_told(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        to_gemini(chat(**fields))
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", param)
    assert "google/gemini-2.5-flash" in refused.value.message
    _, written = to_gemini(chat(**fields), drop=True)
    assert param in written.dropped


def test_hints_are_left_out_and_told() -> None:
    fields = {"user": "u", "metadata": {"a": "b"}, "prompt_cache_key": "k", "service_tier": "scale"}
    body, written = to_gemini(chat(**fields, messages=[{"role": "user", "content": "hi", "name": "n"}]))
    assert sorted(written.dropped) == ["messages[0].name", "metadata", "prompt_cache_key", "service_tier", "user"]
    assert body == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    body, written = to_gemini(chat(metadata={"team": "a_1"}, service_tier="flex", store=False), VERTEX)
    assert body["labels"] == {"team": "a_1"} and written.dropped == ["service_tier"]
    body, written = to_gemini(chat(service_tier="flex", store=True))
    assert (body["serviceTier"], body["store"], written.dropped) == ("flex", True, [])


def test_strict_tools_are_validated_and_narrowed_tools_are_the_only_ones() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    body, _ = to_gemini(chat(tools=[WEATHER, other]))
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "VALIDATED"}
    only = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]}
    body, _ = to_gemini(chat(tools=[WEATHER, other], tool_choice={"type": "allowed_tools", "allowed_tools": only}))
    assert [one["name"] for one in body["tools"][0]["functionDeclarations"]] == ["g"]
    named = {"type": "function", "function": {"name": "g"}}
    body, _ = to_gemini(chat(tools=[other], tool_choice=named))
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["g"]}


@pytest.mark.parametrize(
    ("to", "effort", "wish", "told"),
    [
        (NEW, "low", {"thinkingLevel": "LOW", "includeThoughts": True}, []),
        (NEW, "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}, ["reasoning_effort=high"]),
        (NEW, "none", {"thinkingLevel": "MINIMAL"}, ["reasoning_effort=minimal"]),
        (OLD, "low", {"thinkingBudget": 2048, "includeThoughts": True}, []),
        (OLD, "none", {"thinkingBudget": 0}, []),
        (VERTEX, "none", {"thinkingBudget": 128}, ["reasoning_effort=128"]),
        (PLAIN, "none", None, []),
    ],
)
def test_effort_is_a_level_or_a_budget(to: Abilities, effort: str, wish: Any, told: list[str]) -> None:
    body, written = to_gemini(chat(reasoning_effort=effort), to)
    assert body.get("generationConfig", {}).get("thinkingConfig") == wish and written.defaulted == told


@pytest.mark.parametrize(
    ("model", "effort", "tokens"),
    [
        ("gemini-2.5-flash", "high", 24_576),
        ("gemini-2.5-flash", "xhigh", 24_576),
        ("gemini-2.5-flash-lite", "max", 24_576),
        ("gemini-2.5-pro", "xhigh", 32_768),
        ("gemini-2.5-pro-preview-06-05", "max", 32_768),
    ],
)
def test_no_more_thought_is_asked_for_than_the_model_takes(model: str, effort: str, tokens: int) -> None:
    to = Abilities(model=model, name=f"g/{model}", kind="gemini")
    body, written = to_gemini(chat(reasoning_effort=effort), to)
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == tokens
    asked_for = {"high": 24_576, "xhigh": 32_768, "max": 65_536}[effort]
    assert written.defaulted == ([] if asked_for == tokens else [f"reasoning_effort={tokens}"])
    on = {"type": "enabled", "budget_tokens": asked_for}
    body, written = to_gemini(message(max_tokens=99_000, thinking=on), to, by=anthropic_messages)
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == tokens
    assert written.defaulted == ([] if asked_for == tokens else [f"thinking.budget_tokens={tokens}"])


def test_no_less_thought_is_asked_for_than_the_model_takes() -> None:
    on = {"thinking": {"type": "enabled", "token_budget": 100}}
    cohere = CohereChat()
    for model, tokens, told in (
        ("gemini-2.5-flash", 100, []),
        ("gemini-2.5-flash-lite", 512, ["thinking.token_budget=512"]),
        ("gemini-2.5-pro", 128, ["thinking.token_budget=128"]),
    ):
        to = Abilities(model=model, name=f"g/{model}", kind="gemini")
        body, written = to_gemini(chat(**on), to, by=cohere)
        assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == tokens
        assert written.defaulted == told


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    with pytest.raises(BadRequest) as refused:
        to_gemini(chat(reasoning_effort="high"), PLAIN)
    assert refused.value.param == "reasoning_effort"


def test_a_profile_says_how_a_model_is_told() -> None:
    levels = Abilities(model="own", name="g/own", profile=Profile(thinking=("level",), efforts=("low", "high")))
    assert (
        to_gemini(chat(reasoning_effort="minimal"), levels)[0]["generationConfig"]["thinkingConfig"]["thinkingLevel"]
        == "LOW"
    )
    strict = Abilities(model="own", name="g/own", profile=Profile(sampling=False, thinking=("level",)))
    assert "generationConfig" not in to_gemini(chat(temperature=1), strict)[0]
    with pytest.raises(BadRequest):
        to_gemini(chat(temperature=0.5), strict)
    any_model = Abilities(model="own", name="g/own")
    assert to_gemini(chat(temperature=1, top_p=1), any_model)[0]["generationConfig"] == {"temperature": 1, "topP": 1}


def message(**fields: Any) -> bytes:
    base = {"model": "x", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps({**base, **fields}).encode()


def test_a_tools_picture_goes_where_the_model_takes_it() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "see"}, image], "is_error": True}],
        },
    ]  # fmt: skip
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    answer = {"id": "t1", "name": "f", "response": {"error": "see"}}
    new, _ = to_gemini(message(messages=turns), NEW, by=anthropic_messages)
    assert new["contents"][2]["parts"] == [{"functionResponse": {**answer, "parts": [inline]}}]
    old, _ = to_gemini(message(messages=turns), OLD, by=anthropic_messages)
    assert old["contents"][2]["parts"] == [{"functionResponse": answer}, inline]


def test_thinking_budgets_of_anthropic() -> None:
    on = {"type": "enabled", "budget_tokens": 5000}
    body, written = to_gemini(message(max_tokens=9000, thinking=on), OLD, by=anthropic_messages)
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 5000
    body, written = to_gemini(message(max_tokens=9000, thinking=on), NEW, by=anthropic_messages)
    assert body["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "MEDIUM"
    assert written.defaulted == ["thinking.budget_tokens=medium"]


# --- proofs ---


def signed_call(signature: str = "c2lnbmVk") -> dict[str, Any]:
    return {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": signature}


REPLY = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "Let me see.", "thought": True},
                    {"text": "I ask.", "thoughtSignature": "dGV4dA=="},
                    signed_call(),
                    {"functionCall": {"name": "g", "args": {}}},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
    "modelVersion": "gemini-3-flash",
    "responseId": "r1",
}


def streamed(reply: Any) -> list[Any]:
    """The chunks of *reply*, each part an event."""
    reader, chunks = gemini.reader(), []
    parts = reply["candidates"][0]["content"]["parts"]
    for at, part in enumerate(parts):
        last = {"finishReason": "STOP"} if at == len(parts) - 1 else {}
        event = {**reply, "candidates": [{"content": {"parts": [part], "role": "model"}, **last}]}
        chunks += reader.feed(b"data: %b\r\n\r\n" % json.dumps(event).encode())
    return chunks + reader.close()


def assembled(stream: bytes) -> dict[str, Any]:
    """The message that a chat client makes of a stream: lists grow, texts are joined."""
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_details": [], "tool_calls": []}
    for document in documents(stream):
        delta = document["choices"][0]["delta"] if document["choices"] else {}
        message["content"] += delta.get("content") or ""
        message["reasoning_details"] += delta.get("reasoning_details") or []
        for call in delta.get("tool_calls") or []:
            message["tool_calls"].append({name: call[name] for name in ("id", "type", "function")})
    return message


@pytest.mark.parametrize("stream", [False, True])
def test_signatures_come_back_to_their_parts_through_chat(stream: bool) -> None:
    if stream:
        writer = openai_chat.writer(openai_chat.read_request(chat(stream=True)))
        answer = assembled(writer.write(streamed(REPLY)) + writer.close())
    else:
        reply = gemini.read_reply(json.dumps(REPLY).encode())
        answer = json.loads(openai_chat.write_reply(reply))["choices"][0]["message"]
    ids = [call["id"] for call in answer["tool_calls"]]
    assert all(OURS.fullmatch(one) for one in ids)
    history = [
        {"role": "user", "content": "hi"},
        answer,
        *({"role": "tool", "tool_call_id": one, "content": "ok"} for one in ids),
    ]
    body, written = to_gemini(chat(messages=history), NEW)
    parts = [part for part in body["contents"][1]["parts"] if not part.get("thought")]
    assert parts == [one for one in REPLY["candidates"][0]["content"]["parts"] if not one.get("thought")]  # type: ignore[index]
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": name, "response": {"output": "ok"}}} for name in ("f", "g")
    ]
    assert not [path for path in written.defaulted if "Signature" in path]
    longer, _ = to_gemini(chat(messages=[*history, {"role": "user", "content": "more"}]), NEW)
    assert longer["contents"][:3] == body["contents"]


@pytest.mark.parametrize("stream", [False, True])
def test_signatures_come_back_to_their_parts_through_messages(stream: bool) -> None:
    request = anthropic_messages.read_request(message())
    if stream:
        writer = anthropic_messages.writer(request)
        content: list[Any] = []
        for event in documents(writer.write(streamed(REPLY)) + writer.close()):
            if event["type"] == "content_block_start":
                content.append(event["content_block"])
            elif event["type"] == "content_block_delta":
                grow(content[event["index"]], event["delta"])
    else:
        content = json.loads(anthropic_messages.write_reply(gemini.read_reply(json.dumps(REPLY).encode())))["content"]
    calls = [block for block in content if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": results},
    ]
    body, _ = to_gemini(message(messages=turns), NEW, by=anthropic_messages)
    parts = [part for part in body["contents"][1]["parts"] if "functionCall" in part]
    assert parts == REPLY["candidates"][0]["content"]["parts"][2:]  # type: ignore[index]


def grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "input_json_delta":
        block["input"] = json.loads(delta["partial_json"])
        return
    name = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[kind]
    block[name] = block.get(name, "") + delta[name]


def test_signatures_come_back_to_their_parts_through_responses() -> None:
    reply = gemini.read_reply(json.dumps(REPLY).encode())
    asked = {"model": "x", "input": "hi", "store": False, "include": ["reasoning.encrypted_content"]}
    reply.request = openai_responses.read_request(json.dumps(asked).encode())
    output = json.loads(openai_responses.write_reply(reply))["output"]
    results = [
        {"type": "function_call_output", "call_id": one["call_id"], "output": "ok"}
        for one in output
        if one["type"] == "function_call"
    ]
    items = [{"type": "message", "role": "user", "content": "hi"}, *output, *results]
    body, _ = to_gemini(json.dumps({"model": "x", "input": items}).encode(), NEW, by=openai_responses)
    calls = [part for turn in body["contents"] for part in turn["parts"] if "functionCall" in part]
    assert calls == REPLY["candidates"][0]["content"]["parts"][2:]  # type: ignore[index]


def test_a_call_of_another_model_is_vouched_for_once_a_step() -> None:
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
        {"role": "tool", "tool_call_id": "call_2", "content": "ok"},
    ]
    body, written = to_gemini(chat(messages=history), NEW)
    signatures = [part.get("thoughtSignature") for part in body["contents"][1]["parts"]]
    assert signatures == [SENTINEL, None]
    assert written.defaulted == [f"thoughtSignature={SENTINEL}"]
    body, written = to_gemini(chat(messages=history), OLD)
    assert not written.defaulted and "thoughtSignature" not in body["contents"][1]["parts"][0]


def test_another_providers_proof_is_never_sent() -> None:
    thought = {"type": "thinking", "thinking": "secret", "signature": "c2VjcmV0"}
    turns = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [thought, {"type": "redacted_thinking", "data": "eA=="}, {"type": "text", "text": "a"}],
        },
        {"role": "user", "content": "b"},
    ]
    body, written = to_gemini(message(messages=turns), NEW, by=anthropic_messages)
    assert body["contents"][1]["parts"] == [{"text": "a"}]
    assert written.dropped == ["messages[1].content[0]", "messages[1].content[1]"]


MESSAGE_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Let me "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "see."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "cGll+/Y2U="}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ask."}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"x"'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ":1.0}"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]  # fmt: skip


def message_stream(dialect: Dialect) -> list[dict[str, Any]]:
    """What a Gemini client gets for a stream of Anthropic's, as documents."""
    reader = anthropic_messages.reader()
    writer = dialect.writer(gemini.read_request(json.dumps({"contents": [{"parts": [{"text": "hi"}]}]}).encode()))
    out = b""
    for event in MESSAGE_EVENTS:
        out += writer.write(reader.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()))
    out += writer.close()
    if dialect is gemini_array:
        found: list[dict[str, Any]] = json.loads(out)
        return found
    return documents(out)


@pytest.mark.parametrize("dialect", [gemini, gemini_array], ids=lambda one: one.name)
def test_a_signed_thought_comes_back_whole_through_a_gemini_client(dialect: Dialect) -> None:
    events = message_stream(dialect)
    last = events[-1]["candidates"][0]
    assert last["finishReason"] == "STOP" and events[-1]["usageMetadata"]["candidatesTokenCount"] == 9
    contents = [event["candidates"][0]["content"] for event in events]  # as Google's own SDK keeps them
    for content in contents:
        for part in content["parts"]:
            if "thoughtSignature" in part:  # it reads them as bytes, and prints them in the other alphabet
                raw = base64.b64decode(part["thoughtSignature"], validate=True)
                part["thoughtSignature"] = base64.urlsafe_b64encode(raw).decode()
    result = {"functionResponse": {"id": "t1", "name": "f", "response": {"output": "ok"}}}
    history = [{"role": "user", "parts": [{"text": "hi"}]}, *contents, {"role": "user", "parts": [result]}]
    request = gemini.read_request(json.dumps({"contents": history}).encode())
    written = anthropic_messages.write_request(request, CLAUDE, drop=False)
    assert json.loads(written.body)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "cGll+/Y2U="},
        {"type": "text", "text": "I "},
        {"type": "text", "text": "ask."},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1.0}},
    ]
    assert b'"input":{"x": 1.0}' in written.body
    again = gemini.write_request(request, NEW, drop=False)  # to Gemini itself it goes nowhere
    assert b"cGll" not in again.body


def test_a_whole_answer_of_anthropics_comes_back_through_a_gemini_client() -> None:
    content = [
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "thinking", "thinking": "t", "signature": "c2ln"},
        {"type": "text", "text": "x"},
    ]
    body = {"id": "m", "model": "c", "role": "assistant", "content": content, "stop_reason": "stop_sequence",
            "stop_sequence": "END", "usage": {"input_tokens": 1, "output_tokens": 2}}  # fmt: skip
    reply = anthropic_messages.read_reply(json.dumps(body).encode())
    written = json.loads(gemini.write_reply(reply))
    candidate = written["candidates"][0]
    assert candidate["finishReason"] == "STOP" and "END" in candidate["finishMessage"]
    history = [
        {"role": "user", "parts": [{"text": "hi"}]},
        candidate["content"],
        {"role": "user", "parts": [{"text": "y"}]},
    ]
    request = gemini.read_request(json.dumps({"contents": history}).encode())
    back = json.loads(anthropic_messages.write_request(request, CLAUDE, drop=False).body)
    assert back["messages"][1]["content"] == content


def test_calls_are_told_once_they_are_whole() -> None:
    def delta(**fields: Any) -> bytes:
        choice = {"index": 0, "delta": fields, "finish_reason": None}
        return b"data: %b\n\n" % json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()

    reader, writer = (
        openai_chat.reader(),
        gemini.writer(gemini.read_request(b'{"contents":[{"parts":[{"text":"x"}]}]}')),
    )
    calls = [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x'}}]
    assert writer.write(reader.feed(delta(tool_calls=calls))) == b""
    assert writer.write(reader.feed(delta(tool_calls=[{"index": 0, "function": {"arguments": '": '}}]))) == b""
    more = [{"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]
    assert writer.write(reader.feed(delta(tool_calls=more))) == b""
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    events = documents(writer.write(reader.feed(end)) + writer.close())
    assert events[0]["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"id": "a", "name": "f", "args": {INVALID: '{"x": '}}},
        {"functionCall": {"id": "b", "name": "g", "args": {}}},
    ]
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_stream_of_several_choices_and_a_refusal() -> None:
    reader, writer = (
        openai_chat.reader(),
        gemini.writer(gemini.read_request(b'{"contents":[{"parts":[{"text":"x"}]}]}')),
    )
    out = b""
    for choice in (
        {"index": 0, "delta": {"content": "a"}},
        {"index": 1, "delta": {"refusal": "no"}},
        {"index": 0, "delta": {}, "finish_reason": "length"},
        {"index": 1, "delta": {}, "finish_reason": "stop"},
    ):
        out += writer.write(reader.feed(b"data: %b\n\n" % json.dumps({"id": "c", "choices": [choice]}).encode()))
    out += writer.write(reader.feed(b"data: [DONE]\n\n")) + writer.close()
    ends = {c["index"]: c["finishReason"] for e in documents(out) for c in e["candidates"] if "finishReason" in c}
    assert ends == {0: "MAX_TOKENS", 1: "SAFETY"}
    tap = gemini.tap(hide_usage=False)
    assert tap.feed(out) == out and tap.close() == b"" and tap.ended


def test_an_answer_with_a_picture_is_no_stream_of_an_api_without_room_for_it() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    event = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
    reader = gemini.reader()
    chunks = reader.feed(b"data: %b\n\n" % json.dumps(event).encode())
    with pytest.raises(UpstreamFailed, match="picture"):
        anthropic_messages.writer(Request(model="m", messages=[], stream=True)).write(chunks)
    reply = gemini.read_reply(json.dumps(event).encode())
    assert json.loads(gemini.write_reply(reply))["candidates"][0]["content"]["parts"] == [part]


# --- from Gemini's clients to others ---


def test_a_gemini_request_for_chat_completions() -> None:
    body = {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": "-_-_"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 2}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1.50}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "stopSequences": ["x"],
            "responseModalities": ["TEXT"],
            "candidateCount": 1,
        },
    }
    request = gemini.read_request(json.dumps(body).encode())
    written = openai_chat.write_request(request, GPT, drop=False)
    assert written.dropped == []
    out = json.loads(written.body)
    calls = out["messages"][2]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"x": 1}, {"x": 2}]
    assert [m["tool_call_id"] for m in out["messages"][3:]] == [call["id"] for call in calls]
    assert [m["content"] for m in out["messages"][3:]] == ["1", '{"a": 1.5}']
    assert out["messages"][1]["content"][1]["image_url"]["url"] == "data:image/png;base64,+/+/"
    assert out["tools"][0]["function"]["parameters"] == {"type": "object"} and out["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"cachedContent": "c"}, "cachedContent"),
        ({"safetySettings": [{"category": "x", "threshold": "BLOCK_NONE"}]}, "safetySettings"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0]"),
        ({"generationConfig": {"speechConfig": {"a": 1}}}, "generationConfig.speechConfig"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/x", "mimeType": "application/pdf"}}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"executableCode": {"code": "1"}}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": "x", "videoMetadata": {"fps": 1}}]}]}, "contents[0].parts[0].videoMetadata"),
        ({"unheardOf": 1}, "unheardOf"),
    ],
)  # fmt: skip
def test_what_only_gemini_has_is_refused_by_its_own_path(fields: dict[str, Any], param: str) -> None:
    request = gemini.read_request(json.dumps({"contents": [{"parts": [{"text": "x"}]}], **fields}).encode())
    with pytest.raises(BadRequest) as refused:
        openai_chat.write_request(request, GPT, drop=False)
    assert refused.value.param == param
    assert param in openai_chat.write_request(request, GPT, drop=True).dropped


@pytest.mark.parametrize(("to", "signed"), [(NEW, {"thoughtSignature": SENTINEL}), (OLD, {})])
def test_anothers_proof_is_not_sent_to_gemini_by_its_own_client(to, signed):
    proof = signature_of(Opaque("anthropic-messages", "sig"))
    call = {"functionCall": {"name": "f", "args": {}}}
    said = [{"text": "hm", "thought": True, "thoughtSignature": proof}, call]
    turns = [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": said}]
    body, written = to_gemini(json.dumps({"contents": turns}).encode(), to, by=gemini)
    assert body["contents"][1]["parts"] == [call | signed]
    assert written.dropped == ["contents[1].parts[0]"]
