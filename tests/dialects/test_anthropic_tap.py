import json
import random
from functools import partial

import pytest

from headgate.core.money import Usage
from headgate.dialects.anthropic_tap import STOP, MessagesTap
from tests.dialects import recorded
from tests.dialects.taps import fed, seen


def event(type, **fields):
    return f"event: {type}\ndata: {json.dumps({'type': type, **fields})}\n\n".encode()


def delta(**fields):
    return event("content_block_delta", index=0, delta=fields)


START = event(
    "message_start",
    message={"id": "m", "content": [], "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}},
)
OPEN = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = delta(type="text_delta", text="Grüße 🙂")
CLOSE = event("content_block_stop", index=0)
END = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 12})
PING = event("ping")
WHOLE = START + OPEN + PING + TEXT + CLOSE + END + STOP
ERROR = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


run = partial(fed, MessagesTap)


def test_a_whole_stream_passes_as_it_is():
    out, tap = run(WHOLE)
    assert out == WHOLE
    assert seen(tap) == (Usage(12, 12, 7), "stop", len("Grüße 🙂".encode()), 7, True, True, False, None)


ODD = [
    WHOLE,
    WHOLE.replace(b"\n", b"\r\n"),
    WHOLE.replace(b"data: ", b"data:"),
    WHOLE.replace(b"event: ", b"id: 1\nevent: "),
    b": hello\n\n" + WHOLE,
    b"".join(b"data: " + block.partition(b"data: ")[2] + b"\n\n" for block in WHOLE.split(b"\n\n")[:-1]),
    WHOLE + PING + TEXT,
    START + OPEN + TEXT + ERROR + TEXT,
    ERROR,
    WHOLE.replace(STOP, b""),
    START + OPEN + TEXT,
    START + b"event: x\ndata: {broken\n\n" + WHOLE,
    START + b"event: x\ndata: {broken\n\nevent: x\ndata: {broken\n\n" + WHOLE,
    START + delta(type="text_delta", text=["odd"]) + END + STOP,
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"\\ud83d"}}\n\n' + WHOLE,
    event("error"),
    b"event: error\ndata: overloaded\n\n",
]


@pytest.mark.parametrize("stream", ODD)
def test_every_split_gives_the_same(stream):
    out, tap = run(stream)
    for cut in range(1, len(stream)):
        one, cut_tap = run(stream, cut)
        assert (one.rstrip(b"\n"), seen(cut_tap)) == (out.rstrip(b"\n"), seen(tap)), cut
    bytewise, byte_tap = run(stream, *range(1, len(stream)))
    assert (bytewise.rstrip(b"\n"), seen(byte_tap)) == (out.rstrip(b"\n"), seen(tap))


@pytest.mark.parametrize("stream", ODD[:6])
def test_odd_spelling_passes_as_it_is(stream):
    out, tap = run(stream)
    assert out.rstrip(b"\r\n") == stream.rstrip(b"\r\n")
    assert (tap.usage, tap.finish, tap.ended, tap.failure) == (Usage(12, 12, 7), "stop", True, None)


def test_the_end_is_the_end():
    assert run(WHOLE + PING + TEXT)[0] == WHOLE
    assert run(WHOLE.replace(STOP, b""))[0] == WHOLE
    out, tap = run(START + OPEN + TEXT)
    assert out == START + OPEN + TEXT
    assert tap.failure.code == "upstream_stream_interrupted" and not tap.ended


def test_an_error_is_kept_back_with_its_status():
    out, tap = run(START + ERROR)
    assert (out, tap.failure.status, tap.failure.code) == (START, 503, "upstream_unavailable")
    assert not tap.started
    out, tap = run(START + OPEN + TEXT + ERROR + TEXT)
    assert out == START + OPEN + TEXT and tap.started


def test_neither_start_nor_ping_proves_an_answer():
    assert not run(START + PING)[1].started
    assert not run(START + OPEN)[1].started, "an empty block"
    assert run(START + OPEN + TEXT)[1].started


def test_broken_events():
    out, tap = run(START + b"event: x\ndata: {broken\n\n" + OPEN + TEXT + CLOSE + END + STOP)
    assert out == START + OPEN + TEXT + CLOSE + END + STOP and tap.malformed == 1
    _, tap = run(START + b"event: x\ndata: {\n\nevent: x\ndata: {\n\n" + WHOLE)
    assert tap.failure.code == "upstream_stream_interrupted"


def test_usage_comes_in_parts():
    _, tap = run(START)
    assert tap.usage == Usage(12, 1, 7)
    late: dict[str, object] = {"input_tokens": 50, "cache_creation_input_tokens": 3, "output_tokens": 4}
    late["output_tokens_details"] = {"thinking_tokens": 2}
    _, tap = run(START + END + event("message_delta", delta={}, usage=late))
    assert tap.usage == Usage(60, 4, 7, 3, 2)


@pytest.mark.parametrize("absurd", [{"output_tokens": -1}, {"output_tokens": 10**12}, {"output_tokens": "x"}, "many"])
def test_absurd_usage_is_flagged_and_not_believed(absurd):
    _, tap = run(START + event("message_delta", delta={"stop_reason": "end_turn"}, usage=absurd))
    assert (tap.usage, tap.usage_flagged) == (Usage(12, 1, 7), True)


@pytest.mark.parametrize(
    ("fields", "bytes_"),
    [
        ({"type": "text_delta", "text": "é"}, 2),
        ({"type": "thinking_delta", "thinking": "abc"}, 3),
        ({"type": "input_json_delta", "partial_json": '{"a'}, 3),
        ({"type": "signature_delta", "signature": "xyz"}, 0),
    ],
)
def test_generated_text_is_counted(fields, bytes_):
    for prefix in (b"", b": slow way\n\n"):
        assert run(prefix + delta(**fields))[1].text_bytes == bytes_


def test_recorded_streams_pass_byte_for_byte():
    rng = random.Random(3)
    for stream in recorded.streams("anthropic"):
        out, tap = run(stream)
        assert out == stream
        assert tap.ended and tap.failure is None and tap.finish and tap.usage is not None
        cuts = sorted(rng.sample(range(len(stream)), 9))
        pieces, cut_tap = run(stream, *cuts)
        assert (pieces, seen(cut_tap)) == (stream, seen(tap))
