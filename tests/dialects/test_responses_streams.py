"""Streams of responses: relayed, read and printed."""

import json
from typing import Any

import pytest

from headgate.core.chat import (
    Choice,
    Chunk,
    Citation,
    CitationDelta,
    Counted,
    End,
    Part,
    Reply,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)
from headgate.core.fold import fold, unfold
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.dialects.opaque import unwrap
from headgate.dialects.responses_words import NAME
from tests.dialects.recorded import dumped, every

REQUEST = openai_responses.read_request(b'{"model":"m","input":"hi"}')
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def recorded() -> list[bytes]:
    rows = [row for row in every("openai") if row["request"]["path"] == "/v1/responses"]
    found = [row["response"]["text"].encode() for row in rows if row["response"].get("text")]
    assert len(found) == 33
    return found


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def events(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in stream.decode().split("\n") if line.startswith("data: ")]


def run(pipe: Any, stream: bytes, step: int = 10**9) -> Any:
    out: Any = None
    for at in range(0, len(stream), step):
        more = pipe.feed(stream[at : at + step])
        out = more if out is None else out + more
    return (out or b"" if isinstance(out, bytes) else out or []) + pipe.close()


def told(reply: Reply) -> list[tuple[Any, ...]]:
    """What a reply says, without how its provider spelt it."""
    found: list[tuple[Any, ...]] = []
    for part in reply.choices[0].parts:
        if isinstance(part, Thinking):
            if part.text or part.signature:
                found.append(("thinking", part.text, part.signature, part.id))
        elif isinstance(part, ToolCall):
            found.append(("call", part.id, part.name, part.arguments))
        else:
            found.append((type(part).__name__, getattr(part, "text", None)))
    return found


def printed(chunks: list[Chunk], id_: str = "0198-ab") -> bytes:
    writer = openai_responses.writer(REQUEST)
    writer.id, writer.created = id_, 5
    return b"".join(writer.write([chunk]) for chunk in chunks) + writer.close()


LIFE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
WHOLE = LIFE | {"status": "completed", "usage": USAGE, "error": None, "incomplete_details": None}
BEGUN = event("response.created", sequence_number=0, response=LIFE)
ADDED = event("response.output_item.added", output_index=0, item={"type": "message", "id": "msg_1", "content": []})
SAID = event("response.output_text.delta", output_index=0, content_index=0, item_id="msg_1", delta="hä")
ENDED = event("response.completed", response=WHOLE)


@pytest.mark.parametrize("step", [1, 50, 10**9])
def test_recorded_streams_pass_event_for_event(step):
    for stream in recorded():
        tap: Any = openai_responses.tap(hide_usage=True)
        out = run(tap, stream, step)
        assert tap.ended and tap.failure is None and not tap.malformed
        assert events(out) == events(stream) and out.rstrip(b"\n") == stream.rstrip(b"\n")
        assert json.loads(tap.final) == events(stream)[-1]["response"]


@pytest.mark.parametrize("step", [1, 50, 10**9])
def test_recorded_streams_fold_to_their_own_last_word(step):
    for stream in recorded():
        final = events(stream)[-1]["response"]
        tap, reader = openai_responses.tap(hide_usage=True), openai_responses.reader()
        run(tap, stream, step)
        reply, whole = fold(run(reader, stream, step)), openai_responses.read_reply(dumped(final))
        assert reader.ended and reader.failure is None
        assert told(reply) == told(whole) and reply.choices[0].finish == whole.choices[0].finish
        assert reader.usage == tap.usage == whole.usage == reply.usage != None  # noqa: E711
        assert reader.finish == tap.finish == whole.choices[0].finish and reader.text_bytes == tap.text_bytes
        assert reply.usage is not None and reply.usage.total == final["usage"]["total_tokens"]


@pytest.mark.parametrize("other", [openai_chat, anthropic_messages, openai_responses])
def test_recorded_streams_survive_another_dialect(other):
    request = other.read_request(b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}],"input":"x"}')
    for stream in recorded():
        chunks = run(openai_responses.reader(), stream)
        writer, reader = other.writer(request), other.reader()
        again = run(reader, writer.write(chunks) + writer.close(), 70)
        assert reader.ended and reader.failure is None
        assert [one for one in told(fold(again)) if one[0] != "thinking"] == [
            one for one in told(fold(chunks)) if one[0] != "thinking"
        ]


