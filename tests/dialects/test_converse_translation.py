"""Converse to and from other dialects: what is carried, what is refused by name, what is left out and said so."""

import json
from typing import Any

import pytest

from headgate.core.errors import BadRequest
from headgate.core.fold import fold
from headgate.dialects import anthropic_messages, openai_chat
from headgate.dialects.base import Abilities, Profile
from headgate.dialects.converse import bedrock_converse as converse
from tests.dialects import recorded_converse, vendor

USER = {"role": "user", "content": "hi"}
CLAUDE = Abilities("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/claude")
NOVA = Abilities("amazon.nova-2-lite-v1:0", "aws/nova")
GPT = Abilities("openai.gpt-oss-120b-1:0", "aws/gpt")
LLAMA = Abilities("meta.llama3-2-1b-instruct-v1:0", "aws/llama")
ADAPTIVE = Profile(thinking=("adaptive", "disabled"), efforts=("low", "medium", "high"), cache_points=True)
BUDGET = Profile(thinking=("enabled", "disabled"))
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "g", "description": "d", "strict": True}}
SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
OTHER_SPEC = {
    "toolSpec": {"name": "g", "description": "d", "inputSchema": {"json": {"type": "object"}}, "strict": True}
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"b":1.0,"a":2}'}}
SHUT = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
JSON_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": SHUT, "strict": True, "description": "d"},
}


def of(model: Abilities, profile: Profile) -> Abilities:
    return Abilities(model.model, model.name, reasoning=True, profile=profile)


def written(dialect, fields: dict[str, Any], to: Abilities = CLAUDE, *, drop: bool = False):
    body = {"model": "m", "messages": [USER], **fields}
    return converse.write_request(dialect.read_request(json.dumps(body).encode()), to, drop=drop)


def from_chat(fields: dict[str, Any], to: Abilities = CLAUDE) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(openai_chat, fields, to).body)
    return found


CARRIED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"max_tokens": 5}, {"inferenceConfig": {"maxTokens": 5}}),
    ({"max_completion_tokens": 5, "temperature": 1, "top_p": 0.5}, {"inferenceConfig": {"maxTokens": 5, "temperature": 1.0, "topP": 0.5}}),
    ({"stop": "x"}, {"inferenceConfig": {"stopSequences": ["x"]}}),
    ({"user": "u@x"}, {"requestMetadata": {"user_id": "u@x"}}),
    ({"metadata": {"a": "b"}, "user": "u"}, {"requestMetadata": {"a": "b", "user_id": "u"}}),
    ({"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}),
    ({"service_tier": "auto"}, {}),
    ({"tools": [TOOL, OTHER]}, {"toolConfig": {"tools": [SPEC, OTHER_SPEC]}}),
    ({"tools": [TOOL], "tool_choice": "auto"}, {"toolConfig": {"tools": [SPEC], "toolChoice": {"auto": {}}}}),
    ({"tools": [TOOL], "tool_choice": "required"}, {"toolConfig": {"tools": [SPEC], "toolChoice": {"any": {}}}}),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}, {"toolConfig": {"tools": [SPEC], "toolChoice": {"tool": {"name": "f"}}}}),
    ({"tools": [TOOL, OTHER], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}}}, {"toolConfig": {"tools": [OTHER_SPEC], "toolChoice": {"any": {}}}}),
    ({"tools": [TOOL], "parallel_tool_calls": True}, {"toolConfig": {"tools": [SPEC]}}),
    ({"tools": [TOOL], "parallel_tool_calls": False}, {"toolConfig": {"tools": [SPEC]}, "additionalModelRequestFields": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}}),
    ({"tools": [TOOL], "parallel_tool_calls": False, "tool_choice": {"type": "function", "function": {"name": "f"}}}, {"toolConfig": {"tools": [SPEC]}, "additionalModelRequestFields": {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}}}),
    ({"tool_choice": "none"}, {}),
    ({"response_format": {"type": "text"}}, {}),
    ({"response_format": JSON_SCHEMA}, {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(SHUT, separators=(",", ":")), "name": "n", "description": "d"}}}}}),
    ({"n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": False, "store": False}, {}),
    ({"stream": True, "stream_options": {"include_usage": True}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), CARRIED)
def test_what_converse_has_a_word_for_is_carried(fields, expected):
    done = written(openai_chat, fields)
    assert (done.dropped, done.defaulted) == ([], [])
    assert json.loads(done.body) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}], **expected}


