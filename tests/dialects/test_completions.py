"""The Completions API: what was recorded survives, and a text goes on by way of chat."""

import json
from typing import Any

import pytest

from headgate.core.chat import Chunk, Counted, End, Image, Message, Request, Start, Text, TextDelta, Tool, ToolCall
from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, openai_chat, openai_completions
from headgate.dialects.base import Abilities
from headgate.dialects.completions_logprobs import to_chat, to_completions
from tests.dialects import recorded

TO = Abilities("m", "p/m")


def exchanges(provider: str) -> list[dict[str, Any]]:
    return [row for row in recorded.every(provider) if row["api"] == "completions"]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "p/m", "prompt": "Once", **fields}).encode()


def written(dialect: Any, asked: bytes, *, drop: bool = False) -> dict[str, Any]:
    request = openai_completions.read_request(asked)
    out: dict[str, Any] = json.loads(dialect.write_request(request, TO, drop=drop).body)
    return out


@pytest.mark.parametrize("provider", ["openai", "together"])
def test_recorded_requests_are_written_as_they_were(provider):
    checked = 0
    for row in exchanges(provider):
        asked = row["request"]["body"]
        if asked.get("max_tokens") == -1:  # the provider refused it too
            with pytest.raises(BadRequest) as refused:
                openai_completions.read_request(json.dumps(asked).encode())
            assert refused.value.param == "max_tokens"
            continue
        assert openai_completions.envelope(json.dumps(asked).encode()).model == asked["model"]
        out = written(openai_completions, json.dumps(asked).encode())
        assert out == {k: v for k, v in (asked | {"model": "m"}).items() if v is not None or k in out}
        checked += 1
    assert checked == {"openai": 57, "together": 1}[provider]


@pytest.mark.parametrize("provider", ["openai", "together"])
def test_recorded_replies_are_written_as_they_were(provider):
    for row in exchanges(provider):
        reply = row["response"].get("body")
        if row["response"]["status"] != 200 or reply is None:
            continue
        read = openai_completions.read_reply(json.dumps(reply).encode())
        assert json.loads(openai_completions.write_reply(read)) == reply
        sniffed = openai_completions.sniff(json.dumps(reply).encode())
        assert (sniffed.usage, sniffed.finish, sniffed.id) == (read.usage, read.choices[0].finish, read.id)
        chat = json.loads(openai_chat.write_reply(read))
        assert [c["message"]["content"] for c in chat["choices"]] == [c["text"] for c in reply["choices"]]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_recorded_streams_pass_unchanged_and_are_understood(size):
    for row in exchanges("openai"):
        stream = (row["response"].get("text") or "").encode()
        if not stream:
            continue
        tap, reader = openai_completions.tap(hide_usage=False), openai_completions.reader()
        out, chunks = b"", []
        for at in range(0, len(stream), size):
            out += tap.feed(stream[at : at + size])
            chunks += reader.feed(stream[at : at + size])
        assert out == stream.rstrip(b"\n") + b"\n\n" and tap.ended and reader.ended
        for seen in (reader, tap):
            assert (seen.usage, seen.finish, seen.text_bytes, seen.events) == (
                reader.usage, reader.finish, reader.text_bytes, reader.events,
            )  # fmt: skip
        text = "".join(c["text"] for d in documents(stream) for c in d["choices"])
        assert "".join(p.text for p in fold(chunks).choices[0].parts if isinstance(p, Text)) == text


def documents(stream: bytes) -> list[dict[str, Any]]:
    found = [line[6:] for line in stream.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in found if line != "[DONE]"]


@pytest.mark.parametrize(
    ("fields", "n", "limit"),
    [
        ({}, 1, None),
        ({"prompt": ["a"]}, 1, None),
        ({"prompt": ["a", "b"], "n": 3}, 6, None),
        ({"prompt": [1, 2, 3], "best_of": 4, "n": 2, "max_tokens": 0}, 4, 0),
        ({"prompt": [[1], [2]], "max_tokens": 7}, 2, 7),
        ({"prompt": ""}, 1, None),
    ],
)
def test_an_envelope_counts_everything_that_is_generated(fields, n, limit):
    envelope = openai_completions.envelope(body(**fields))
    assert (envelope.n, envelope.max_tokens) == (n, limit)
    assert json.loads(envelope.patched("m")) == json.loads(body(**fields)) | {"model": "m"}


