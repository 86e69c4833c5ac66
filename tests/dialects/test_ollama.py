"""Ollama's own API: what was recorded comes back as it was, and others' conversations are said in its words."""

import json
from typing import Any

import pytest

from headgate.core.chat import End, Text, TextDelta, Thinking, ToolCall, ToolDelta, ToolResult
from headgate.core.errors import BadRequest, NotFound, UpstreamFailed
from headgate.core.fold import fold, unfold
from headgate.core.money import Usage
from headgate.core.tasks import EmbedRequest
from headgate.dialects import anthropic_messages, embeddings, openai_chat
from headgate.dialects.base import Abilities, Profile, Written
from headgate.dialects.ollama import OllamaChat
from headgate.dialects.ollama_embed import OllamaEmbed
from headgate.dialects.ollama_lines import Lines
from headgate.dialects.sse import LIMIT
from tests.dialects import recorded

ollama, embed = OllamaChat(), OllamaEmbed()
TO = Abilities("qwen", "local/qwen")
PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "w", "parameters": SCHEMA}}


def rows() -> list[dict[str, Any]]:
    return recorded.every("ollama")


def lines(stream: bytes) -> list[Any]:
    return [json.loads(line) for line in stream.split(b"\n") if line]


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def written(body: bytes, to: Abilities = TO, *, drop: bool = False) -> tuple[dict[str, Any], Written]:
    said = ollama.write_request(openai_chat.read_request(body), to, drop=drop)
    return json.loads(said.body), said


def test_recorded_requests_come_back_as_they_were():
    for row in rows():
        body = row["request"]["body"]
        raw = json.dumps(body).encode()
        said = ollama.write_request(ollama.read_request(raw), Abilities(body["model"], "x", context=4096), drop=False)
        assert json.loads(said.body) == body
        assert said.dropped == said.defaulted == []
        envelope = ollama.envelope(raw)
        assert (envelope.model, envelope.stream) == (body["model"], body.get("stream", True))
        assert json.loads(envelope.patched("other", max_tokens=5)) == {
            **body, "model": "other", "options": {**body.get("options", {}), "num_predict": 5},
        }  # fmt: skip
    assert len(rows()) == 14


def test_recorded_replies_come_back_as_they_were():
    seen = 0
    for row in rows():
        body = row["response"].get("body")
        if body is None or row["response"]["status"] != 200:
            continue
        seen += 1
        raw = json.dumps(body).encode()
        reply, sniffed = ollama.read_reply(raw), ollama.sniff(raw)
        assert json.loads(ollama.write_reply(reply)) == body
        assert reply.usage == sniffed.usage == Usage(body.get("prompt_eval_count", 0), body["eval_count"])
        called = bool(body["message"].get("tool_calls"))
        assert sniffed.finish == reply.choices[0].finish == ("tool_calls" if called else "stop")
        assert reply.created > 1.7e9 and reply.model == body["model"]
    assert seen == 11


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_recorded_streams_are_relayed_as_they_were_and_read_alike(size):
    seen = 0
    for row in rows():
        text = row["response"].get("text")
        if not text:
            continue
        seen += 1
        stream = text.encode()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        tap, reader = ollama.tap(hide_usage=True), ollama.reader()
        out = b"".join(map(tap.feed, pieces)) + tap.close()
        assert lines(out) == lines(stream)
        chunks = [chunk for piece in pieces for chunk in reader.feed(piece)] + reader.close()
        assert tap.ended and reader.ended and tap.failure is None and reader.failure is None
        assert (tap.usage, tap.finish, tap.text_bytes) == (reader.usage, reader.finish, reader.text_bytes)
        last = lines(stream)[-1]
        assert tap.usage == Usage(last["prompt_eval_count"], last["eval_count"])
        writer = ollama.writer(ollama.read_request(json.dumps(row["request"]["body"]).encode()))
        again = lines(writer.write(chunks) + writer.close())
        assert [one["message"] for one in again] == [one["message"] for one in lines(stream)]
        assert [one["done"] for one in again] == [one["done"] for one in lines(stream)]
    assert seen == 2


def test_an_unknown_model_is_told():
    row = next(row for row in rows() if row["response"]["status"] == 404)
    error = ollama.read_error(404, [], json.dumps(row["response"]["body"]).encode())
    assert (error.code, error.status) == ("upstream_model_not_found", 502) and "nonexistent" in error.message