REFUSED: list[tuple[dict[str, Any], Abilities, str]] = [
    ({"seed": 1}, CLAUDE, "seed"),
    ({"n": 2}, CLAUDE, "n"),
    ({"temperature": 1.5}, CLAUDE, "temperature"),
    ({"temperature": 0.5}, of(CLAUDE, Profile(sampling=False)), "temperature"),
    ({"stop": ["x"]}, of(CLAUDE, Profile(stop=False)), "stop"),
    ({"logit_bias": {"1": 2}}, CLAUDE, "logit_bias"),
    ({"logprobs": True}, CLAUDE, "logprobs"),
    ({"frequency_penalty": 0.5}, CLAUDE, "frequency_penalty"),
    ({"verbosity": "low"}, CLAUDE, "verbosity"),
    ({"store": True}, CLAUDE, "store"),
    ({"metadata": {"a": "é"}}, CLAUDE, "metadata"),
    ({"metadata": {"a": "b" * 257}}, CLAUDE, "metadata"),
    ({"response_format": {"type": "json_object"}}, CLAUDE, "response_format"),
    ({"tools": [{"type": "custom", "custom": {"name": "g"}}]}, CLAUDE, "tools[0]"),
    ({"tools": [TOOL], "parallel_tool_calls": False}, NOVA, "parallel_tool_calls"),
    ({"tools": [TOOL], "tool_choice": "required"}, of(CLAUDE, Profile(forced_tools=False)), "tool_choice"),
    ({"reasoning_effort": "none"}, of(CLAUDE, Profile(thinking=("adaptive",))), "reasoning_effort"),
    ({"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}], "tools": [TOOL], "tool_choice": "none"}, CLAUDE, "tool_choice"),
    ({"messages": [USER, {"role": "system", "content": "later"}]}, CLAUDE, "messages[1]"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]}, CLAUDE, "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AA=="}}]}]}, CLAUDE, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, CLAUDE, "messages[0].content[0].file.file_id"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/zip;base64,AA=="}}]}]}, CLAUDE, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "amr"}}]}]}, CLAUDE, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}]}, CLAUDE, "messages[0].content[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "to", "param"), REFUSED)
def test_what_converse_has_no_word_for_is_refused_by_name_or_left_out_by_permission(fields, to, param):
    with pytest.raises(BadRequest) as refused:
        written(openai_chat, fields, to)
    assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")
    assert to.name in refused.value.message
    dropped = written(openai_chat, fields, to, drop=True)
    assert param in dropped.dropped and json.loads(dropped.body)["messages"] is not None


def test_hints_are_left_out_and_said_so():
    fields = {
        "messages": [{**USER, "name": "bob"}],
        "prompt_cache_key": "k",
        "prediction": {"type": "content", "content": "x"},
        "user": "ä",
        "service_tier": "scale",
    }
    assert set(written(openai_chat, fields).dropped) == {"messages[0].name", "prompt_cache_key", "prediction", "user", "service_tier"}  # fmt: skip


def test_tools_that_may_not_be_called_are_left_out():
    done = written(openai_chat, {"tools": [TOOL], "tool_choice": "none"})
    assert "toolConfig" not in json.loads(done.body) and done.dropped == ["tools", "tool_choice"]


EFFORTS: list[tuple[dict[str, Any], Abilities, dict[str, Any]]] = [
    ({"reasoning_effort": "high"}, CLAUDE, {"outputConfig": {"effort": "high"}}),
    ({"reasoning_effort": "none"}, CLAUDE, {}),
    ({"reasoning_effort": "high"}, of(CLAUDE, ADAPTIVE), {"outputConfig": {"effort": "high"}, "additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}),
    ({"reasoning_effort": "none"}, of(CLAUDE, ADAPTIVE), {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}}),
    ({"reasoning_effort": "low"}, of(CLAUDE, BUDGET), {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}}),
    ({"reasoning_effort": "high"}, of(Abilities("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", "aws/x"), ADAPTIVE), {"outputConfig": {"effort": "high"}, "additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}),
    ({"reasoning_effort": "medium"}, NOVA, {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}}),
    ({"reasoning_effort": "minimal"}, NOVA, {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}}),
    ({"reasoning_effort": "none"}, NOVA, {}),
    ({"reasoning_effort": "low"}, GPT, {"additionalModelRequestFields": {"reasoning_effort": "low"}}),
    ({"reasoning_effort": "low"}, LLAMA, {"outputConfig": {"effort": "low"}}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "to", "expected"), EFFORTS)
