"""Responses: every recorded exchange read and written again, and what becomes of items that others have no word for."""

import json
from typing import Any

import pytest

from headgate.core.chat import Choice, Citation, Refusal, Reply, Text, Thinking, ToolCall
from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.dialects.base import Abilities, Profile
from headgate.dialects.opaque import unwrap
from headgate.dialects.responses_words import NAME
from tests.dialects.recorded import dumped, every

TO = Abilities("gpt-5.5", "openai/gpt-5.5", reasoning=True)
USER = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1.0, "b": 12345678901234567890}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "r"}


def recorded() -> list[dict[str, Any]]:
    rows = [row for row in every("openai") if row["request"]["path"] == "/v1/responses"]
    assert len(rows) == 99
    return rows


def asked(*items: Any, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": list(items), **fields}).encode()


def again(body: bytes) -> Any:
    request = openai_responses.read_request(body)
    return json.loads(openai_responses.write_request(request, Abilities("m", "p/m"), drop=False).body)


def written(source: Any, body: dict[str, Any], to: Abilities = TO, *, drop: bool = False) -> tuple[Any, Any]:
    """What goes to the Responses API of a request in another dialect."""
    told = openai_responses.write_request(source.read_request(json.dumps(body).encode()), to, drop=drop)
    return json.loads(told.body), told


def test_every_recorded_request_is_written_as_it_came():
    for row in recorded():
        body = row["request"]["body"]
        request = openai_responses.read_request(dumped(body))
        told = openai_responses.write_request(request, Abilities(body["model"], "p/m"), drop=False)
        assert json.loads(told.body) == body
        assert not told.dropped and not told.defaulted
        assert openai_responses.envelope(dumped(body)).model == body["model"]


def test_every_recorded_reply_is_written_as_it_came_and_counted_by_its_own_figures():
    replies = [
        row["response"]["body"] for row in recorded() if row["response"]["status"] == 200 and "body" in row["response"]
    ]
    assert len(replies) == 65
    for body in replies:
        reply, seen = openai_responses.read_reply(dumped(body)), openai_responses.sniff(dumped(body))
        assert json.loads(openai_responses.write_reply(reply)) == body
        assert (seen.usage, seen.finish, seen.id) == (reply.usage, reply.choices[0].finish, body["id"])
        said = body["usage"]
        assert reply.usage == Usage(
            said["input_tokens"],
            said["output_tokens"],
            said["input_tokens_details"]["cached_tokens"],
            0,
            said["output_tokens_details"]["reasoning_tokens"],
            searches=sum(item["type"] == "web_search_call" for item in body["output"]),
        )
        assert reply.usage is not None and reply.usage.total == said["total_tokens"]


@pytest.mark.parametrize("other", [openai_chat, anthropic_messages])
def test_recorded_replies_survive_another_dialect(other):
    """A call, its arguments and every text stand in what another dialect prints, and come back from it."""
    for row in recorded():
        body = row["response"].get("body")
        if row["response"]["status"] != 200 or body is None:
            continue
        first = openai_responses.read_reply(dumped(body))
        second = other.read_reply(other.write_reply(first))
        assert text_of(second) == text_of(first)
        assert calls_of(second) == calls_of(first)
        assert second.choices[0].finish == first.choices[0].finish


def text_of(reply: Reply) -> str:
    return "".join(part.text for part in reply.choices[0].parts if isinstance(part, Text))


def calls_of(reply: Reply) -> list[tuple[str, str, str]]:
    return [(p.id, p.name, p.arguments) for p in reply.choices[0].parts if isinstance(p, ToolCall)]


@pytest.mark.parametrize(
    "body",
    [
        asked(USER),
        asked(USER, store=False, metadata={"a": "b"}, stream=True, include=["file_search_call.results"]),
        asked(USER, reasoning={"effort": "low", "summary": "auto", "context": "auto"}, text={"verbosity": "low"}),
        asked(USER, reasoning={}, text={}),
        asked(USER, text={"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}),
        asked(USER, tools=[{"type": "web_search"}, {"type": "custom", "name": "x"}], tool_choice={"type": "web_search"}),
        asked(
            USER,
            tools=[{"type": "function", "name": "f", "parameters": None, "strict": None, "defer_loading": True}],
            tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        asked(USER, user="u", safety_identifier="s"),
        asked(USER, safety_identifier="s", prompt_cache_key="k", service_tier="flex", top_logprobs=3),
        asked({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]}, USER),
        asked(
            {
                "role": "user",
                "content": [
                    {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "high"},
                    {"type": "input_image", "file_id": "file-1"},
                    {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"},
                    {"type": "input_file", "file_url": "https://x.invalid/a.pdf"},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                    {"type": "input_text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "input_hologram", "x": 1},
                ],
            }
        ),
        asked(
            USER,
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "e"},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                    {"type": "refusal", "refusal": "no"},
                ],
            },
            CALL | {"id": "fc_1", "status": "completed", "namespace": "n"},
            RESULT | {"output": [{"type": "input_text", "text": "r"}, {"type": "input_image", "image_url": "https://x/y"}]},
            {"type": "item_reference", "id": "msg_9"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            {"type": "custom_tool_call", "call_id": "c2", "name": "x", "input": "free text"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "o"},
            {"role": "assistant", "content": "", "phase": "final_answer"},
        ),
        asked(
            USER,
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "output_text",
                        "text": "a",
                        "annotations": [
                            {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 1},
                            {"type": "file_citation", "file_id": "f", "filename": "n", "index": 3},
                        ],
                    }
                ],
            },
        ),
        json.dumps({"model": "m", "previous_response_id": "resp_1", "instructions": ""}).encode(),
        json.dumps({"model": "m", "input": "hi", "background": True, "conversation": "c"}).encode(),
    ],
)  # fmt: skip
def test_what_is_read_is_written_as_it_came(body):
    assert again(body) == json.loads(body)