def test_a_chat_in_its_words():
    body, said = written(
        chat(
            max_tokens=9, top_p=0.5, stop="a", seed=3, temperature=0.1, presence_penalty=-1, logprobs=True, top_logprobs=2,
            messages=[
                {"role": "developer", "content": "be brief"},
                {"role": "user", "name": "bob", "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}},
                    {"type": "text", "text": "and say"},
                ]},
                {"role": "assistant", "content": None, "reasoning": "I will look.", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "w", "arguments": '{"b": 1.0, "a": 12345678901234567890}'}},
                    {"id": "d", "type": "function", "function": {"name": "x", "arguments": ""}},
                ]},
                {"role": "tool", "tool_call_id": "d", "content": "rain"},
                {"role": "tool", "tool_call_id": "c", "content": "sun"},
            ],
            tools=[WEATHER], tool_choice="auto", user="u", stream=True, reasoning_effort="low",
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        )
    )  # fmt: skip
    assert b'"arguments":{"b": 1.0, "a": 12345678901234567890}' in said.body
    assert body == {
        "model": "qwen",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "see\nand say", "images": [PNG]},
            {"role": "assistant", "content": "", "thinking": "I will look.", "tool_calls": [
                {"id": "c", "function": {"index": 0, "name": "w", "arguments": {"b": 1.0, "a": 12345678901234567890}}},
                {"id": "d", "function": {"index": 1, "name": "x", "arguments": {}}},
            ]},
            {"role": "tool", "content": "rain", "tool_call_id": "d", "tool_name": "x"},
            {"role": "tool", "content": "sun", "tool_call_id": "c", "tool_name": "w"},
        ],
        "stream": True,
        "tools": [WEATHER],
        "format": SCHEMA,
        "options": {"num_predict": 9, "temperature": 0.1, "top_p": 0.5, "stop": ["a"], "seed": 3, "presence_penalty": -1},
        "think": "low",
        "logprobs": True,
        "top_logprobs": 2,
        "truncate": False,
    }  # fmt: skip
    assert said.dropped == ["messages[1].name", "messages[1].content[1].image_url.detail", "user"]


def test_a_stream_must_be_said_not_to_be_wanted():
    assert written(chat())[0]["stream"] is False
    assert ollama.envelope(chat()).stream and ollama.read_request(chat()).stream
    assert not ollama.envelope(chat(stream=False)).stream


def test_the_context_that_the_configuration_states_is_asked_for_and_told():
    body, said = written(chat(), Abilities("qwen", "local/qwen", context=32_768))
    assert body["options"] == {"num_ctx": 32_768} and said.defaulted == ["options.num_ctx=32768"]
    assert "options" not in written(chat())[0]


def test_a_prompt_that_is_too_long_is_an_error_as_in_the_callers_own_format():
    assert written(chat())[0]["truncate"] is False
    body = chat(stream=False)
    assert "truncate" not in json.loads(ollama.write_request(ollama.read_request(body), TO, drop=False).body)
    for said in ("the input length exceeds the context length", "the request exceeds the available context size"):
        assert ollama.read_error(400, [], json.dumps({"error": said}).encode()).code == "context_length_exceeded"


def test_how_hard_to_think():
    for effort, think in (("none", False), ("minimal", "low"), ("medium", "medium"), ("xhigh", "max")):
        assert written(chat(reasoning_effort=effort))[0]["think"] == think
    simple = Abilities("qwen", "local/qwen", profile=Profile(thinking=("enabled", "disabled")))
    assert written(chat(reasoning_effort="high"), simple)[0]["think"] is True
    assert "think" not in written(chat())[0]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"tools": [WEATHER], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "none"}, "tool_choice"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"verbosity": "low"}, "verbosity"),
        ({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://x/i.png"}}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}]}, "messages[0].content[0]"),
    ],
)  # fmt: skip
def test_what_it_has_no_word_for_is_refused_by_name(fields, param):
    with pytest.raises(BadRequest) as caught:
        written(chat(**fields))
    assert (caught.value.param, caught.value.code) == (param, "unsupported_parameter")
    assert "local/qwen" in caught.value.message
    body, said = written(chat(**fields), drop=True)
    assert said.dropped == [param]
    assert ollama.read_request(json.dumps(body).encode()).model == "qwen"


def test_only_the_tools_that_are_allowed_are_sent():
    other = {"type": "function", "function": {"name": "other"}}
    choice = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "w"}}]},
    }
    assert written(chat(tools=[other, WEATHER], tool_choice=choice))[0]["tools"] == [WEATHER]


def test_arguments_that_are_no_object_are_the_callers_to_mend():
    call = {"id": "c", "type": "function", "function": {"name": "w", "arguments": "{oops"}}
    with pytest.raises(BadRequest) as caught:
        written(chat(messages=[{"role": "assistant", "tool_calls": [call]}]))
    assert caught.value.param == "messages[0].tool_calls[0].function.arguments"


