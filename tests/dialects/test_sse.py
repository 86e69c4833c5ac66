import itertools
import random

import pytest

from headgate.dialects.sse import LIMIT, Parser


def parse(*pieces: bytes):
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


def meaning(events):
    return [(e.name, e.data) for e in events if e.data is not None]


def reference(stream: bytes):
    """The standard's own algorithm, line by line, on the whole stream."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    out: list[tuple[str, bytes]] = []
    name, data = "", list[bytes]()
    lines = text.split(b"\n")
    for line in lines[:-1]:  # what follows the last line end is unfinished
        if not line:
            if data:
                out.append((name, b"\n".join(data)))
            name, data = "", []
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return out


STREAMS = [
    b"data: one\n\ndata: two\n\n",
    b"data:one\r\n\r\ndata: two\r\n\r\n",
    b"data: one\r\rdata: two\r\r",
    b"data: a\r\ndata: b\ndata:  c\rdata\n\n",
    b"\xef\xbb\xbfevent: ping\ndata: {}\n\nevent: x\n\ndata: after\n\n",
    b": OPENROUTER PROCESSING\n\n: again\ndata: 1\n\n",
    b"id: 7\nretry: 10\nunknown\ndata: 1\nevent: late\n\n",
    'data: {"t": "Grüße 🙂"}\n\ndata: é\r\n\r\n'.encode(),
    b"\n\n\ndata: x\n\n\n\ndata: y\n\n",
    b"data: cut off",
    b"data: cut off\n",
    b"data: x\n\r\ndata: y\r\n\ndata: z\n\r",
    b"data:\n\ndata\n\n",
]


@pytest.mark.parametrize("stream", STREAMS)
def test_every_split_gives_the_same_events(stream):
    expected = reference(stream)
    assert meaning(parse(stream)) == expected
    for cut in range(len(stream) + 1):
        assert meaning(parse(stream[:cut], stream[cut:])) == expected, cut
    assert meaning(parse(*(bytes([b]) for b in stream))) == expected


@pytest.mark.parametrize("stream", STREAMS)
def test_raw_bytes_are_the_stream(stream):
    for cut in range(len(stream) + 1):
        events = parse(stream[:cut], stream[cut:])
        assert stream.startswith(b"".join(e.raw for e in events))
    assert stream.rstrip(b"\r\n").startswith(b"".join(e.raw for e in parse(stream)).rstrip(b"\r\n"))


def test_random_streams_agree_with_the_standard():
    rng = random.Random(7)
    alphabet = [b"data", b":", b" ", b"\n", b"\r", b"\r\n", b"event", b"x", "é".encode(), b"\xef\xbb\xbf", b"id"]
    for _ in range(3000):
        stream = b"".join(rng.choices(alphabet, k=rng.randrange(1, 30)))
        cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(4)))
        edges = [0, *cuts, len(stream)]
        pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
        assert meaning(parse(*pieces)) == reference(stream), pieces


def test_an_event_of_the_limit_passes_and_one_byte_more_does_not():
    line = b"data: " + b"x" * (LIMIT - 6)
    assert len(parse(line, b"\n\n")) == 1
    parser = Parser()
    assert parser.feed(line + b"x") == []
    assert parser.overflow and not parser.pending
    assert parser.feed(b"\n\ndata: y\n\n") == []
    whole = Parser()
    assert whole.feed(b"data: ok\n\n" + line + b"x\n\n")[0].data == b"ok"
    assert whole.overflow


def test_many_small_pieces_cost_little():
    parser = Parser()
    stream = b"data: " + b"y" * 50_000 + b"\n\n"
    events = [e for i in range(len(stream)) for e in parser.feed(stream[i : i + 1])]
    assert len(events) == 1