def test_a_turn_of_the_model_is_one_message_elsewhere():
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
        {"role": "assistant", "content": "Let me see."},
        CALL,
        CALL | {"call_id": "c2"},
    ]
    request = openai_responses.read_request(asked(USER, *items, RESULT, RESULT | {"call_id": "c2"}, instructions="be"))
    told = openai_chat.write_request(request, Abilities("m", "p/m"), drop=False)
    messages = json.loads(told.body)["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "tool"]
    assert [call["id"] for call in messages[2]["tool_calls"]] == ["c1", "c2"]
    assert messages[2]["tool_calls"][0]["function"]["arguments"] == CALL["arguments"]
    assert told.dropped == ["input[1]"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (asked(USER, {"type": "item_reference", "id": "msg_1"}), "input[1]"),
        (asked(USER, {"type": "web_search_call", "id": "ws_1"}), "input[1]"),
        (asked({"role": "user", "content": [{"type": "input_hologram"}]}), "input[0].content[0]"),
        (asked(USER, tools=[{"type": "web_search"}]), "tools[0]"),
        (asked(USER, previous_response_id="resp_1"), "previous_response_id"),
        (asked(USER, background=True), "background"),
        (asked(USER, include=["file_search_call.results"]), "include"),
        (asked(USER, truncation="auto"), "truncation"),
        (asked(USER, invented=1), "invented"),
    ],
)
def test_what_others_have_no_word_for_is_refused_where_it_stands(body, param):
    with pytest.raises(BadRequest) as refused:
        anthropic_messages.write_request(openai_responses.read_request(body), Abilities("m", "p/m"), drop=False)
    assert refused.value.param == param
    told = anthropic_messages.write_request(openai_responses.read_request(body), Abilities("m", "p/m"), drop=True)
    assert param in told.dropped