def test_usage_is_asked_for_in_a_stream():
    envelope = openai_completions.envelope(body(stream=True))
    assert json.loads(envelope.patched("m", include_usage=True))["stream_options"] == {"include_usage": True}
    tap = openai_completions.tap(hide_usage=True)
    usage = b'data: {"id":"i","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    text = b'data: {"id":"i","choices":[{"text":"x","index":0,"finish_reason":"stop"}],"usage":null}\n\n'
    assert tap.feed(text + usage + b"data: [DONE]\n\n") == text + b"data: [DONE]\n\n"
    assert tap.usage == Usage(1, 2) and tap.ended


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt[1]"),
        ({"prompt": [[1], "x"]}, "prompt[1]"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"n": 0}, "n"),
        ({"max_tokens": "x"}, "max_tokens"),
        ({"model": ""}, "model"),
        ({"stream_options": 5}, "stream_options"),
    ],
)
def test_what_is_wrong_is_named(fields, param):
    with pytest.raises(BadRequest) as caught:
        openai_completions.envelope(body(**fields))
    assert caught.value.param == param


def test_a_prompt_is_a_message_of_the_user():
    given = body(prompt="Go on", stop="x", logprobs=3, seed=5, n=2, temperature=0.5, user="u", stream=True)
    assert written(openai_chat, given) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Go on"}],
        "stop": ["x"],
        "logprobs": True,
        "top_logprobs": 3,
        "seed": 5,
        "n": 2,
        "temperature": 0.5,
        "user": "u",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert written(openai_chat, body(prompt=["Go on"]))["messages"] == [{"role": "user", "content": "Go on"}]
    assert written(anthropic_messages, body())["messages"] == [{"role": "user", "content": "Once"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"best_of": 2}, "best_of"),
        ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"invented": 1}, "invented"),
    ],
)
@pytest.mark.parametrize("dialect", [openai_chat, anthropic_messages], ids=lambda d: d.name)
def test_what_chat_cannot_do_is_refused_by_name(dialect, fields, param):
    request = openai_completions.read_request(body(**fields))
    with pytest.raises(BadRequest) as refused:
        dialect.write_request(request, TO, drop=False)
    assert refused.value.param == param and "p/m" in refused.value.message
    assert dialect.write_request(request, TO, drop=True).dropped == [param]


@pytest.mark.parametrize("fields", [{"best_of": 1}, {"echo": False}, {"suffix": ""}, {"logprobs": None}])
def test_what_means_nothing_passes_silently(fields):
    assert written(openai_chat, body(**fields))["messages"]
    request = openai_completions.read_request(body(**fields))
    assert openai_chat.write_request(request, TO, drop=False).dropped == []


def asked(*messages: dict[str, Any], **fields: Any) -> Request:
    return openai_chat.read_request(json.dumps({"model": "x", "messages": list(messages), **fields}).encode())


def test_a_chat_goes_to_a_model_that_only_completes():
    one = openai_completions.write_request(asked({"role": "user", "content": "Go on"}, max_tokens=5), TO, drop=False)
    assert (json.loads(one.body), one.defaulted) == ({"model": "m", "prompt": "Go on", "max_tokens": 5}, [])
    more = asked(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": "Ho"},
        {"role": "user", "content": "And?"},
        logprobs=True,
        top_logprobs=2,
        response_format={"type": "text"},
    )
    told = openai_completions.write_request(more, TO, drop=False)
    assert json.loads(told.body) == {
        "model": "m",
        "prompt": "System: Be brief.\n\nUser: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:",
        "logprobs": 2,
    }
    assert told.defaulted == ["prompt=transcript"]


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (Request(model="m", messages=[Message("user", [Text("x")])], tools=[Tool("f")]), "tools"),
        (Request(model="m", messages=[Message("user", [Image(url="http://h/x.png")])]), "messages[0].content"),
        (Request(model="m", messages=[Message("assistant", [ToolCall("c", "f", "{}")])]), "messages[0].content"),
        (Request(model="m", messages=[Message("user", [Text("x")])], top_k=5), "top_k"),
    ],
)
def test_what_a_completion_cannot_do_is_refused_by_name(request_, param):
    with pytest.raises(BadRequest) as refused:
        openai_completions.write_request(request_, TO, drop=False)
    assert refused.value.param == param


