"""Event-stream framing: read as botocore reads it, whatever way it is cut; what is broken is never passed over."""

import base64
import json
import random
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.event_stream import LIMIT, MAX_HEADERS, Frames, encode, frame
from tests.dialects import recorded_converse

EVENT = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.binary(max_size=60),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.uuids(),
)


def frames(data: bytes, *, cut: int = 0) -> tuple[list[tuple[dict[str, Any], bytes]], Frames]:
    reader = Frames()
    found = []
    for at in range(0, len(data), cut or max(len(data), 1)):
        found += reader.feed(data[at : at + (cut or len(data))])
    return [(one.headers, one.payload) for one in found], reader


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.binary(max_size=300))
def test_what_is_written_is_read_again(headers, payload):
    found, reader = frames(encode(headers, payload))
    assert found == [(headers, payload)] and not reader.pending and not reader.broken


@given(
    st.dictionaries(NAMES, st.one_of(st.text(max_size=20), st.binary(max_size=9), st.booleans()), max_size=4),
    st.binary(max_size=99),
)
def test_botocore_reads_what_is_written(headers, payload):
    buffer = EventStreamBuffer()
    buffer.add_data(encode(headers, payload))
    (event,) = list(buffer)
    assert (event.headers, event.payload) == (headers, payload)


def test_every_type_of_header_is_read():
    block = bytes(
        b"\x01a\x00" b"\x01b\x01" b"\x01c\x02\xff" b"\x01d\x03\xff\xfe" b"\x01e\x04\0\0\0\x07" b"\x01f\x05" + (2**40).to_bytes(8, "big")
        + b"\x01g\x06\0\x02xy" b"\x01h\x07\0\x02\xc3\xa4" b"\x01i\x08" + (1700000000000).to_bytes(8, "big") + b"\x01j\x09" + bytes(range(16))
    )  # fmt: skip
    found, _ = frames(frame(block, b""))
    assert found == [
        ({"a": True, "b": False, "c": -1, "d": -2, "e": 7, "f": 2**40, "g": b"xy", "h": "ä", "i": 1700000000000, "j": UUID(bytes=bytes(range(16)))}, b"")
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 12, 13, 64, 1000])
def test_any_split_reads_the_same(cut):
    data = b"".join(encode({**EVENT, "n": n}, json.dumps({"n": n}).encode() * n) for n in range(9))
    assert frames(data, cut=cut)[0] == frames(data)[0] and len(frames(data)[0]) == 9


def test_an_unfinished_frame_is_held_and_seen():
    data = encode(EVENT, b"{}")
    for size in range(1, len(data)):
        found, reader = frames(data[:size])
        assert found == [] and reader.pending and not reader.broken


def test_a_changed_byte_is_never_passed_over():
    data = encode(EVENT, b'{"a":1}')
    for at in range(len(data)):
        broken = bytes(data[:at]) + bytes([data[at] ^ 1]) + data[at + 1 :]
        found, reader = frames(broken + data)
        assert found == [] and (reader.broken or reader.pending)
        assert reader.feed(data) == [] if reader.broken else True


@pytest.mark.parametrize(
    ("total", "headers", "says"),
    [
        (15, 0, "lengths"),
        (0, 0, "lengths"),
        (20, 8, "lengths"),
        (MAX_HEADERS + 100, MAX_HEADERS + 1, "lengths"),
        (LIMIT + 1, 0, "16 MiB"),
    ],
)
def test_lengths_that_cannot_be_are_refused_before_they_are_waited_for(total, headers, says):
    said = total.to_bytes(4, "big") + headers.to_bytes(4, "big")
    found, reader = frames(said + crc32(said).to_bytes(4, "big"))
    assert found == [] and says in reader.broken and not reader.pending


@pytest.mark.parametrize(
    "block",
    [b"\x05ab", b"\x01a", b"\x01a\x0a", b"\x01a\x07\0\x09ab", b"\x01a\x07\0\x01\xff", b"\x01a\x05\0", b"\x01a\x09\0"],
)
def test_headers_that_cannot_be_read_break_the_stream(block):
    found, reader = frames(frame(block, b"{}"))
    assert found == [] and "headers" in reader.broken


def test_the_frames_before_a_broken_one_are_kept():
    found, reader = frames(encode(EVENT, b"1") + encode(EVENT, b"2") + b"\xff" * 40)
    assert [payload for _, payload in found] == [b"1", b"2"] and reader.broken


def test_a_large_frame_passes():
    payload = random.Random(1).randbytes(LIMIT - 1000)
    found, reader = frames(encode(EVENT, payload), cut=1 << 20)
    assert found == [(EVENT, payload)] and not reader.broken


def test_recorded_streams_are_read_as_they_were():
    rows = [row["response"] for row in recorded_converse.rows() if "body_b64" in row["response"]]
    assert len(rows) == 20
    for response in rows:
        data = base64.b64decode(response["body_b64"])
        found, reader = frames(data, cut=97)
        assert not reader.pending and not reader.broken
        events = response.get("events")
        if events is not None:
            assert [{"headers": headers, "payload": json.loads(payload)} for headers, payload in found] == events
        assert b"".join(encode(headers, payload) for headers, payload in found) == data