def test_defaults_pass_in_silence():
    body = asked(
        USER, truncation="disabled", background=False, store=True, service_tier="auto", include=["reasoning.encrypted_content"],
        text={"format": {"type": "text"}, "verbosity": "medium"}, tool_choice="auto", top_logprobs=0, metadata={"a": "b"},
    )  # fmt: skip
    told = anthropic_messages.write_request(openai_responses.read_request(body), Abilities("m", "p/m"), drop=False)
    assert told.dropped == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": ""}]}, "input[0].call_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
        ({"input": "x", "temperature": 3}, "temperature"),
        ({"input": "x", "top_logprobs": 21}, "top_logprobs"),
        ({"input": "x", "tool_choice": "perhaps"}, "tool_choice"),
        ({"input": "x", "tools": [{"name": "f"}]}, "tools[0].type"),
    ],
)
def test_what_the_format_forbids_is_the_callers_fault(fields, param):
    with pytest.raises(BadRequest) as refused:
        openai_responses.read_request(json.dumps({"model": "m", **fields}).encode())
    assert refused.value.param == param


@pytest.mark.parametrize("body", [b'{"model":"m"}', b'{"model":"m","input":[]}', b'{"model":"","input":"x"}'])
def test_an_envelope_needs_a_model_and_something_to_answer(body):
    with pytest.raises(BadRequest):
        openai_responses.envelope(body)


def test_an_envelope_is_patched_in_its_own_words():
    envelope = openai_responses.envelope(b'{"model":"m", "input":"x", "max_output_tokens":50,"user":"u","store":false}')
    assert (envelope.max_tokens, envelope.user, envelope.store) == (50, "u", False)
    assert envelope.patched("m") == envelope.body
    patched = json.loads(envelope.patched("n", max_tokens=20))
    assert patched == {"model": "n", "input": "x", "max_output_tokens": 20, "user": "u", "store": False}


def test_a_chat_request_is_written_stateless_and_strict_only_where_asked():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body, told = written(
        openai_chat,
        {
            "model": "m",
            "messages": [{"role": "developer", "content": "be"}, USER],
            "tools": [tool],
            "max_completion_tokens": 9,
            "reasoning_effort": "high",
            "verbosity": "low",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
            "safety_identifier": "s",
            "logprobs": True,
            "top_logprobs": 2,
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        },
    )
    assert body == {
        "model": "gpt-5.5",
        "input": [{"role": "developer", "content": "be"}, USER],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "tool_choice": {"type": "function", "name": "f"},
        "max_output_tokens": 9,
        "reasoning": {"effort": "high"},
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
        "safety_identifier": "s",
        "top_logprobs": 2,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "store": False,
    }
    assert not told.dropped and not told.defaulted


def test_an_effort_is_brought_to_what_the_model_takes():
    to = Abilities("m", "p/m", reasoning=True, profile=Profile(efforts=("low", "medium", "high"), sampling=False))
    body, told = written(openai_chat, {"model": "m", "messages": [USER], "reasoning_effort": "xhigh"}, to)
    assert body["reasoning"] == {"effort": "high"} and told.defaulted == ["reasoning_effort=high"]
    with pytest.raises(BadRequest) as refused:
        written(openai_chat, {"model": "m", "messages": [USER], "temperature": 0.5}, to)
    assert refused.value.param == "temperature"


def test_foreign_proofs_come_back_and_go_no_further():
    thought = Thinking("Let me see.", signature="sig", source="anthropic-messages")
    sealed = Thinking(redacted="blob", source="anthropic-messages")
    reply = Reply(id="x", model="m", choices=[Choice(0, [thought, sealed, Text("Four.")], "stop")], call_id="0198-ab")
    output = json.loads(openai_responses.write_reply(reply))["output"]
    assert [item["type"] for item in output] == ["reasoning", "reasoning", "message"]
    wrapped = [unwrap(item["encrypted_content"]) for item in output[:2]]
    assert [(one.source, one.signature, one.redacted) for one in wrapped if one is not None] == [
        ("anthropic-messages", "sig", None),
        ("anthropic-messages", None, "blob"),
    ]
    request = openai_responses.read_request(asked(USER, *output, USER))
    back = anthropic_messages.write_request(request, Abilities("m", "p/m"), drop=False)
    assert json.loads(back.body)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "Four."},
    ]
    elsewhere = openai_responses.write_request(request, Abilities("m", "p/m"), drop=False)
    assert elsewhere.dropped == ["input[1]", "input[2]"]
    assert b"hg1." not in elsewhere.body


