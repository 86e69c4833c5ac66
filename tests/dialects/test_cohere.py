"""Cohere's chat: what was recorded comes back as it was, and others' conversations are said in its words."""

import json
from typing import Any

import pytest

from headgate.core.chat import Citation, End, Reply, Start, Text, TextDelta, Thinking, ToolCall, ToolDelta
from headgate.core.errors import BadRequest, RateLimited, UpstreamFailed
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, openai_chat
from headgate.dialects.base import Abilities, Written
from headgate.dialects.cohere import CohereChat
from tests.dialects import recorded

cohere = CohereChat()
TO = Abilities("command-x", "co/command-x")
THINKS = Abilities("command-x", "co/command-x", reasoning=True)
WEATHER = {"type": "function", "function": {"name": "w", "parameters": {"type": "object", "properties": {}}}}


def rows() -> list[dict[str, Any]]:
    return [row for row in recorded.every("cohere") if row["api"] == "chat_v2"]


def events(stream: bytes) -> list[tuple[str, Any]]:
    found = []
    for event in stream.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in event.strip().split("\n") if ": " in line)
        if lines:
            data = lines["data"]
            found.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def written(body: bytes, to: Abilities = TO, *, drop: bool = False) -> tuple[dict[str, Any], Written]:
    said = cohere.write_request(openai_chat.read_request(body), to, drop=drop)
    return json.loads(said.body), said


def refused(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        written(body)
    return caught.value


def test_recorded_requests_come_back_as_they_were():
    for row in rows():
        body = row["request"]["body"]
        raw = json.dumps(body).encode()
        said = cohere.write_request(cohere.read_request(raw), Abilities(body["model"], "x"), drop=False)
        assert json.loads(said.body) == body
        assert said.dropped == said.defaulted == []
        envelope = cohere.envelope(raw)
        assert (envelope.model, envelope.stream) == (body["model"], body.get("stream", False))
        assert json.loads(envelope.patched("other")) == {**body, "model": "other"}
    assert len(rows()) == 18


def test_recorded_replies_come_back_as_they_were():
    seen = 0
    for row in rows():
        body = row["response"].get("body")
        if body is not None:
            seen += 1
            raw = json.dumps(body).encode()
            reply = cohere.read_reply(raw)
            assert json.loads(cohere.write_reply(reply)) == body
            billed = body["usage"]["billed_units"]
            sniffed = cohere.sniff(raw)
            assert sniffed.usage == reply.usage and reply.usage is not None
            assert (reply.usage.input, reply.usage.output) == (billed["input_tokens"], billed["output_tokens"])
            assert (sniffed.id, sniffed.finish) == (body["id"], reply.choices[0].finish)
    assert seen == 8


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_recorded_streams_are_relayed_and_read_alike(size):
    seen = 0
    for row in rows():
        text = row["response"].get("text")
        if not text:
            continue
        seen += 1
        stream = text.encode()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        tap, reader = cohere.tap(hide_usage=True), cohere.reader()
        out = b"".join(map(tap.feed, pieces)) + tap.close()
        assert events(out) == events(stream)
        chunks = [chunk for piece in pieces for chunk in reader.feed(piece)] + reader.close()
        for watch in (tap, reader):
            assert watch.ended and watch.started and watch.failure is None
        assert (tap.usage, tap.finish, tap.text_bytes) == (reader.usage, reader.finish, reader.text_bytes)
        last = events(stream)[-2][1]["delta"]
        assert tap.usage is not None and tap.usage.output == last["usage"]["billed_units"]["output_tokens"]
        writer = cohere.writer(cohere.read_request(json.dumps(row["request"]["body"]).encode()))
        again = events(writer.write(chunks) + writer.close())
        for one in (again, given := events(stream)):
            del one[-2][1]["delta"]["usage"]  # what is billed is all that is told again
        assert again == given
    assert seen == 10


def test_the_cached_share_is_that_of_what_is_billed():
    usage = {"billed_units": {"input_tokens": 12.0, "output_tokens": 5.0}, "tokens": {"input_tokens": 212}}
    reply = {"id": "i", "message": {"role": "assistant", "content": []}, "finish_reason": "COMPLETE"}
    for cached, share in ((208, 8), (100, 0), (500, 12), (None, 0)):
        body = json.dumps({**reply, "usage": {**usage, "cached_tokens": cached}}).encode()
        assert cohere.sniff(body).usage == Usage(12, 5, share)
    assert cohere.sniff(json.dumps({**reply, "usage": {"tokens": {"input_tokens": 3}}}).encode()).usage == Usage(3)
    for odd in ({"billed_units": {"input_tokens": -1}}, {"billed_units": {"input_tokens": 1e300}}, {}, None, "x"):
        assert cohere.sniff(json.dumps({**reply, "usage": odd}).encode()).usage is None


def test_a_chat_in_its_words():
    body, said = written(
        chat(
            max_completion_tokens=9, top_p=0.5, stop=["a"], seed=3, frequency_penalty=0.5, temperature=0.1,
            messages=[
                {"role": "developer", "content": "be brief"},
                {"role": "user", "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": {"url": "https://x/i.png", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                ]},
                {"role": "assistant", "content": None, "reasoning": "I will look.", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "w", "arguments": '{"a": 1.0}'}},
                ]},
                {"role": "tool", "tool_call_id": "c", "content": "sun"},
                {"role": "assistant", "content": "sunny", "reasoning": "it shines"},
            ],
            tools=[WEATHER], tool_choice="required", user="u",
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        )
    )  # fmt: skip
    assert body == {
        "model": "command-x",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "https://x/i.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ]},
            {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "w", "arguments": '{"a": 1.0}'}},
            ]},
            {"role": "tool", "tool_call_id": "c", "content": "sun"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "it shines"}, {"type": "text", "text": "sunny"},
            ]},
        ],
        "max_tokens": 9, "p": 0.5, "stop_sequences": ["a"], "seed": 3, "frequency_penalty": 0.5, "temperature": 0.1,
        "tools": [WEATHER], "tool_choice": "REQUIRED",
        "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
    }  # fmt: skip
    assert said.dropped == ["user"]