def test_results_without_an_id_answer_the_calls_before():
    calls: list[dict[str, Any]] = [{"function": {"name": name, "arguments": {}}} for name in ("f", "g", "f")]
    results = [{"role": "tool", "content": "1", "tool_name": "g"}, {"role": "tool", "content": "2"},
               {"role": "tool", "content": "3", "tool_name": "f"}, {"role": "tool", "content": "4"}]  # fmt: skip
    body = chat(messages=[{"role": "assistant", "content": "", "tool_calls": calls}, *results])
    request = ollama.read_request(body)
    asked = [part.id for part in request.messages[0].parts if isinstance(part, ToolCall)]
    answered = [part.call_id for m in request.messages[1:] for part in m.parts if isinstance(part, ToolResult)]
    assert len(set(asked)) == 3
    assert answered == [asked[1], asked[0], asked[2], ""]
    assert json.loads(ollama.write_request(request, Abilities("m", "x"), drop=False).body) == json.loads(body)
    assert ollama.read_request(body) == request  # the same ids each time


def line(message: dict[str, Any] | None = None, **more: Any) -> bytes:
    said = {"model": "qwen", "created_at": "2026-08-07T06:08:11.017589123Z", "done": False, **more}
    return json.dumps(said | ({"message": {"role": "assistant", **message}} if message else {})).encode() + b"\n"


CALL = {"function": {"name": "w", "arguments": {"b": 1, "a": [2]}}}
STREAM = (
    line({"content": "", "thinking": "hm"})
    + line({"content": "sun"})
    + line({"content": "", "tool_calls": [CALL, CALL]})
)
END = line({"content": ""}, done=True, done_reason="stop", prompt_eval_count=3, eval_count=4)


@pytest.mark.parametrize("size", [1, 50, 10**6])
def test_a_stream_with_everything(size):
    stream = STREAM + b"\r\n\n" + END
    reader = ollama.reader()
    reply = fold([c for at in range(0, len(stream), size) for c in reader.feed(stream[at : at + size])])
    thought, text, one, other = reply.choices[0].parts
    assert isinstance(thought, Thinking) and thought.text == "hm"
    assert isinstance(text, Text) and text.text == "sun"
    assert isinstance(one, ToolCall) and isinstance(other, ToolCall) and one.id != other.id
    assert one.arguments == other.arguments == '{"b": 1, "a": [2]}'
    assert (reply.choices[0].finish, reply.choices[0].native, reply.usage) == ("tool_calls", "stop", Usage(3, 4))
    assert (reply.model, reply.created) == ("qwen", 1786082891)
    writer = ollama.writer(ollama.read_request(chat()))
    again = lines(writer.write(unfold(reply)) + writer.close())
    assert [one["message"].get("tool_calls") for one in again].count(None) == 3
    assert again[-1]["done"] and again[-1]["eval_count"] == 4


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (b"", "before the answer was complete"),
        (b'{"done": true', "before the answer was complete"),
        (b'{"error":"the runner has died"}\n', "the runner has died"),
        (b'{"error":"the runner has died"}', "the runner has died"),
        (b"{\n{\n", "no JSON"),
    ],
)
def test_a_stream_that_breaks_is_a_failure(rest, said):
    for watch in (ollama.tap(hide_usage=False), ollama.reader()):
        watch.feed(STREAM + rest)
        watch.close()
        assert watch.failure is not None and said in watch.failure.message and not watch.ended


def test_a_tap_forwards_whole_lines_and_nothing_past_the_end():
    tap = ollama.tap(hide_usage=False)
    assert tap.feed(STREAM[:-5]) == STREAM[: STREAM[:-1].rfind(b"\n") + 1]
    assert tap.feed(STREAM[-5:] + END + STREAM) == STREAM.split(b"\n")[2] + b"\n" + END
    assert tap.ended and tap.feed(STREAM) == b"" == tap.close()
    last = ollama.tap(hide_usage=False)
    assert last.feed(END[:-1]) == b"" and last.close() == END and last.ended