def test_efforts_go_where_each_family_has_them(fields, to, expected):
    done = written(openai_chat, fields, to)
    assert (done.dropped, done.defaulted) == ([], [])
    assert {name: value for name, value in json.loads(done.body).items() if name != "messages"} == expected


@pytest.mark.parametrize(
    ("fields", "param", "left"),
    [
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice", {"toolConfig": {"tools": [SPEC]}}),
        (
            {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
            "tool_choice",
            {
                "toolConfig": {"tools": [SPEC]},
                "additionalModelRequestFields": {
                    "thinking": {"type": "enabled", "budget_tokens": 2048},
                    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
                },
            },
        ),
        ({"temperature": 0.2}, "temperature", {}),
        ({"top_p": 0.5}, "top_p", {}),
    ],
)
def test_what_may_not_stand_beside_thinking_is_refused_by_name(fields, param, left):
    asked = {**fields, "reasoning_effort": "low"}
    with pytest.raises(BadRequest) as refused:
        written(openai_chat, asked, of(CLAUDE, BUDGET))
    assert refused.value.param == param
    done = written(openai_chat, asked, of(CLAUDE, BUDGET), drop=True)
    assert done.dropped == [param]
    thinking = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}}
    assert json.loads(done.body) == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        **thinking,
        **left,
    }


def test_a_top_k_may_not_stand_beside_thinking():
    asked = {"top_k": 5, "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}}
    with pytest.raises(BadRequest) as refused:
        written(anthropic_messages, asked, of(CLAUDE, BUDGET))
    assert refused.value.param == "top_k"


def test_a_turn_that_began_without_its_thought_goes_on_without_thinking():
    turns = [USER, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}]
    done = written(openai_chat, {"messages": turns, "tools": [TOOL], "reasoning_effort": "low"}, of(CLAUDE, BUDGET))
    assert "additionalModelRequestFields" not in json.loads(done.body) and done.dropped == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("to", "given", "carried", "dropped"),
    [
        (CLAUDE, ["context-1m-2025-08-07"], ["context-1m-2025-08-07"], []),
        (CLAUDE, ["claude-code-20250219", "interleaved-thinking-2025-05-14"], ["interleaved-thinking-2025-05-14"], ["anthropic-beta"]),
        (CLAUDE, ["claude-code-20250219", 5], None, ["anthropic-beta"]),
        (of(CLAUDE, ADAPTIVE), ["interleaved-thinking-2025-05-14"], None, ["anthropic-beta"]),
        (NOVA, ["context-1m-2025-08-07"], None, ["anthropic-beta"]),
    ],
)  # fmt: skip
def test_betas_that_bedrock_knows_are_carried(to, given, carried, dropped):
    request = anthropic_messages.read_request(json.dumps({"model": "m", "messages": [USER], "max_tokens": 5}).encode())
    assert request.extra is not None
    request.extra.fields["anthropic-beta"] = given  # as it is read from the header
    done = converse.write_request(request, to, drop=False)
    more = json.loads(done.body).get("additionalModelRequestFields", {})
    assert (more.get("anthropic_beta"), done.dropped) == (carried, dropped)


def test_an_effort_that_the_model_lacks_becomes_the_nearest_and_that_is_said():
    done = written(openai_chat, {"reasoning_effort": "xhigh"}, NOVA)
    assert done.defaulted == ["reasoning_effort=high"]


THINKING: list[tuple[dict[str, Any], Abilities, dict[str, Any], list[str]]] = [
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, []),
    ({"thinking": {"type": "adaptive", "display": "omitted"}}, of(CLAUDE, ADAPTIVE), {"thinking": {"type": "adaptive", "display": "omitted"}}, []),
    ({"thinking": {"type": "disabled"}}, of(CLAUDE, ADAPTIVE), {"thinking": {"type": "disabled"}}, []),
    ({"thinking": {"type": "disabled"}}, CLAUDE, {}, []),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, LLAMA, {}, ["thinking.budget_tokens", "thinking"]),
    ({"top_k": 5}, CLAUDE, {"top_k": 5}, []),
    ({"top_k": 5}, NOVA, {"inferenceConfig": {"topK": 5}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "to", "expected", "dropped"), THINKING)