def test_a_plan_that_was_shown_goes_back_as_a_plan():
    reply = {"id": "i", "finish_reason": "TOOL_CALL", "message": {
        "role": "assistant", "tool_plan": "I will look.",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "w", "arguments": "{}"}}],
    }}  # fmt: skip
    shown = json.loads(openai_chat.write_reply(cohere.read_reply(json.dumps(reply).encode())))["choices"][0]["message"]
    assert shown["reasoning"] == "I will look."
    answer = {"role": "tool", "tool_call_id": "c", "content": "x"}
    body, said = written(chat(messages=[{"role": "user", "content": "q"}, shown, answer]))
    assert body["messages"][1] == reply["message"] and said.dropped == []


def test_the_whole_of_top_p_is_the_most_that_may_be_said():
    body, said = written(chat(top_p=1, temperature=1))
    assert (body["p"], body["temperature"], said.defaulted) == (0.99, 1, ["top_p=0.99"])


def test_proofs_of_others_are_left_out_and_told():
    thought = {"type": "thinking", "thinking": "t", "signature": "s"}
    turn = {"role": "assistant", "content": [thought, {"type": "text", "text": "x"}]}
    history = [{"role": "user", "content": "q"}, turn]
    request = anthropic_messages.read_request(chat(max_tokens=5, messages=history))
    said = cohere.write_request(request, TO, drop=False)
    assert json.loads(said.body)["messages"][1] == {"role": "assistant", "content": "x"}
    assert said.dropped == ["messages[1].content[0]"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"frequency_penalty": -0.5}, "frequency_penalty"),
        ({"presence_penalty": 1.5}, "presence_penalty"),
        ({"stop": list("abcd"), "top_logprobs": 2, "logprobs": True}, "top_logprobs"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "w"}}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "x", "name": "bob"}]}, "messages[0].name"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"store": True}, "store"),
        ({"verbosity": "low"}, "verbosity"),
    ],
)
def test_what_it_has_no_word_for_is_refused_by_name(fields, param):
    error = refused(chat(**fields))
    assert (error.param, error.code) == (param, "unsupported_parameter") and "co/command-x" in error.message
    body, said = written(chat(**fields), drop=True)
    assert said.dropped == [param]
    assert cohere.read_request(json.dumps(body).encode()).model == "command-x"


def test_strict_is_all_of_the_tools_or_none():
    def tool(name: str, strict: bool) -> Any:
        return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}, "strict": strict}}

    assert written(chat(tools=[tool("a", True), tool("b", True)]))[0]["strict_tools"] is True
    assert "strict_tools" not in written(chat(tools=[tool("a", False)]))[0]
    assert refused(chat(tools=[tool("a", False), tool("b", True)])).param == "tools[1].function.strict"
    both = chat(tools=[tool("a", False), tool("b", True)])
    assert written(both, drop=True)[1].dropped == ["tools[1].function.strict"]


