"""Replies and streams: a stream says what the whole reply says, in either dialect."""

import json
import random
from itertools import pairwise
from typing import Any

import pytest

from headgate.core.chat import (
    Choice,
    Chunk,
    End,
    Part,
    Refusal,
    Reply,
    Request,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)
from headgate.core.errors import UpstreamFailed
from headgate.core.fold import fold, unfold
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, gemini, openai_chat, wire
from headgate.dialects.anthropic_words import NAME as ANTHROPIC
from headgate.dialects.base import Abilities, Dialect
from headgate.dialects.call_input import INVALID
from headgate.dialects.converse import BedrockConverse
from headgate.dialects.ollama import OllamaChat
from tests.dialects import recorded, vendor

ASKED = Request(model="m", messages=[], stream=True, stream_usage=True)
DIALECTS: list[Dialect] = [openai_chat, anthropic_messages]
DONE = b"data: [DONE]\n\n"


def read(dialect: Dialect, stream: bytes, *cuts: int):
    reader = dialect.reader()
    chunks: list[Chunk] = []
    for a, b in pairwise([0, *cuts, len(stream)]):
        chunks += reader.feed(stream[a:b])
    return chunks + reader.close(), reader


def write(dialect: Dialect, chunks: list[Chunk]) -> bytes:
    writer = dialect.writer(ASKED)
    return writer.write(chunks) + writer.close()


def bare(reply: Reply) -> Reply:
    """Without what only its own dialect has; arguments as they are meant, not as they are spaced."""
    reply.extra = None
    for choice in reply.choices:
        choice.extra = None
        for part in choice.parts:
            if isinstance(part, ToolCall) and part.arguments.startswith("{"):
                part.arguments = json.dumps(json.loads(part.arguments or "{}"))
    return reply


def seen(reader):
    failure = reader.failure and (reader.failure.code, reader.failure.status)
    return (reader.usage, reader.finish, reader.text_bytes, reader.events, reader.started, reader.ended, failure)


@pytest.mark.parametrize("name", [*recorded.CHAT, "anthropic"])
def test_a_recorded_stream_folds_into_the_reply_its_vendor_sees(name):
    dialect = anthropic_messages if name == "anthropic" else openai_chat
    whole = vendor.whole_message if name == "anthropic" else vendor.whole_chat
    for stream in recorded.streams(name):
        chunks, reader = read(dialect, stream)
        assert reader.failure is None and reader.ended
        if name in ("mistral", "azure"):  # their own types of chunk: the vendor's SDK does not take all of them
            continue
        expected = dialect.read_reply(json.dumps(whole(stream)).encode())
        folded = bare(fold(chunks))
        expected.usage = expected.usage or folded.usage  # Groq tells it where OpenAI's SDK does not look
        assert folded == bare(expected)


@pytest.mark.parametrize("name", [*recorded.CHAT, "anthropic"])
def test_a_reader_sees_what_a_tap_sees(name):
    dialect = anthropic_messages if name == "anthropic" else openai_chat
    for stream in recorded.streams(name):
        tap = dialect.tap(hide_usage=False)
        tap.feed(stream)
        assert seen(read(dialect, stream)[1]) == seen(tap)


@pytest.mark.parametrize("name", [*recorded.CHAT, "anthropic"])
def test_recorded_replies_survive_both_dialects(name):
    dialect = anthropic_messages if name == "anthropic" else openai_chat
    for whole in recorded.wholes(name):
        body = json.dumps(whole).encode()
        reply = dialect.read_reply(body)
        sniffed = dialect.sniff(body)
        assert (sniffed.usage, sniffed.finish, sniffed.id) == (reply.usage, reply.choices[0].finish, reply.id)
        vendor.check_chat(openai_chat.write_reply(reply))
        vendor.check_message(anthropic_messages.write_reply(reply))
        assert bare(fold(unfold(reply))) == bare(reply)
        for target in DIALECTS:
            again = target.read_reply(target.write_reply(reply))
            count = len(reply.choices) if target is openai_chat else 1
            for before, after in zip(reply.choices[:count], again.choices, strict=True):
                assert said(target, after) == said(target, before)