def test_what_messages_say_goes_into_the_fields_of_the_model(fields, to, expected, dropped):
    done = written(anthropic_messages, {"max_tokens": 9000, **fields}, to)
    assert json.loads(done.body).get("additionalModelRequestFields", {}) == expected
    assert set(done.dropped) == set(dropped)


def test_top_k_is_refused_where_nobody_knows_its_name():
    with pytest.raises(BadRequest) as refused:
        written(anthropic_messages, {"max_tokens": 9, "top_k": 5}, LLAMA)
    assert refused.value.param == "top_k"


def test_a_conversation_with_tools_is_carried():
    messages = [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": "b"},
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL, {**CALL, "id": "an id / with signs"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "an id / with signs", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "go on"},
        {"role": "user", "content": "please"},
    ]
    body = from_chat({"messages": messages, "tools": [TOOL]})
    assert body["system"] == [{"text": "a"}, {"text": "b"}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    one, two = body["messages"][1]["content"]
    assert one == {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"b": 1.0, "a": 2}}}
    assert two["toolUse"]["toolUseId"].startswith("tooluse_") and len(two["toolUse"]["toolUseId"]) <= 64
    results = body["messages"][2]["content"]
    assert results[0] == {"toolResult": {"toolUseId": "c1", "content": [{"text": "1"}]}}
    assert results[1]["toolResult"]["toolUseId"] == two["toolUse"]["toolUseId"]
    assert results[2:] == [{"text": "go on"}, {"text": "please"}]
    shorter = from_chat({"messages": messages[:6], "tools": [TOOL]})
    assert shorter["messages"][:2] == body["messages"][:2], "a history that grew says the same of what was"


def test_arguments_that_are_no_object_are_refused_by_their_path():
    broken = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{broken"}}
    with pytest.raises(BadRequest) as refused:
        from_chat({"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [broken]}], "tools": [TOOL]})
    assert refused.value.param == "messages[1].tool_calls[0].function.arguments"


def test_pictures_documents_and_sound_are_carried():
    content = [
        {"type": "text", "text": ""},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA", "detail": "high"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "my  report.v2.pdf"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBF"}},
        {"type": "file", "file": {"file_data": "data:text/markdown;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    ]
    done = written(openai_chat, {"messages": [{"role": "user", "content": content}]})
    assert json.loads(done.body)["messages"][0]["content"] == [
        {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
        {"document": {"name": "my report-v2-pdf", "format": "pdf", "source": {"bytes": "JVBE"}}},
        {"document": {"name": "document", "format": "pdf", "source": {"bytes": "JVBF"}}},
        {"document": {"name": "document 2", "format": "md", "source": {"bytes": "AAAA"}}},
        {"audio": {"format": "wav", "source": {"bytes": "UklG"}}},
    ]
    assert done.dropped == ["messages[0].content[1].image_url.detail"]
    assert [told.partition("=")[0] for told in done.defaulted] == [f"messages[0].content[{i}].name" for i in (2, 3, 4)]


MESSAGES: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}, "title": "t", "citations": {"enabled": True}, "context": "c"},
        ],
    },
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "anthropics"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": [{"type": "text", "text": "no"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}]},
        ],
    },
]  # fmt: skip


def test_messages_of_anthropic_are_carried():
    fields = {"max_tokens": 9, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}], "messages": MESSAGES, "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}]}  # fmt: skip
    done = written(anthropic_messages, fields, of(CLAUDE, ADAPTIVE))
    body = json.loads(done.body)
    assert body["system"] == [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body["toolConfig"] == {"tools": [SPEC, {"cachePoint": {"type": "default"}}]}
    assert body["messages"][0]["content"] == [
        {"text": "look"},
        {"cachePoint": {"type": "default"}},
        {"document": {"name": "t", "format": "txt", "source": {"bytes": "w6k="}, "context": "c", "citations": {"enabled": True}}},
    ]  # fmt: skip
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "t1", "status": "error", "content": [{"text": "no"}, {"image": {"format": "png", "source": {"bytes": "iVBO"}}}]}}
    ]  # fmt: skip
    assert done.dropped == ["messages[1].content[0]"], "another's proof is never sent"
    plain = written(anthropic_messages, fields)
    assert "cachePoint" not in plain.body.decode()
    assert {"system[0].cache_control", "tools[0].cache_control", "messages[0].content[0].cache_control"} <= set(plain.dropped)  # fmt: skip