def test_how_hard_to_think():
    for effort, thinking in (
        ("high", {"type": "enabled"}),
        ("low", {"type": "enabled", "token_budget": 2048}),
        ("none", {"type": "disabled"}),
    ):
        assert written(chat(reasoning_effort=effort), THINKS)[0]["thinking"] == thinking
    assert "thinking" not in written(chat(reasoning_effort="none"))[0]
    assert "thinking" not in written(chat(), THINKS)[0]


def test_citations_stand_with_their_text():
    said = {"start": 0, "end": 3, "text": "sun", "type": "TEXT_CONTENT", "content_index": 1,
            "sources": [{"type": "document", "id": "d", "document": {"title": "T", "url": "u", "snippet": "s"}}]}  # fmt: skip
    plan = {"start": 0, "end": 1, "text": "I", "type": "PLAN", "sources": []}
    reply = {"id": "i", "finish_reason": "COMPLETE", "message": {
        "role": "assistant", "tool_plan": "I see",
        "content": [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "sunny"}],
        "citations": [said, plan],
    }}  # fmt: skip
    read = cohere.read_reply(json.dumps(reply).encode())
    text = read.choices[0].parts[2]
    assert isinstance(text, Text) and text.citations is not None
    one = text.citations[0]
    assert (one.title, one.url, one.quote, one.source, one.start, one.end) == ("T", "u", "s", "d", 0, 3)
    assert json.loads(cohere.write_reply(read)) == reply
    other = Reply(id="i", model="m", choices=[])
    other.choices = fold([TextDelta("sunny"), End("stop")]).choices
    part = other.choices[0].parts[0]
    assert isinstance(part, Text)
    part.citations = [Citation(url="u", title="T", start=0, end=3)]
    assert json.loads(cohere.write_reply(other))["message"]["citations"] == [
        {"start": 0, "end": 3, "text": "sun", "type": "TEXT_CONTENT",
         "sources": [{"type": "document", "id": "u", "document": {"title": "T", "url": "u"}}]}
    ]  # fmt: skip


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def content(at: int, **said: str) -> bytes:
    return event("content-delta", index=at, delta={"message": {"content": said}})


STREAM = (
    event("message-start", id="i", delta={"message": {"role": "assistant"}})
    + event("content-start", index=0, delta={"message": {"content": {"type": "thinking", "thinking": ""}}})
    + content(0, thinking="hm")
    + event("content-end", index=0)
    + event("content-start", index=1, delta={"message": {"content": {"type": "text", "text": ""}}})
    + content(1, text="sun")
    + event("citation-start", index=0, delta={"message": {"citations": {"start": 0, "end": 3, "text": "sun", "sources": []}}})
    + event("citation-end", index=0)
    + event("content-end", index=1)
    + event("tool-call-start", index=4, delta={"message": {"tool_calls": {"id": "c", "type": "function", "function": {"name": "w", "arguments": ""}}}})
    + event("tool-call-delta", index=4, delta={"message": {"tool_calls": {"function": {"arguments": "{}"}}}})
    + event("tool-call-end", index=4)
)  # fmt: skip


def end(reason: str, **more: Any) -> bytes:
    return event("message-end", delta={"finish_reason": reason, **more})


def test_a_stream_with_everything():
    reader = cohere.reader()
    reader.model = "command-x"
    chunks = reader.feed(STREAM + end("TOOL_CALL", usage={"billed_units": {"input_tokens": 1, "output_tokens": 2}}))
    reply = fold(chunks)
    assert (reply.id, reply.model, reply.usage) == ("i", "command-x", Usage(1, 2))
    thought, text, call = reply.choices[0].parts
    assert isinstance(thought, Thinking) and thought.text == "hm"
    assert isinstance(text, Text) and text.text == "sun" and text.citations is not None
    assert isinstance(call, ToolCall) and (call.id, call.name, call.arguments) == ("c", "w", "{}")
    assert (reply.choices[0].finish, reply.choices[0].native) == ("tool_calls", "TOOL_CALL")
    writer = cohere.writer(cohere.read_request(chat(thinking={"type": "enabled"})))
    assert [one["type"] for _, one in events(writer.write(chunks))] == [
        "message-start", "content-start", "content-delta", "content-end", "content-start", "content-delta",
        "citation-start", "citation-end", "content-end", "tool-call-start", "tool-call-delta", "tool-call-end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"", 502),
        (b"data: [DONE]\n\n", 502),
        (end("ERROR", error="the model broke"), 502),
        (end("ERROR", usage={"billed_units": {"input_tokens": 1, "output_tokens": 2}}), 502),
        (end("TIMEOUT"), 504),
        (b'data: {"message":"too many requests"}\n\n', 502),
        (b"event: error\ndata: oops\n\n", 502),
        (b"data: {\n\ndata: {\n\n", 502),
    ],
)
def test_a_stream_that_breaks_is_a_failure(rest, status):
    for watch in (cohere.tap(hide_usage=False), cohere.reader()):
        watch.feed(STREAM + rest)
        watch.close()
        assert watch.failure is not None and watch.failure.status == status and not watch.ended
        assert watch.failure.usage == watch.usage and (watch.usage is not None) is (b"input_tokens" in rest)