def said(target: Dialect, choice: Choice) -> list[Any]:
    """The texts and calls of a choice; Messages has no part for a refusal, only a reason."""
    parts = [p for p in choice.parts if isinstance(p, Text | ToolCall | Refusal)]
    return [Text(p.text) if isinstance(p, Refusal) and target is anthropic_messages else p for p in parts]


def texts(reply: Reply):
    return [[part for part in choice.parts if not isinstance(part, Thinking)] for choice in reply.choices]


@pytest.mark.parametrize("name", [*recorded.CHAT, "anthropic"])
def test_recorded_streams_survive_both_dialects(name):
    dialect = anthropic_messages if name == "anthropic" else openai_chat
    for stream in recorded.streams(name):
        chunks, _ = read(dialect, stream)
        reply = bare(fold(chunks))
        for target, whole in ((openai_chat, vendor.whole_chat), (anthropic_messages, vendor.whole_message)):
            out = write(target, chunks)
            again, reader = read(target, out)
            assert reader.failure is None and reader.ended
            count = len(reply.choices) if target is openai_chat else 1
            assert texts(bare(fold(again))) == texts(reply)[:count]
            assert fold(again).usage == reply.usage or target is anthropic_messages
            assert (
                bare(fold(again)).choices[0].parts
                == bare(target.read_reply(target.write_reply(reply))).choices[0].parts
            )
            seen_by_vendor = target.read_reply(json.dumps(whole(out)).encode())
            assert texts(bare(seen_by_vendor)) == texts(reply)[:count]


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return b"data: " + json.dumps({"id": "c", "model": "m", "created": 5, "choices": [choice]}).encode() + b"\n\n"


def call(index: int | None, id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    one: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [one | ({"index": index} if index is not None else {}) | ({"id": id} if id else {})]}


CHATS = {
    "text": chunk({"role": "assistant", "content": ""}) + chunk({"content": "é🙂"}) + chunk({}, "stop") + DONE,
    "parallel": chunk({"role": "assistant", "content": None})
    + chunk(call(0, "a", "f"))
    + chunk(call(0, arguments='{"x"'))
    + chunk(call(0, arguments=":1}"))
    + chunk(call(1, "b", "g", "{}"))
    + chunk({}, "tool_calls")
    + DONE,
    "mixed": chunk(call(0, "a", "f", "{"))
    + chunk(call(1, "b", "g", "{"))
    + chunk(call(0, arguments="}"), "tool_calls"),
    "no index": chunk(call(None, "abc", "f", "{}")) + chunk(call(None, "def", "g", "{}"), "tool_calls") + DONE,
    "thinking": chunk({"reasoning_content": "hm"}) + chunk({"content": "x"}) + chunk({}, "length") + DONE,
    "refusal": chunk({"refusal": "I "}) + chunk({"refusal": "won't"}, "stop") + DONE,
    "odd list": chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]})
    + chunk({"content": [{"type": "text", "text": "x"}]}, "stop")
    + DONE,
    "vllm": chunk({"content": "x"}, "stop", stop_reason="END"),
    "broken once": chunk({"content": "x"}) + b"data: {no\n\n" + chunk({}, "stop") + DONE,
    "comments": b": hi\n\n" + chunk({"content": "x"}).replace(b"\n", b"\r\n") + chunk({}, "stop") + DONE,
}


@pytest.mark.parametrize("stream", CHATS.values(), ids=CHATS)
def test_every_split_reads_the_same(stream):
    chunks, reader = read(openai_chat, stream)
    assert reader.failure is None
    for cut in range(len(stream)):
        cut_chunks, cut_reader = read(openai_chat, stream, cut)
        assert (cut_chunks, seen(cut_reader)) == (chunks, seen(reader))
    assert read(openai_chat, stream, *range(1, len(stream)))[0] == chunks
    messages = write(anthropic_messages, chunks)
    expected, reader = read(anthropic_messages, messages)
    for cut in range(0, len(messages), 3):
        assert read(anthropic_messages, messages, cut)[0] == expected


def folded(name: str) -> Choice:
    return fold(read(openai_chat, CHATS[name])[0]).choices[0]