def check(stream: bytes) -> dict[str, Any]:
    """Check the sequence as a strict client would; return the response it ends with."""
    seen = events(stream)
    names = [line[7:] for line in stream.decode().split("\n") if line.startswith("event: ")]
    assert names == [one["type"] for one in seen]
    assert [one["sequence_number"] for one in seen] == list(range(len(seen)))
    assert names[:2] == ["response.created", "response.in_progress"]
    added: dict[int, Any] = {}
    done: dict[int, Any] = {}
    texts: dict[tuple[Any, ...], str] = {}
    for one in seen[2:-1]:
        kind, at = one["type"], one["output_index"]
        if kind == "response.output_item.added":
            assert at == len(added)
            added[at] = one["item"]
            continue
        assert at in added and at not in done
        assert one.get("item_id", added[at]["id"]) == added[at]["id"]
        where = (at, one.get("content_index"), one.get("summary_index"))
        if kind.endswith("_part.added"):
            assert where not in texts
            texts[where] = ""
        elif kind.endswith(".delta"):
            texts[where] = texts.get(where, "") + one["delta"]
        elif kind == "response.output_item.done":
            assert one["item"]["id"] == added[at]["id"] and one["item"]["type"] == added[at]["type"]
            done[at] = one["item"]
        elif kind.endswith("_part.done"):
            assert one["part"].get("text", one["part"].get("refusal")) == texts[where]
        elif kind.endswith(".done"):
            assert one.get("text", one.get("arguments", one.get("refusal"))) == texts.get(where, "")
    assert done.keys() == added.keys()
    final: dict[str, Any] = seen[-1]["response"]
    assert final["output"] == [done[at] for at in sorted(done)]
    assert seen[-1]["type"] == f"response.{final['status']}"
    return final


PARTS: list[list[Part]] = [
    [Text("a")],
    [Thinking("t", signature="s", source="anthropic-messages"), Text("a"), ToolCall("c", "f", "{}")],
    [Thinking(redacted="r", source="anthropic-messages"), Thinking("t"), Thinking("u"), Text("a"), Text("b")],
    [Thinking(signature="g", source="gemini", of="c1"), ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "")],
    [],
]


@pytest.mark.parametrize("parts", PARTS)
def test_a_printed_stream_says_what_the_whole_reply_says(parts):
    reply = Reply(id="x", model="m", created=9, choices=[Choice(0, parts, "stop")], usage=Usage(3, 4))
    reply.call_id, reply.request = "0198-ab", REQUEST
    final = check(printed(unfold(reply)))
    assert final == json.loads(openai_responses.write_reply(reply))


def test_every_recorded_stream_is_printed_in_a_legal_sequence():
    for stream in recorded():
        final = check(printed(run(openai_responses.reader(), stream)))
        assert final["id"] == "resp_0198ab" and final["usage"]["total_tokens"] > 0


def test_calls_that_a_server_mixes_are_told_apart():
    chunks: list[Chunk] = [
        Start("i", "m"),
        ToolDelta(0, "a", "f"),
        ToolDelta(1, "b", "g", "{"),
        ToolDelta(0, arguments="{}"),
    ]
    final = check(printed([*chunks, ToolDelta(1, arguments="}"), End("tool_calls")]))
    assert [(one["call_id"], one["name"], one["arguments"]) for one in final["output"]] == [
        ("a", "f", "{}"),
        ("b", "g", "{}"),
    ]


def test_a_proof_in_pieces_is_one():
    chunks: list[Chunk] = [Start("i", "m"), TextDelta("t", kind="thinking", new=True)]
    chunks += [SignatureDelta(piece, source="anthropic-messages") for piece in ("si", "g")]
    final = check(printed([*chunks, TextDelta("u", kind="thinking"), TextDelta("a"), End("stop")]))
    first, second, third = final["output"]
    proof = unwrap(first["encrypted_content"])
    assert proof is not None and proof.signature == "sig" and first["summary"][0]["text"] == "t"
    assert second["summary"][0]["text"] == "u" and third["type"] == "message"
    foreign = unwrap(second["encrypted_content"])
    assert foreign is not None and foreign.signature is None, "not OpenAI's, who would look for it in vain"


def test_a_native_proof_is_told_under_its_own_name():
    chunks: list[Chunk] = [Start("i", "m"), SignatureDelta("gAAA", source=NAME, id="rs_1"), TextDelta("a"), End("stop")]
    assert check(printed(chunks))["output"][0] == {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [],
        "encrypted_content": "gAAA",
    }


def test_a_native_proof_that_comes_after_its_text_keeps_its_name_in_a_wrapping():
    chunks: list[Chunk] = [
        Start("i", "m"),
        TextDelta("t", kind="thinking"),
        SignatureDelta(None, "r", source=NAME, id="rs_1"),
    ]
    thought = check(printed([*chunks, TextDelta("a"), End("stop")]))["output"][0]
    proof = unwrap(thought["encrypted_content"])
    assert proof is not None and (proof.source, proof.redacted, proof.id) == (NAME, "r", "rs_1")
    assert thought["summary"][0]["text"] == "t"


