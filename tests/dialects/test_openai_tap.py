import json
import random
from functools import partial

import pytest

from headgate.core.money import Usage
from headgate.dialects.openai_tap import ChatTap
from headgate.dialects.sse import LIMIT
from tests.dialects import recorded
from tests.dialects.taps import fed, seen


def chunk(content=None, finish=None, index=0, **top):
    delta = {} if content is None else {"content": content}
    document = {"id": "c1", "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **top}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def event(document):
    return b"data: " + json.dumps(document).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
ONLY_USAGE = event({"id": "c1", "choices": [], "usage": USAGE})
WHOLE = chunk("", usage=None) + chunk("Grüße 🙂") + chunk(finish="stop") + ONLY_USAGE + DONE


def run(stream, *cuts, hide=False):
    return fed(partial(ChatTap, hide), stream, *cuts)


def test_a_whole_stream_passes_as_it_is():
    out, tap = run(WHOLE)
    assert out == WHOLE
    assert seen(tap) == (Usage(9, 2), "stop", len("Grüße 🙂".encode()), 4, True, True, False, None)


ODD = [
    WHOLE,
    WHOLE.replace(b"\n", b"\r\n"),
    WHOLE.replace(b"\n", b"\r"),
    WHOLE.replace(b"data: ", b"data:"),
    b"\xef\xbb\xbf" + WHOLE,
    b": PROCESSING\n\n" + WHOLE.replace(b"data: {", b": again\n\ndata: {"),
    WHOLE.replace(b"data: ", b"event: message\nid: 4\ndata: "),
    WHOLE.replace(b'{"id": "c1", ', b'{"id": "c1",\ndata: '),
    WHOLE.replace(DONE, b"") + b"data: [DONE]",
    WHOLE + DONE + chunk("late"),
    WHOLE.replace(DONE, b""),
    b"data: {broken\n\n" + WHOLE,
    chunk("a") + b"data: {broken\n\n" + chunk("b") + b"data: nonsense\n\n" + WHOLE,
    chunk("a") + b"data: {broken\n\ndata: {again\n\n" + WHOLE,
    chunk("a") + event({"error": {"message": "slow", "code": 429}}) + DONE,
    b'event: error\ndata: {"error":{"message":"x","type":"invalid_request_error","status_code":400}}\n\n',
    chunk("a"),
    chunk("a") + b'data: {"id":',
    chunk("a", index=0) + chunk("b", index=1) + chunk(finish="stop", index=0),
    chunk("a", index=0) + chunk("b", index=1) + chunk(finish="stop", index=0) + chunk(finish="length", index=1),
    b"data: " + rb'{"choices":[{"delta":{"content":"\ud83d"}}]}' + b"\n\n" + WHOLE,
    b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n' + WHOLE,
    event({"choices": [{"delta": {"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}]}}]}) + WHOLE,
    b'data: 5\n\ndata: "x"\n\ndata: null\n\n' + WHOLE,
    b"",
    DONE,
    b"\n\n\n" + WHOLE,
]


@pytest.mark.parametrize("stream", ODD)
def test_every_split_gives_the_same(stream):
    out, tap = run(stream)
    out = out.rstrip(b"\n")  # the LF of a last CRLF may come when everything is over
    for cut in range(1, len(stream)):
        one, cut_tap = run(stream, cut)
        assert (one.rstrip(b"\n"), seen(cut_tap)) == (out, seen(tap)), cut
    bytewise, byte_tap = run(stream, *range(1, len(stream)))
    assert (bytewise.rstrip(b"\n"), seen(byte_tap)) == (out, seen(tap))


@pytest.mark.parametrize("stream", ODD[:9])
def test_odd_spelling_passes_as_it_is(stream):
    out, tap = run(stream)
    assert out.rstrip(b"\r\n") == stream.rstrip(b"\r\n")
    assert (tap.usage, tap.finish, tap.ended, tap.failure) == (Usage(9, 2), "stop", True, None)


def test_nothing_passes_after_the_end():
    out, tap = run(WHOLE + DONE + chunk("late"))
    assert out == WHOLE
    assert tap.feed(chunk("later")) == b"" == tap.close()


def test_a_missing_terminator_is_supplied():
    out, tap = run(WHOLE.replace(DONE, b""))
    assert out == WHOLE
    assert tap.ended and tap.failure is None


def test_one_broken_event_is_left_out_and_counted():
    out, tap = run(chunk("a") + b"data: {broken\n\n" + WHOLE)
    assert out == chunk("a") + WHOLE
    assert (tap.malformed, tap.failure) == (1, None)


def test_two_broken_events_in_a_row_end_the_stream():
    out, tap = run(chunk("a") + b"data: {broken\n\ndata: {again\n\n" + WHOLE)
    assert out == chunk("a")
    assert (tap.failure.code, tap.failure.status, tap.failure.billed) == (
        "upstream_stream_interrupted",
        502,
        "uncertain",
    )


@pytest.mark.parametrize("tail", [b"", b"data: {", b'data: {"choices":[{"delta":{"content":"x"}}]'])
def test_a_cut_stream_never_ends_well(tail):
    out, tap = run(chunk("a") + tail)
    assert out == chunk("a")
    assert (tap.failure.code, tap.ended) == ("upstream_stream_interrupted", False)


def test_every_choice_must_have_ended():
    _, tap = run(chunk("a", index=0) + chunk("b", index=1) + chunk(finish="stop", index=0))
    assert tap.failure is not None
    out, tap = run(chunk("a") + chunk("b", index=1) + chunk(finish="stop") + chunk(finish="length", index=1))
    assert tap.failure is None and out.endswith(DONE)


def test_an_error_in_the_stream_is_kept_back_with_its_status():
    out, tap = run(event({"error": {"message": "slow", "code": 429}}) + DONE)
    assert out == b""
    assert (tap.failure.status, tap.failure.code, tap.started) == (429, "upstream_rate_limited", False)
    out, tap = run(chunk("a") + chunk("b", error={"message": "down", "code": 503}))
    assert out == chunk("a")
    assert (tap.failure.code, tap.started) == ("upstream_unavailable", True)
    _, tap = run(chunk("a", finish="error"))
    assert tap.failure is not None
    assert tap.feed(chunk("more")) == b"" == tap.close()


def test_usage_nobody_asked_for_is_taken_out():
    out, tap = run(WHOLE, hide=True)
    assert out == WHOLE.replace(ONLY_USAGE, b"")
    assert tap.usage == Usage(9, 2)
    out, tap = run(b": x\n\n" + WHOLE, hide=True)
    assert out == b": x\n\n" + WHOLE.replace(ONLY_USAGE, b"")
    for cut in range(len(WHOLE)):
        assert run(WHOLE, cut, hide=True)[0] == WHOLE.replace(ONLY_USAGE, b"")
    out, _ = run(chunk("a", usage=USAGE) + DONE, hide=True)
    assert out == chunk("a", usage=USAGE) + DONE


def usage_of(*said):
    _, tap = run(b"".join(event({"choices": [], "usage": one}) for one in said) + DONE)
    return tap.usage, tap.usage_flagged


def test_the_last_complete_usage_counts():
    more = {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}
    assert usage_of(USAGE, more, USAGE) == (Usage(9, 2), False)
    assert usage_of(USAGE, {"prompt_tokens": 9}) == (Usage(9, 2), False)
    assert usage_of(more, USAGE, None) == (Usage(9, 2), False)


@pytest.mark.parametrize(
    "absurd",
    [
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 9, "completion_tokens": 10**12},
        {"prompt_tokens": 9, "completion_tokens": 10**30},
        {"prompt_tokens": "many", "completion_tokens": 2},
        {"prompt_tokens": 9.5, "completion_tokens": 2},
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": -5}},
        [],
    ],
)
def test_absurd_usage_is_flagged_and_not_believed(absurd):
    assert usage_of(absurd) == (None, True)
    assert usage_of(USAGE, absurd) == (Usage(9, 2), True)


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1}}, Usage(9, 2, 4, 1)),
        (USAGE | {"completion_tokens_details": {"reasoning_tokens": 2}}, Usage(9, 2, 0, 0, 2)),
        (USAGE | {"total_tokens": 16, "completion_tokens_details": {"reasoning_tokens": 5}}, Usage(9, 7, 0, 0, 5)),
        (USAGE | {"prompt_cache_hit_tokens": 3}, Usage(9, 2, 3)),
        (USAGE | {"num_cached_tokens": 3, "prompt_tokens_details": None}, Usage(9, 2, 3)),
        (USAGE | {"completion_tokens_details": {"reasoning_tokens": 50}}, Usage(9, 2, 0, 0, 50)),
    ],
)
def test_each_arithmetic_becomes_ours(said, usage):
    assert usage_of(said) == (usage, False)