def test_what_the_streams_say():
    assert folded("text").parts == [Text("é🙂")]
    assert folded("parallel").parts == [ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}")]
    assert folded("mixed").parts == [ToolCall("a", "f", "{}"), ToolCall("b", "g", "{")]
    assert folded("no index").parts == [ToolCall("abc", "f", "{}"), ToolCall("def", "g", "{}")]
    assert folded("thinking").parts == [Thinking("hm"), Text("x")]
    assert folded("refusal").parts == [Refusal("I won't")]
    assert folded("odd list").parts == [Thinking("hm"), Text("x")]
    assert (folded("vllm").finish, folded("vllm").stop_sequence) == ("stop", "END")


@pytest.mark.parametrize("name", CHATS)
def test_a_messages_client_reads_every_chat_stream(name):
    chunks, _ = read(openai_chat, CHATS[name])
    message = vendor.whole_message(write(anthropic_messages, chunks))
    calls = [block for block in message["content"] if block["type"] == "tool_use"]
    said = "".join(block.get("text") or "" for block in message["content"])
    choice = folded(name)
    assert said == "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
    assert [c["id"] for c in calls] == [part.id for part in choice.parts if isinstance(part, ToolCall)]
    expected = {"vllm": "stop_sequence", "refusal": "refusal", "thinking": "max_tokens"}
    assert message["stop_reason"] == expected.get(name, "tool_use" if calls else "end_turn")


def test_a_call_without_an_id_gets_one_that_stays_the_same():
    body = {"id": "r1", "choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}}]}
    first, second = (openai_chat.read_reply(json.dumps({**body, "id": i}).encode()) for i in ("r1", "r2"))
    (one,), (other,) = first.choices[0].parts, second.choices[0].parts
    assert isinstance(one, ToolCall) and isinstance(other, ToolCall)
    assert one.id.startswith("call_") and one.id != other.id and one.arguments == '{"a":1}'
    assert openai_chat.read_reply(json.dumps(body).encode()) == first


def test_a_forced_call_ends_as_clients_of_messages_expect():
    reply = Reply(id="r", model="m", choices=[Choice(0, [ToolCall("a", "f", "{}")], "stop", "stop")])
    assert json.loads(anthropic_messages.write_reply(reply))["stop_reason"] == "tool_use"
    chunks: list[Chunk] = [Start("r", "m"), ToolDelta(0, "a", "f", "{}"), End("stop", "stop")]
    assert vendor.whole_message(write(anthropic_messages, chunks))["stop_reason"] == "tool_use"


@pytest.mark.parametrize("arguments", ["{broken", "[1]", '"text"', "null"])
def test_arguments_that_are_no_object_come_to_a_client_in_one_and_back(arguments):
    reply = Reply(id="r", model="m", choices=[Choice(0, [ToolCall("a", "f", arguments)], "tool_calls", "tool_calls")])
    body = anthropic_messages.write_reply(reply)
    vendor.check_message(body)
    content = json.loads(body)["content"]
    assert content[0]["input"] == {INVALID: arguments}
    assert anthropic_messages.read_reply(body).choices[0].parts == reply.choices[0].parts
    history = {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": content}]}
    asked = anthropic_messages.read_request(wire.encode(history))
    part = asked.messages[0].parts[0]
    assert isinstance(part, ToolCall) and part.arguments == arguments
    chat = openai_chat.write_request(asked, Abilities("t", "p/t"), drop=False).body
    assert json.loads(chat)["messages"][0]["tool_calls"][0]["function"]["arguments"] == arguments
    stream = write(anthropic_messages, unfold(reply))
    assert (
        "".join(d["delta"]["partial_json"] for d in vendor.documents(stream) if "delta" in d and "index" in d)
        == arguments
    )


@pytest.mark.parametrize("target", [anthropic_messages, gemini, BedrockConverse(), OllamaChat()], ids=lambda d: d.name)
def test_what_such_arguments_came_back_in_goes_to_every_api_that_takes_objects_alone(target):
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {INVALID: "{broken"}}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [call]}]
    asked = anthropic_messages.read_request(json.dumps({"model": "m", "max_tokens": 1, "messages": turns}).encode())
    assert wire.encode({INVALID: "{broken"}) in target.write_request(asked, Abilities("t", "p/t"), drop=True).body
    part = {"functionCall": {"name": "f", "args": {INVALID: "{broken"}}}
    contents = [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [part]}]
    theirs = gemini.read_request(json.dumps({"contents": contents}).encode())
    assert wire.encode({INVALID: "{broken"}) in target.write_request(theirs, Abilities("t", "p/t"), drop=True).body
    whole = Reply(id="r", model="m", choices=[Choice(0, [ToolCall("a", "f", "{broken")], "tool_calls")])
    body = target.write_reply(whole)
    assert wire.encode({INVALID: "{broken"}) in body
    assert [p.arguments for p in target.read_reply(body).choices[0].parts if isinstance(p, ToolCall)] == ["{broken"]