def test_citations_logprobs_and_refusals_are_told_as_they_come():
    chunks: list[Chunk] = [
        Start("i", "m", usage=Usage(1)),
        TextDelta("a", logprobs={"content": [{"token": "a", "logprob": -0.1}]}),
        CitationDelta(Citation(url="https://x", title="t")),
        TextDelta("no", kind="refusal"),
        End("length", "max_tokens"),
        Counted(Usage(1, 2)),
    ]
    final = check(printed(chunks))
    text, refusal = final["output"][0]["content"]
    assert text["annotations"][0]["url"] == "https://x" and text["logprobs"] == [{"token": "a", "logprob": -0.1}]
    assert refusal == {"type": "refusal", "refusal": "no"}
    assert final["status"] == "incomplete" and final["usage"]["output_tokens"] == 2


def test_an_answer_that_says_nothing_is_complete():
    assert check(printed([]))["output"] == []


@pytest.mark.parametrize("make", [lambda: openai_responses.tap(hide_usage=True), openai_responses.reader])
@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (BEGUN + ADDED + SAID, "upstream_stream_interrupted"),
        (BEGUN + event("error", error={"type": "server_error", "message": "bad"}), "upstream_error"),
        (BEGUN + event("error", code="rate_limit_exceeded", message="slow", param=None), "upstream_rate_limited"),
        (b'data: {"type":"error","code":"server_error","message":"flat and unnamed"}\n\n', "upstream_error"),
        (BEGUN + event("response.failed", response=LIFE | {"error": {"code": "server_error", "message": "m"}}), "upstream_error"),
        (BEGUN + event("response.failed", response=LIFE), "upstream_error"),
        (BEGUN + b"data: {\n\ndata: {\n\n", "upstream_stream_interrupted"),
    ],
)  # fmt: skip
def test_what_fails_in_a_stream_is_a_failure(make, stream, code):
    for step in (1, 10**9):
        pipe = make()
        out = run(pipe, stream, step)
        assert pipe.failure is not None and pipe.failure.code == code
        assert not isinstance(out, bytes) or (b"event: error" not in out and b"response.failed" not in out)


@pytest.mark.parametrize(
    "stream", [BEGUN + ADDED + SAID + ENDED, (BEGUN + ADDED + SAID + ENDED).replace(b"\n", b"\r\n")]
)
def test_every_split_gives_the_same(stream):
    for step in range(1, len(stream), 3):
        tap, reader = openai_responses.tap(hide_usage=True), openai_responses.reader()
        assert run(tap, stream, step).rstrip(b"\r\n") == stream.rstrip(b"\r\n")
        chunks = run(reader, stream, step)
        assert fold(chunks).choices[0].parts == [Text("hä")]
        assert (tap.text_bytes, reader.text_bytes) == (3, 3) and tap.usage == reader.usage == Usage(3, 4)


def test_only_content_proves_an_answer():
    for make in (lambda: openai_responses.tap(hide_usage=True), openai_responses.reader):
        pipe = make()
        pipe.feed(BEGUN + event("response.in_progress", response=LIFE))
        assert not pipe.started
        pipe.feed(ADDED)
        assert not pipe.started, "an empty message"
        pipe.feed(SAID)
        assert pipe.started


def test_nothing_passes_after_the_end():
    tap = openai_responses.tap(hide_usage=True)
    assert tap.feed(BEGUN + ADDED + SAID + ENDED + SAID) == BEGUN + ADDED + SAID + ENDED
    assert tap.feed(SAID) == b"" == tap.close()


def test_absurd_usage_is_flagged_and_not_believed():
    absurd = event("response.completed", response=WHOLE | {"usage": {"input_tokens": 10**15, "output_tokens": 1}})
    for make in (lambda: openai_responses.tap(hide_usage=True), openai_responses.reader):
        pipe = make()
        run(pipe, BEGUN + ADDED + SAID + absurd)
        assert pipe.ended and pipe.usage is None and pipe.usage_flagged


def test_servers_that_tell_no_pieces_are_read_by_what_they_tell_at_the_end_of_an_item():
    item = {
        "type": "message",
        "id": "m",
        "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
    }
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "n", "arguments": "{}"}
    thought = {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": "t"}],
        "encrypted_content": "e",
    }
    stream = BEGUN + b"".join(
        event("response.output_item.done", output_index=i, item=one) for i, one in enumerate([thought, item, call])
    )
    reply = fold(run(openai_responses.reader(), stream + ENDED))
    assert told(reply) == [("thinking", "t", "e", "rs"), ("Text", "a"), ("Refusal", "b"), ("call", "c", "n", "{}")]


def test_reasoning_that_is_told_twice_is_read_once_and_its_paragraphs_are_parted():
    def piece(kind: str, index: str, number: int, text: str) -> bytes:
        return event(f"response.{kind}.delta", output_index=0, delta=text, **{index: number})

    stream = BEGUN + piece("reasoning_summary_text", "summary_index", 0, "one")
    stream += piece("reasoning_summary_text", "summary_index", 1, "two") + piece(
        "reasoning_text", "content_index", 0, "again"
    )
    reply = fold(run(openai_responses.reader(), stream + ENDED))
    assert told(reply) == [("thinking", "one\n\ntwo", None, None)]