def test_groq_tells_usage_in_its_own_place():
    _, tap = run(chunk("a", x_groq={"id": "r"}) + chunk(finish="stop", x_groq={"usage": USAGE}) + DONE)
    assert tap.usage == Usage(9, 2)


@pytest.mark.parametrize(
    ("delta", "bytes_"),
    [
        ({"content": "é"}, 2),
        ({"reasoning_content": "abc"}, 3),
        ({"reasoning": "abc", "content": ""}, 3),
        ({"refusal": "no"}, 2),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a'}}, {"function": None}]}, 3),
        ({"function_call": {"arguments": "{}"}}, 2),
        ({"role": "assistant", "content": None}, 0),
    ],
)
def test_generated_text_is_counted(delta, bytes_):
    for prefix in (b"", b": slow way\n\n"):
        _, tap = run(prefix + event({"choices": [{"delta": delta}]}))
        assert (tap.text_bytes, tap.started) == (bytes_, bytes_ > 0)


def test_only_content_proves_an_answer():
    azure = event({"choices": [], "id": "", "model": "", "prompt_filter_results": []})
    _, tap = run(b": ping\n\n" + azure)
    assert not tap.started
    _, tap = run(azure + chunk(None))
    assert not tap.started, "whose turn it is"
    for delta in ({"content": "a"}, {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, {"audio": {"id": "a"}}):
        assert run(azure + event({"choices": [{"delta": delta}]}))[1].started
    assert run(event({"choices": [{"delta": {}, "finish_reason": "stop"}]}))[1].started


def test_an_event_of_the_limit_passes_and_one_byte_more_does_not():
    for extra in (0, 1):
        frame = chunk("")
        line = chunk("x" * (LIMIT - len(frame) + 2 + extra))
        assert len(line) - 2 == LIMIT + extra
        tap = ChatTap(False)
        out = b"".join(tap.feed(line[i : i + 65536]) for i in range(0, len(line), 65536))
        assert (out == line, tap.failure is None) == (not extra, not extra)
        tap = ChatTap(False)
        assert (tap.feed(line) == line, tap.failure is None) == (not extra, not extra)
    tap = ChatTap(False)
    for _ in range(LIMIT // 65536 + 1):
        assert tap.feed(b"x" * 65536) == b""
    assert tap.failure is not None and not tap._held


@pytest.mark.parametrize("name", recorded.CHAT)
def test_recorded_streams_pass_byte_for_byte(name):
    rng = random.Random(name)
    for stream in recorded.streams(name):
        whole, tap = run(stream)
        assert whole == stream
        assert tap.ended and tap.failure is None and tap.finish and tap.malformed == 0
        cuts = sorted(rng.sample(range(len(stream)), min(7, len(stream))))
        pieces, cut_tap = run(stream, *cuts)
        assert (pieces, seen(cut_tap)) == (stream, seen(tap))


def test_what_is_read_is_what_comes_in_small_pieces():
    stream = b"".join(chunk(f"w{i}") for i in range(400)) + chunk(finish="stop") + DONE
    tap = ChatTap(False)
    assert b"".join(tap.feed(stream[i : i + 1]) for i in range(len(stream))) == stream
    assert tap.ended