def test_numbers_and_key_order_in_calls_are_the_models():
    text = '{"z": 0.10000000000000000001, "a":123456789012345678901234567890}'
    body = b'{"id":"m","model":"x","content":[{"type":"text","text":"t"},{"type":"tool_use","id":"i","name":"f","input":%b}]}'
    part = anthropic_messages.read_reply(body % text.encode()).choices[0].parts[1]
    assert isinstance(part, ToolCall) and part.arguments == text
    reply = Reply(id="r", model="m", choices=[Choice(0, [ToolCall("a", "f", text)], "tool_calls")])
    assert text.encode() in anthropic_messages.write_reply(reply)
    start = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    start += b'{"type":"tool_use","id":"i","name":"f","input":%b}}\n\n' % text.encode()
    stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    (streamed,) = fold(read(anthropic_messages, start + stop)[0]).choices[0].parts
    assert isinstance(streamed, ToolCall) and streamed.arguments == text


THOUGHT: list[Part] = [
    Thinking("first", "sig1", source=ANTHROPIC),
    Thinking(redacted="blob", source=ANTHROPIC),
    Thinking("", "sig2", source=ANTHROPIC),
    Text("answer"),
]


def test_thinking_with_its_proof_goes_through_a_chat_client_and_back():
    reply = Reply(id="r", model="m", choices=[Choice(0, list(THOUGHT), "stop", "end_turn")])
    message = json.loads(openai_chat.write_reply(reply))["choices"][0]["message"]
    assert message["reasoning"] == "first"
    assert [item["type"] for item in message["reasoning_details"]] == [
        "reasoning.text",
        "reasoning.encrypted",
        "reasoning.text",
    ]
    history = {"model": "m", "messages": [{"role": "user", "content": "x"}, message]}
    request = openai_chat.read_request(json.dumps(history).encode())
    written = anthropic_messages.write_request(request, Abilities("c", "p/c"), drop=False)
    assert written.dropped == []
    assert json.loads(written.body)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "first", "signature": "sig1"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "text", "text": "answer"},
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_thinking_streams_with_its_proof(dialect):
    reply = Reply(id="r", model="m", choices=[Choice(0, list(THOUGHT), "stop", "stop")], usage=Usage(5, 3))
    again = fold(read(dialect, write(dialect, unfold(reply)))[0])
    proofs = [(p.signature, p.redacted, p.source) for p in again.choices[0].parts if isinstance(p, Thinking)]
    assert proofs == [("sig1", None, ANTHROPIC), (None, "blob", ANTHROPIC), ("sig2", None, ANTHROPIC)]
    assert [p for p in again.choices[0].parts if isinstance(p, Text)] == [Text("answer")]


FOREIGN: list[Part] = [
    Thinking("hm", "secret1", source="gemini"),
    Thinking("", "secret2", source="gemini", of="c1"),
    Thinking("so", redacted="secret3", source="openai-responses", id="rs_1"),
    Thinking(redacted="secret4", source="openai-responses", id="rs_2"),
    Text("x"),
    ToolCall("c1", "f", "{}"),
]


def history_of(dialect: Dialect, printed: dict[str, Any]) -> bytes:
    """A request that sends an answer back, as clients do."""
    message = (
        printed["choices"][0]["message"] if dialect is openai_chat else {k: printed[k] for k in ("role", "content")}
    )
    return json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}, message]}).encode()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("streamed", [False, True])