def test_a_chat_reply_is_printed_as_text():
    reply = openai_chat.read_reply(
        json.dumps(
            {
                "id": "i",
                "model": "m",
                "created": 5,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm"},
                        "finish_reason": "length",
                        "logprobs": {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105],
                                                  "top_logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": None}]}]},
                    }
                ],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            }
        ).encode()
    )  # fmt: skip
    out = json.loads(openai_completions.write_reply(reply))
    assert out["usage"].pop("prompt_tokens_details") and out["usage"].pop("completion_tokens_details")
    assert out == {
        "id": "i",
        "object": "text_completion",
        "created": 5,
        "model": "m",
        "choices": [
            {
                "text": "Hi",
                "index": 0,
                "logprobs": {"tokens": ["Hi"], "token_logprobs": [-0.5], "top_logprobs": [{"Hi": -0.5}], "text_offset": [0]},
                "finish_reason": "length",
                "reasoning": "hm",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }  # fmt: skip


def test_chunks_are_printed_as_a_stream_that_reads_back():
    request = openai_completions.read_request(body(stream=True, stream_options={"include_usage": True}))
    writer = openai_completions.writer(request)
    one = {"content": [{"token": "Hi", "logprob": -1.0, "top_logprobs": []}]}
    chunks: list[Chunk] = [
        Start("i", "m", 5),
        TextDelta("hm", 0, "thinking"),
        TextDelta("Hi", 0, logprobs=one),
        TextDelta(" é", 0, logprobs={"content": [{"token": " é", "logprob": -2.0, "top_logprobs": []}]}),
        TextDelta("two", 1),
        End("stop", "end_turn", None, 0),
        End("length", "length", None, 1),
        Counted(Usage(3, 4)),
    ]
    stream = writer.write(chunks) + writer.close()
    events = documents(stream)
    assert [c["text"] for d in events for c in d["choices"]] == ["", "Hi", " é", "two", "", ""]
    assert events[0]["choices"][0]["reasoning"] == "hm"
    assert events[2]["choices"][0]["logprobs"]["text_offset"] == [2]
    assert events[4]["choices"][0]["native_finish_reason"] == "end_turn"
    assert events[-1]["choices"] == [] and events[-1]["usage"]["total_tokens"] == 7
    assert all(d["usage"] is None for d in events[:-1])
    reader = openai_completions.reader()
    reply = fold(reader.feed(stream))
    assert reader.ended and reply.usage == Usage(3, 4)
    said = [[p.text for p in c.parts if isinstance(p, Text)] for c in reply.choices]
    assert said == [["Hi é"], ["two"]]
    assert [c.finish for c in reply.choices] == ["stop", "length"]


def test_log_probabilities_keep_what_they_say():
    native = {"tokens": ["a", "b"], "token_logprobs": [None, -1.5], "top_logprobs": [None, {"b": -1.5, "c": -2.0}],
              "text_offset": [0, 1]}  # fmt: skip
    assert to_completions(to_chat(native), 0) == native
    assert to_chat(None) is None and to_chat({"tokens": [5]}) is None and to_completions({"content": None}, 0) is None


@pytest.mark.parametrize(
    "broken",
    [
        b'data: {"error":{"message":"x","code":429}}\n\n',
        b'data: {"choices":[{"index":0,"text":"","finish_reason":"error"}]}\n\n',
        b"event: error\ndata: oh\n\n",
        b"data: x\n\ndata: y\n\n",
    ],
)
def test_an_error_in_a_stream_is_an_error(broken):
    for seen in (openai_completions.tap(hide_usage=False), openai_completions.reader()):
        seen.feed(b'data: {"choices":[{"index":0,"text":"a"}]}\n\n')
        seen.feed(broken)
        seen.close()  # what was used may be told after the end
        assert isinstance(seen.failure, UpstreamFailed) and not seen.ended


def test_a_stream_that_is_cut_is_no_clean_end():
    whole = b'data: {"choices":[{"index":0,"text":"a","finish_reason":"stop"}]}\n\n'
    for seen in (openai_completions.tap(hide_usage=False), openai_completions.reader()):
        seen.feed(whole.replace(b'"stop"', b"null"))
        seen.close()
        assert seen.failure is not None and seen.failure.code == "upstream_stream_interrupted"
    tap = openai_completions.tap(hide_usage=False)
    assert tap.feed(whole) + tap.close() == whole + b"data: [DONE]\n\n" and tap.ended


def test_odd_types_are_read_all_the_same():
    tap = openai_completions.tap(hide_usage=False)
    odd = b'data: {"choices":[{"index":"x","text":"abc","finish_reason":5}],"usage":{"prompt_tokens":"2"}}\n\n'
    assert tap.feed(odd) == odd and tap.text_bytes == 3 and tap.failure is None
    loose = openai_completions.sniff(b'{"choices":[{"text":5,"finish_reason":"length"}],"id":7}')
    assert loose.finish == "length" and loose.id is None
    for none in (b"", b"[]", b"{}", b'{"error":{"message":"x"}}'):
        with pytest.raises(UpstreamFailed):
            openai_completions.sniff(none)