THOUGHTFUL: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
        {"text": "It is"},
        {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"b": 1.0, "a": 2}}},
        {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}},
    ]}},
    "stopReason": "tool_use",
    "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 15, "cacheReadInputTokens": 8},
    "metrics": {"latencyMs": 5},
}  # fmt: skip


@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages])
def test_thoughts_come_back_through_another_format_with_their_proofs(dialect):
    """An answer of Bedrock's, shown to a client of another API, sent back by it, and told to Bedrock again."""
    reply = converse.read_reply(json.dumps(THOUGHTFUL).encode())
    reply.id, reply.model = "id", "m"
    shown = json.loads(dialect.write_reply(reply))
    (vendor.check_chat if dialect is openai_chat else vendor.check_message)(dialect.write_reply(reply))
    turn = (
        shown["choices"][0]["message"] if dialect is openai_chat else {"role": "assistant", "content": shown["content"]}
    )
    tools = [TOOL] if dialect is openai_chat else [{"name": "f", "input_schema": {"type": "object"}}]
    done = written(dialect, {"max_tokens": 9, "messages": [USER, turn], "tools": tools})
    assert json.loads(done.body)["messages"][1]["content"] == THOUGHTFUL["output"]["message"]["content"]
    assert done.dropped == []


def test_a_foreign_proof_travels_through_converse_and_is_never_sent_to_bedrock():
    document = {"id": "i", "type": "message", "role": "assistant", "model": "m", "content": MESSAGES[1]["content"], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}}  # fmt: skip
    shown = json.loads(converse.write_reply(anthropic_messages.read_reply(json.dumps(document).encode())))
    body = json.dumps(
        {"messages": [{"role": "user", "content": [{"text": "hi"}]}, shown["output"]["message"]]}
    ).encode()
    home = anthropic_messages.write_request(converse.read_request(body), Abilities("m", "a/m"), drop=False)
    assert json.loads(home.body)["messages"][1]["content"] == MESSAGES[1]["content"]
    away = converse.write_request(converse.read_request(body), CLAUDE, drop=False)
    assert b"anthropics" not in away.body and away.dropped == ["messages[1].content[0]"]


@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages])
def test_recorded_requests_are_told_to_others_or_refused_by_name(dialect):
    told = refused = 0
    for request in recorded_converse.requests():
        try:
            done = dialect.write_request(
                converse.read_request(json.dumps(request).encode()), Abilities("m", "p/m"), drop=False
            )
        except BadRequest as error:
            assert error.param and error.code == "unsupported_parameter"
            refused += 1
            continue
        again = converse.write_request(dialect.read_request(done.body), LLAMA, drop=True)
        assert said(json.loads(again.body)) == said(request)
        told += 1
    assert told >= 30 and refused <= 7, "only what has guardrails, or fields of the model alone, cannot be told"


def said(request: dict[str, Any]) -> list[Any]:
    """Every text, call and result of a request, in order; results as the text they are for a model."""
    found: list[Any] = [block["text"] for block in request.get("system", [])]
    for message in request["messages"]:
        for block in message["content"]:
            if "toolResult" in block:
                for one in block["toolResult"]["content"]:
                    found.append(one["text"] if "text" in one else json.dumps(one["json"]))
            else:
                found.append(block)
    return [json.dumps(json.loads(one)) if isinstance(one, str) and one.startswith("{") else one for one in found]


@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages])
def test_recorded_answers_are_told_to_others(dialect):
    request = dialect.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": [USER]}).encode())
    for document in recorded_converse.wholes():
        reply = converse.read_reply(json.dumps(document).encode())
        reply.id, reply.model = "id", "m"
        back = dialect.read_reply(dialect.write_reply(reply))
        assert (back.choices[0].parts, back.usage, back.choices[0].finish) == (reply.choices[0].parts, reply.usage, reply.choices[0].finish)  # fmt: skip
    for stream in recorded_converse.streams():
        chunks = converse.reader().feed(stream)
        writer = dialect.writer(request)
        reader = dialect.reader()
        back = fold(reader.feed(writer.write(chunks) + writer.close()))
        whole = fold(chunks)
        assert reader.ended and (back.choices[0].parts, back.choices[0].finish) == (whole.choices[0].parts, whole.choices[0].finish)  # fmt: skip