def test_another_dialects_proofs_go_through_a_client_and_back_but_to_no_other_provider(dialect, streamed):
    reply = Reply(id="r", model="m", choices=[Choice(0, list(FOREIGN), "stop")])
    printed = json.loads(dialect.write_reply(reply))
    if streamed:
        written = write(dialect, unfold(reply))
        if dialect is anthropic_messages:
            printed = vendor.whole_message(written)
        else:
            deltas = [d["choices"][0]["delta"] for d in vendor.documents(written) if d["choices"]]
            details = [item for delta in deltas for item in delta.get("reasoning_details", ())]
            printed["choices"][0]["message"]["reasoning_details"] = details
    request = dialect.read_request(history_of(dialect, printed))
    thoughts = [part for part in request.messages[1].parts if isinstance(part, Thinking)]
    for part in thoughts:
        part.extra = None
    assert thoughts == [part for part in FOREIGN if isinstance(part, Thinking)]
    for target in DIALECTS:
        if target is not dialect:
            sent = target.write_request(request, Abilities("c", "p/c"), drop=False)
            assert b"secret" not in sent.body and len(sent.dropped) == len(thoughts)
    own = anthropic_messages.write_request(request, Abilities("c", "p/c"), drop=False)
    assert b"secret" not in own.body
    if dialect is anthropic_messages:
        vendor.check_message(json.dumps(printed).encode())


def test_the_native_reason_and_the_stop_sequence_are_told():
    body = {"id": "m", "model": "x", "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END"}
    reply = anthropic_messages.read_reply(json.dumps(body).encode())
    choice = json.loads(openai_chat.write_reply(reply))["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"], choice["stop_reason"]) == (
        "stop",
        "stop_sequence",
        "END",
    )
    stream = write(openai_chat, unfold(reply))
    end = next(d["choices"][0] for d in vendor.documents(stream) if d["choices"] and d["choices"][0]["finish_reason"])
    assert (end["finish_reason"], end["native_finish_reason"], end["stop_reason"]) == ("stop", "stop_sequence", "END")


@pytest.mark.parametrize(
    ("native", "finish"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("model_context_window_exceeded", "length"), ("tool_use", "tool_calls"),
     ("refusal", "content_filter"), ("pause_turn", "stop"), ("brand_new", "stop")],
)  # fmt: skip
def test_reasons_are_translated(native, finish):
    body = json.dumps({"id": "m", "model": "x", "content": [], "stop_reason": native}).encode()
    assert anthropic_messages.read_reply(body).choices[0].finish == finish == anthropic_messages.sniff(body).finish