def test_a_line_without_end_is_not_held_for_ever():
    tap = ollama.tap(hide_usage=False)
    for _ in range(LIMIT // 2**20 + 1):
        tap.feed(b"x" * 2**20)
    assert tap.failure is not None
    cut = Lines()
    assert cut.feed(b"a\n" + b"x" * (LIMIT + 1) + b"\nb\n") == [b"a\n"] and cut.overflow and cut.feed(b"c\n") == []


def test_usage_that_nobody_can_believe():
    for odd in (
        {"eval_count": -1},
        {"eval_count": 10**15},
        {"eval_count": "x"},
        {"prompt_eval_count": True, "eval_count": 1},
    ):
        tap = ollama.tap(hide_usage=False)
        tap.feed(line({"content": "x"}, done=True, **odd))
        assert tap.ended and tap.usage is None and tap.usage_flagged


def test_a_whole_reply_must_be_one():
    for body in (b"", b"{}", b"[]", b'{"error":"x"}', STREAM.split(b"\n")[0]):
        with pytest.raises(UpstreamFailed):
            ollama.sniff(body)


def test_replies_reach_clients_of_other_apis_and_back():
    reply = fold(
        [TextDelta("t", kind="thinking"), TextDelta("x"), ToolDelta(0, "c", "w", '{"a": 1}'), End("tool_calls")]
    )
    reply.usage = Usage(1, 2)
    body = ollama.write_reply(reply)
    assert json.loads(body)["message"] == {
        "role": "assistant", "content": "x", "thinking": "t",
        "tool_calls": [{"id": "c", "function": {"index": 0, "name": "w", "arguments": {"a": 1}}}],
    }  # fmt: skip
    said = json.loads(anthropic_messages.write_reply(ollama.read_reply(body)))
    assert [block["type"] for block in said["content"]] == ["thinking", "text", "tool_use"]
    assert said["stop_reason"] == "tool_use" and said["usage"]["output_tokens"] == 2
    bad = fold([ToolDelta(0, "c", "w", "{oops"), End("tool_calls")])
    assert json.loads(ollama.write_reply(bad))["message"]["tool_calls"][0]["function"]["arguments"] == {
        "__invalid_json__": "{oops"
    }


def test_its_clients_get_its_errors():
    error = NotFound("no such thing")
    assert json.loads(ollama.write_error(error, "r")) == {"error": "no such thing", "code": "not_found"}
    tap = ollama.tap(hide_usage=False)
    tap.feed(ollama.write_stream_error(error, "r"))
    assert tap.failure is not None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "developer"}]}, "messages[0].role"),
        ({"model": None}, "model"),
        ({"options": []}, "options"),
        ({"options": {"num_predict": "x"}}, "options.num_predict"),
    ],
)
def test_what_is_wrong_in_a_request_is_named(fields, param):
    with pytest.raises(BadRequest) as caught:
        ollama.envelope(chat(**fields))
    assert caught.value.param == param
    for more in ({"format": "xml"}, {"think": "hard"}, {"messages": [{"role": "user", "images": [5]}]}):
        with pytest.raises(BadRequest):
            ollama.read_request(chat(**more))
    assert ollama.envelope(chat(options={"num_predict": -1})).max_tokens is None
    assert ollama.envelope(chat(options={"num_predict": 7})).max_tokens == 7


def test_embeddings():
    asked = embeddings.read_request(
        b'{"model":"m","input":["a","b"],"dimensions":2,"encoding_format":"base64","user":"u"}'
    )
    request: Any = asked
    said = embed.write_request(request, TO, drop=False)
    assert json.loads(said.body) == {"model": "qwen", "input": ["a", "b"], "dimensions": 2, "truncate": False}
    assert said.dropped == ["user"]
    tokens: Any = EmbedRequest(model="m", tokens=[[1, 2]])
    with pytest.raises(BadRequest) as caught:
        embed.write_request(tokens, TO, drop=True)
    assert caught.value.param == "input"
    body = b'{"model":"qwen","embeddings":[[0.5,1],[2,3]],"total_duration":5,"prompt_eval_count":4}'
    reply: Any = embed.read_reply(body)
    assert reply.vectors == [[0.5, 1], [2, 3]] and embed.sniff(body).usage == Usage(4)
    assert json.loads(embed.write_reply(reply)) == json.loads(body)
    for own in (b'{"model":"m","input":"a","truncate":false}', b'{"model":"m","input":["a"],"keep_alive":"5m"}'):
        assert json.loads(
            embed.write_request(embed.read_request(own), Abilities("m", "x"), drop=False).body
        ) == json.loads(own)
        assert embed.envelope(own).model == "m"
    for bad in (b"{}", b'{"embeddings":[["x"]]}', b'{"embeddings":[5]}', b'{"error":"x"}'):
        with pytest.raises(UpstreamFailed):
            embed.sniff(bad)
    for bad in (b'{"model":"m","input":5}', b'{"model":"m"}', b'{"model":"m","input":[]}'):
        with pytest.raises(BadRequest):
            embed.envelope(bad)