def test_a_tap_gives_the_terminator_that_is_missing_and_nothing_past_the_end():
    tap = cohere.tap(hide_usage=False)
    assert tap.feed(STREAM + end("COMPLETE")) == STREAM + end("COMPLETE") + b"data: [DONE]\n\n"
    assert tap.feed(b"data: [DONE]\n\n") == b"" == tap.close()


def test_a_whole_reply_that_failed_is_a_failure():
    for reason, status in (("ERROR", 502), ("TIMEOUT", 504)):
        body = json.dumps({"id": "i", "message": {"role": "assistant"}, "finish_reason": reason}).encode()
        for read in (cohere.sniff, cohere.read_reply):
            with pytest.raises(UpstreamFailed) as caught:
                read(body)
            assert caught.value.status == status
    for body in (b"", b"{}", b"[]", b'{"message":"x"}', b'{"message":[]}'):
        with pytest.raises(UpstreamFailed):
            cohere.sniff(body)


@pytest.mark.parametrize(
    ("status", "message", "code", "retry"),
    [
        (400, "invalid request: tokens", "upstream_bad_request", False),
        (401, "invalid api token", "upstream_auth_error", True),
        (404, "model 'x' not found", "upstream_model_not_found", True),
        (422, "unknown field: parameter 'x' is not a valid field", "upstream_bad_request", False),
        (429, "You are past the per minute request limit", "upstream_rate_limited", True),
        (
            429,
            "You are using a Trial key, which is limited to 1000 API calls / month.",
            "upstream_quota_exhausted",
            True,
        ),
        (498, "invalid token", "upstream_auth_error", True),
        (499, "request cancelled", "upstream_error", True),
        (500, "internal server error", "upstream_error", True),
        (503, "service unavailable", "upstream_unavailable", True),
    ],
)
def test_errors(status, message, code, retry):
    error = cohere.read_error(status, [], json.dumps({"id": "i", "message": message}).encode())
    assert (error.code, error.retry, error.upstream_status) == (code, retry, status)
    if status == 498:  # a full queue elsewhere
        assert not error.same_target


def test_its_clients_get_its_errors():
    error = RateLimited("slow down", param="x")
    assert json.loads(cohere.write_error(error, "r")) == {
        "id": "r", "message": "slow down", "code": "rate_limit_exceeded", "param": "x",
    }  # fmt: skip
    tap = cohere.tap(hide_usage=False)
    assert tap.feed(cohere.write_stream_error(error, "r")) == b"" and tap.failure is not None


def test_log_probabilities_have_openais_form():
    told = [
        {"text": "a", "token_ids": [1], "logprobs": [-0.5]},
        {"text": "bc", "token_ids": [2, 3], "logprobs": [-1, -2]},
    ]
    reply = {"id": "i", "message": {"role": "assistant", "content": [{"type": "text", "text": "abc"}]},
             "finish_reason": "COMPLETE", "logprobs": told}  # fmt: skip
    read = cohere.read_reply(json.dumps(reply).encode())
    entries = read.choices[0].logprobs["content"]
    assert [(one["token"], one["logprob"]) for one in entries] == [("a", -0.5), ("bc", -3)]
    assert json.loads(cohere.write_reply(read)) == reply


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": ""}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_what_is_wrong_in_a_request_is_named(fields, param):
    with pytest.raises(BadRequest) as caught:
        cohere.envelope(chat(**fields))
    assert caught.value.param == param
    for more in ({"tool_choice": "auto"}, {"thinking": {"type": "x"}}, {"p": 2}, {"frequency_penalty": -1}):
        with pytest.raises(BadRequest):
            cohere.read_request(chat(**more))


def test_a_call_told_in_pieces_is_printed_in_pieces():
    writer = cohere.writer(cohere.read_request(chat(tools=[WEATHER])))
    assert [one for one, _ in events(writer.write([Start("i", "m")]))] == ["message-start"]
    said = events(writer.write([ToolDelta(0, "a", "w", '{"x'), ToolDelta(0, arguments='":1}'), ToolDelta(1, "b", "w")]))
    assert [one["type"].removeprefix("tool-call-") for _, one in said] == ["start", "delta", "delta", "end", "start"]
    assert [one for one, _ in events(writer.close())] == ["tool-call-end", "message-end", ""]