def test_usage_is_translated():
    said = {"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 2, "output_tokens": 3}
    body = json.dumps({"id": "m", "model": "x", "content": [], "stop_reason": "end_turn", "usage": said}).encode()
    reply = anthropic_messages.read_reply(body)
    assert reply.usage == Usage(14, 3, 7, 2) == anthropic_messages.sniff(body).usage
    printed = json.loads(openai_chat.write_reply(reply))["usage"]
    assert (printed["prompt_tokens"], printed["completion_tokens"], printed["total_tokens"]) == (14, 3, 17)
    assert printed["prompt_tokens_details"]["cached_tokens"] == 7
    assert json.loads(anthropic_messages.write_reply(reply))["usage"] == said


def test_usage_is_told_in_a_stream_only_where_it_was_asked_for():
    chunks: list[Chunk] = unfold(Reply(id="r", model="m", choices=[Choice(0, [Text("x")], "stop")], usage=Usage(1, 2)))
    asked = vendor.documents(write(openai_chat, chunks))
    assert asked[-1]["choices"] == [] and asked[-1]["usage"]["total_tokens"] == 3 and asked[0]["usage"] is None
    writer = openai_chat.writer(Request(model="m", messages=[], stream=True))
    plain = vendor.documents(writer.write(chunks) + writer.close())
    assert all("usage" not in document for document in plain)


def test_what_the_upstream_does_not_say_can_be_supplied():
    for dialect in DIALECTS:
        writer = dialect.writer(ASKED)
        writer.id, writer.created = "ours", 1234
        first = vendor.documents(writer.write([Start("", "m"), TextDelta("x")]))[0]
        assert first.get("message", first)["id"] == "ours"
        assert first.get("created", 1234) == 1234


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>no</html>", b"null", b"[]", b'"x"', b"{", b"{}", b'{"choices":{}}', b'{"content":"x"}', b"\xff", b"[" * 10_000,
     b'{"choices":[{"message":{"content":"cut'],
)  # fmt: skip
def test_what_is_no_reply_is_a_failure(body):
    for dialect in DIALECTS:
        for reading in (dialect.read_reply, dialect.sniff):
            with pytest.raises(UpstreamFailed) as caught:
                reading(body)
            assert (caught.value.code, caught.value.billed) == ("upstream_invalid_response", "uncertain")
            assert caught.value.retry


def test_an_error_with_status_200_has_its_real_status():
    body = b'{"error":{"message":"slow down","code":429}}'
    for dialect in DIALECTS:
        for reading in (dialect.read_reply, dialect.sniff):
            with pytest.raises(UpstreamFailed) as caught:
                reading(body)
            assert caught.value.status == 429
    with pytest.raises(UpstreamFailed) as caught:
        anthropic_messages.read_reply(b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}')
    assert caught.value.code == "upstream_unavailable"


@pytest.mark.parametrize(
    "stream",
    [
        chunk({"content": "x"}),
        chunk({"content": "x"}) + b'data: {"id"',
        chunk({"content": "x"}) + b"data: {\n\ndata: {\n\n" + chunk({}, "stop"),
        chunk({"content": "x"})
        + b'data: {"error":{"message":"x","type":"server_error"}}\n\n'
        + chunk({}, "stop")
        + DONE,
        b"event: error\ndata: gone\n\n",
        chunk({"content": "x"}, "error"),
        b"",
    ],
)
def test_a_cut_stream_never_reads_as_whole(stream):
    chunks, reader = read(openai_chat, stream)
    assert reader.failure is not None and not reader.ended
    assert not any(isinstance(one, End) for one in chunks)
    assert reader.feed(chunk({"content": "late"})) == [] == reader.close()


def test_a_cut_messages_stream_never_reads_as_whole():
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"x"}}\n\n'
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
    for stream, code in ((start, "upstream_stream_interrupted"), (start + error, "upstream_unavailable")):
        _, reader = read(anthropic_messages, stream)
        assert reader.failure is not None and reader.failure.code == code and not reader.started


def test_noise_never_raises():
    rng = random.Random(5)
    pieces = [b"data: ", b"event: error\n", b"\n\n", b"\r\n", b'{"choices":[', b'{"delta":', b"{}", b"]}", b"null", b'{"type":"',
              b'content_block_delta","delta":', b'"x"', b"5", b'{"usage":{"prompt_tokens":-1}}', b"[DONE]", b"\xff", b'{"error":'
              b'"no"}', b'{"type":"content_block_start","content_block":{"type":"tool_use","input":{"a":1}}}', b'"index":"x"}']  # fmt: skip
    for _ in range(4000):
        stream = b"".join(rng.choices(pieces, k=rng.randrange(1, 14)))
        for dialect in DIALECTS:
            for watcher in (dialect.tap(hide_usage=True), dialect.reader()):
                for cut in range(0, len(stream), 11):
                    watcher.feed(stream[cut : cut + 11])
                watcher.close()


def test_signatures_of_several_pieces_are_one():
    chunks: list[Chunk] = [
        TextDelta("hm", kind="thinking"),
        SignatureDelta("a", source=ANTHROPIC),
        SignatureDelta("b", source=ANTHROPIC),
    ]
    assert fold(chunks).choices[0].parts == [Thinking("hm", "ab", source=ANTHROPIC)]


WEB = {
    "type": "web_search_result_location",
    "cited_text": "q",
    "encrypted_index": "e",
    "title": "t",
    "url": "https://x",
}
PAGE = {
    "type": "page_location",
    "cited_text": "p",
    "document_index": 1,
    "document_title": "d",
    "start_page_number": 3,
    "end_page_number": 4,
}
CITED = {"content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two", "citations": [WEB, PAGE]}]}


def cited_message() -> Reply:
    return anthropic_messages.read_reply(
        json.dumps({"id": "m", "model": "x", "stop_reason": "end_turn", **CITED}).encode()
    )