def test_a_thought_that_nothing_proves_is_not_taken_for_openais():
    choice = Choice(0, [Thinking("Let me see."), Text("Four.")], "stop")
    reply = Reply(id="x", model="m", choices=[choice], call_id="0198-ab")
    output = json.loads(openai_responses.write_reply(reply))["output"]
    request = openai_responses.read_request(asked(USER, *output, USER))
    assert isinstance(thought := request.messages[1].parts[0], Thinking)
    assert (thought.text, thought.source, thought.signature) == ("Let me see.", None, None)
    again = openai_responses.write_request(request, Abilities("m", "p/m"), drop=False)
    assert again.dropped == ["input[1]"] and b"Let me see" not in again.body


def test_a_native_proof_goes_back_under_its_name_with_what_it_led_to():
    thought = Thinking("s", signature="gAAA", source=NAME, id="rs_1")
    said = openai_chat.read_request(
        json.dumps({"model": "m", "messages": [USER, {"role": "assistant", "content": "a"}]}).encode()
    )
    said.messages[1].parts.insert(0, thought)
    body = json.loads(openai_responses.write_request(said, TO, drop=False).body)
    assert body["input"][1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "s"}],
            "encrypted_content": "gAAA",
        },
        {"role": "assistant", "content": "a"},
    ]
    said.messages[1].parts = [thought]  # the API refuses a thought that led to nothing
    alone = openai_responses.write_request(said, TO, drop=False)
    assert len(json.loads(alone.body)["input"]) == 1 and len(alone.dropped) == 1


def test_a_reply_repeats_what_was_asked():
    request = openai_responses.read_request(
        asked(
            USER,
            instructions="be",
            temperature=0.5,
            metadata={"a": "b"},
            tools=[{"type": "function", "name": "f"}],
            store=False,
        )
    )
    reply = Reply(id="chatcmpl-1", model="m", created=5, choices=[Choice(0, [Text("x")], "length")], request=request)
    reply.call_id, reply.usage = "01-23", Usage(5, 6, 1, 2, 3)
    body = json.loads(openai_responses.write_reply(reply))
    assert body["id"] == "resp_0123" and body["instructions"] == "be" and body["metadata"] == {"a": "b"}
    assert (
        body["temperature"] == 0.5 and body["tools"] == [{"type": "function", "name": "f"}] and body["store"] is False
    )
    assert body["status"] == "incomplete" and body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2},
        "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 11,
    }


def test_citations_and_refusals_are_told():
    citations = [Citation(url="https://x", title="t", start=0, end=1), Citation(title="doc", source="0", quote="q")]
    parts: list[Any] = [Text("a", citations=citations), Refusal("no")]
    content = json.loads(openai_responses.write_reply(Reply(id="i", model="m", choices=[Choice(0, parts, "stop")])))[
        "output"
    ][0]["content"]
    assert [one["type"] for one in content[0]["annotations"]] == ["url_citation", "file_citation"]
    assert content[1] == {"type": "refusal", "refusal": "no"}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"output":5}',
        b'{"output":[],"status":"failed","error":{"code":"server_error","message":"m"}}',
    ],
)
def test_what_is_no_reply_is_the_providers_fault(body):
    with pytest.raises(UpstreamFailed):
        openai_responses.sniff(body)
    with pytest.raises(UpstreamFailed):
        openai_responses.read_reply(body)