def test_citations_go_from_one_dialect_to_the_other():
    reply = cited_message()
    assert json.loads(anthropic_messages.write_reply(reply))["content"] == CITED["content"]
    message = json.loads(openai_chat.write_reply(reply))["choices"][0]["message"]
    assert message["annotations"] == [
        {"type": "url_citation", "url_citation": {"start_index": 4, "end_index": 7, "url": "https://x", "title": "t", "content": "q"}},
        {"type": "document_citation", "document_citation": {"start_index": 4, "end_index": 7, "title": "d", "source": "1", "content": "p"}},
    ]  # fmt: skip
    again = openai_chat.read_reply(openai_chat.write_reply(reply))
    block = json.loads(anthropic_messages.write_reply(again))["content"][0]
    assert [one["cited_text"] for one in block["citations"]] == ["q", "p"]
    assert block["citations"][0]["url"] == "https://x" and block["citations"][1]["document_index"] == 1
    vendor.check_message(anthropic_messages.write_reply(again))


def test_citations_stream():
    chunks = unfold(cited_message())
    chat = vendor.documents(write(openai_chat, chunks))
    told = [one for d in chat if d["choices"] for one in d["choices"][0]["delta"].get("annotations", ())]
    assert told == json.loads(openai_chat.write_reply(cited_message()))["choices"][0]["message"]["annotations"]
    message = vendor.whole_message(write(anthropic_messages, chunks))
    cited = [one["cited_text"] for one in message["content"][1]["citations"]]
    assert [block["text"] for block in message["content"]] == ["one ", "two"] and cited == ["q", "p"]
    again = fold(read(anthropic_messages, write(anthropic_messages, chunks))[0])
    assert again.choices[0].parts == cited_message().choices[0].parts


def test_a_citation_that_comes_before_its_text_is_of_that_text():
    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()

    start = event("message_start", message={"id": "m", "model": "x", "usage": {"input_tokens": 1, "output_tokens": 1}})
    stream = start + b"".join(
        event("content_block_start", index=at, content_block={"type": "text", "text": ""})
        + (event("content_block_delta", index=at, delta={"type": "citations_delta", "citation": WEB}) if at else b"")
        + event("content_block_delta", index=at, delta={"type": "text_delta", "text": f"t{at}"})
        + event("content_block_stop", index=at)
        for at in (0, 1)
    )
    first, second = fold(read(anthropic_messages, stream)[0]).choices[0].parts
    assert isinstance(first, Text) and isinstance(second, Text)
    assert (first.text, first.citations, second.text) == ("t0", None, "t1") and second.citations
    again = vendor.whole_message(write(anthropic_messages, read(anthropic_messages, stream)[0]))
    assert [(block["text"], bool(block["citations"])) for block in again["content"]] == [("t0", False), ("t1", True)]


def test_a_proof_in_pieces_is_wrapped_whole():
    chunks: list[Chunk] = [
        Start("r", "m"),
        TextDelta("hm", kind="thinking"),
        SignatureDelta("a", source="bedrock-converse"),
        SignatureDelta("b", source="bedrock-converse"),
        TextDelta("x"),
        End("stop"),
    ]
    printed = vendor.whole_message(write(anthropic_messages, chunks))
    part = anthropic_messages.read_request(history_of(anthropic_messages, printed)).messages[1].parts[0]
    assert part == Thinking("hm", "ab", source="bedrock-converse")


def test_a_thought_that_nothing_proves_is_not_taken_for_anthropics():
    chunks: list[Chunk] = [Start("r", "m"), TextDelta("hm", kind="thinking"), TextDelta("x"), End("stop")]
    streamed = vendor.whole_message(write(anthropic_messages, chunks))
    whole = json.loads(anthropic_messages.write_reply(fold(chunks)))
    assert streamed["content"][0] == whole["content"][0]
    request = anthropic_messages.read_request(history_of(anthropic_messages, whole))
    assert request.messages[1].parts[0] == Thinking("hm")
    again = anthropic_messages.write_request(request, Abilities("m", "p/m"), drop=False)
    assert again.dropped == ["messages[1].content[0]"] and b"hm" not in again.body


def test_parts_fold_and_unfold_whatever_they_prove():
    parts: list[Part] = [*THOUGHT, *FOREIGN, Thinking("so"), Thinking("then"), Refusal("no")]
    reply = Reply(id="r", model="m", choices=[Choice(0, parts, "stop", "stop")])
    assert fold(unfold(reply)) == reply
