"""Where a request ends, however it is cut into reads; and everything that two readers might understand differently."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.errors import BadRequest, HeadgateError, TooLarge
from headgate.transport.server_chunked import Chunked
from headgate.transport.server_head import Twin, parse_head
from tests.transport.serving import Raw, Seen, feed, serving

REQUESTS = (
    b"GET /one?a=b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
    b"POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nyou"
    b"\r\nPUT /three HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nhello\r\n1\r\n \r\n00a\r\n0123456789\r\n000\r\nX-Sum: 1\r\n\r\n"
    b"POST /four HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    b"DELETE /five HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nz"
)
SEEN = [
    (b"GET", b"/one?a=b", b""),
    (b"POST", b"/two", b"hello\r\n\r\nyou"),
    (b"PUT", b"/three", b"hello 0123456789"),
    (b"POST", b"/four", b""),
    (b"DELETE", b"/five", b"z"),
]


async def test_requests_cut_in_two_at_every_byte() -> None:
    for at in range(len(REQUESTS) + 1):
        app = Seen()
        pieces = [piece for piece in (REQUESTS[:at], REQUESTS[at:]) if piece]
        paper = await feed(app, *pieces)
        assert app.requests == SEEN, at
        assert paper.written.count(b"HTTP/1.1 200 OK\r\n") == 5
        assert not paper.closed


async def test_requests_a_byte_at_a_time() -> None:
    app = Seen()
    await feed(app, *(REQUESTS[n : n + 1] for n in range(len(REQUESTS))))
    assert app.requests == SEEN


async def test_requests_cut_in_three_places() -> None:
    for step in range(1, 40):
        app = Seen()
        await feed(app, *(REQUESTS[n : n + step] for n in range(0, len(REQUESTS), step)))
        assert app.requests == SEEN, step


POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
BAD = {
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two lengths in one": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "length with a plus": POST + b"Content-Length: +5\r\n\r\nhello",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "length with an underscore": POST + b"Content-Length: 1_0\r\n\r\nhellohello",
    "length with a space": POST + b"Content-Length: 1 0\r\n\r\nhellohello",
    "no length": POST + b"Content-Length:\r\n\r\n",
    "length beyond 64 bits": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "space before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "space before the colon of the coding": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding with junk": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size not hexadecimal": CHUNKED + b"5x\r\nhello\r\n0\r\n\r\n",
    "chunk size negative": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a space": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "chunk size with an underscore": CHUNKED + b"1_0\r\nhello\r\n0\r\n\r\n",
    "chunk size empty": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk size of 17 digits": CHUNKED + b"00000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk size with bare LF": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "chunk size with bare CR": CHUNKED + b"5\rhello\r\n0\r\n\r\n",
    "chunk extension with bare LF": CHUNKED + b"5;a=\nb\r\nhello\r\n0\r\n\r\n",
    "chunk extension with bare CR": CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "chunk extension with NUL": CHUNKED + b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "endless chunk extension": CHUNKED + b"5;" + b"a" * 20_000,
    "endless chunk extensions": CHUNKED + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 5,
    "chunk too long": CHUNKED + b"5\r\nhelloXX\r\n0\r\n\r\n",
    "chunk ends with bare LF": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"6\r\nhello\r\n0\r\n\r\n",
    "trailer with bare LF": CHUNKED + b"0\r\nX: y\n\r\n",
    "trailer with no colon": CHUNKED + b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "trailer folded": CHUNKED + b"0\r\nX: y\r\n z\r\n\r\n",
    "endless trailers": CHUNKED + b"0\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 1000,
    "last chunk ends with bare LF": CHUNKED + b"0\r\n\n",
    "bare LF everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF after a header": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\n",
    "bare CR after the version": b"GET / HTTP/1.1\rHost: a\r\n\r\n",
    "bare LF in front": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two empty lines in front": b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "folded with a tab": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
    "space before the first header": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "CR in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "control in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n",
    "NUL in a name": b"GET / HTTP/1.1\r\nHost: a\r\nX\0: ab\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n",
    "space in a name": b"GET / HTTP/1.1\r\nHost: a\r\nfoo bar: x\r\n\r\n",
    "name not ASCII": b"GET / HTTP/1.1\r\nHost: a\r\nfo\xc3\xa9: x\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "target not ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET x HTTP/1.1\r\nHost: a\r\n\r\n",
    "star": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute form with userinfo": b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute form without host": b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
    "space after the version": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "RTSP": b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n",
    "method in lower case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a response": b"HTTP/1.1 200 OK\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "junk": b"\xff\xfe\xfd\xfc" * 16,
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD.keys())
async def test_what_could_be_read_in_two_ways_is_refused(sent: bytes) -> None:
    app = Seen()
    async with serving(app) as (server, port):
        client = await Raw.to(port)
        answer = await client.ask(sent + SMUGGLED)
        assert answer.status == 400
        assert answer.error["type"] == "invalid_request_error"
        assert answer.headers["connection"] == "close"
        assert await client.ended() == b"", "a second answer"
        await client.send(SMUGGLED)
        await asyncio.sleep(0.01)
        assert app.requests == []
        assert sum(server.refused.values()) == 1


@pytest.mark.parametrize("name", [name for name, sent in BAD.items() if len(sent) < 2000])
async def test_it_is_refused_byte_by_byte_too(name: str) -> None:
    app = Seen()
    sent = BAD[name]
    paper = await feed(app, *(bytes((byte,)) for byte in sent + SMUGGLED))
    assert paper.written.startswith(b"HTTP/1.1 400 "), name
    assert paper.written.count(b"\r\n\r\n") == 1
    assert app.requests == []


async def test_a_bad_request_behind_a_good_one_is_refused_in_its_turn() -> None:
    app = Seen()
    async with serving(app) as (_, port):
        client = await Raw.to(port)
        await client.send(b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n" + BAD["two lengths"] + SMUGGLED)
        assert (await client.answer()).body == b"GET /good "
        assert (await client.answer()).status == 400
        assert await client.ended() == b""
        assert len(app.requests) == 1


async def test_a_fault_late_in_a_large_body_reaches_the_application() -> None:
    errors: list[HeadgateError] = []

    async def read(link) -> None:
        try:
            await link.body(1 << 30)
        except HeadgateError as exc:
            errors.append(exc)
            link.respond(exc.status, b"", b"told by the application")

    app = Seen(read=read)
    async with serving(app) as (_, port):
        client = await Raw.to(port)
        await client.send(CHUNKED.replace(b"POST /", b"POST /read") + b"186A0\r\n" + bytes(100_000) + b"\r\n")
        await asyncio.sleep(0.02)
        await client.send(b"zz\r\n" + SMUGGLED)
        answer = await client.answer()
        assert (answer.status, answer.body) == (400, b"told by the application")
        assert answer.headers["connection"] == "close"
        assert await client.ended() == b""
    assert [(type(e), e.code) for e in errors] == [(BadRequest, "invalid_framing")]


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_chunks_mean_the_same_however_they_arrive(parts: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire) - 1), max_size=6)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    pieces[-1] += b"next"
    out: list[bytes | bytearray] = []
    chunks = Chunked(1000)
    ends = [chunks.feed(piece, out) for piece in pieces if piece]
    assert b"".join(out) == b"".join(parts)
    assert ends[-1] == len(pieces[-1]) - 4
    assert all(end == -1 for end in ends[:-1])
    assert chunks.received == sum(map(len, parts))


@given(st.binary(max_size=60))
def test_no_bytes_make_the_chunk_reader_fail(junk: bytes) -> None:
    out: list[bytes | bytearray] = []
    try:
        Chunked(1000).feed(junk, out)
    except (BadRequest, TooLarge):
        pass
    assert sum(map(len, out)) <= 1000


@given(st.one_of(st.binary(max_size=80), st.text(alphabet="GETPOST /HTP1.: \tahostlengh-5\r\n", max_size=80)))
def test_no_bytes_make_the_head_reader_fail(junk: bytes | str) -> None:
    sent = (junk if isinstance(junk, bytes) else junk.encode()) + b"\r\n\r\n"
    try:
        head = parse_head(sent[: sent.find(b"\r\n\r\n") + 4], 100, 10)
    except HeadgateError:
        return
    assert head.target.startswith(b"/")
    assert b"host" in head.headers or not head.http11


TWINS = {
    "plain": POST + b"Content-Length: %b\r\nX: y\r\n\r\n",
    "last": POST + b"X: y\r\ncontent-length: %b\r\n\r\n",
    "closing": POST + b"Connection: close\r\nContent-Length: %b\r\n\r\n",
    "of 1.0": b"POST / HTTP/1.0\r\nContent-Length: %b\r\n\r\n",
}


@pytest.mark.parametrize("digits", [b"0", b"1", b"007", b"4294967296", b"9999999999"])
@pytest.mark.parametrize("text", TWINS.values(), ids=TWINS)
def test_a_twin_reads_what_the_parser_reads(text: bytes, digits: bytes) -> None:
    twin = Twin.of(text % b"12", parse_head(text % b"12", 1000, 100))
    assert twin is not None
    other = text % digits
    found = twin.read(other + b"and its body\r\n\r\n")
    assert found is not None
    whole = parse_head(other, 1000, 100)
    assert found[1] == len(other)
    for name in ("method", "target", "headers", "length", "http11", "keep_alive", "expects", "deflated"):
        assert getattr(found[0], name) == getattr(whole, name), name
    found[0].memo["what"] = "is made of the headers"
    again = twin.read(other)
    assert again is not None and again[0].memo == found[0].memo and not whole.memo


@pytest.mark.parametrize(
    "length",
    [b"", b" 5", b"+5", b"-5", b"5 ", b"5, 5", b"0x5", b"5\r\nContent-Length: 5", b"5\r\nTransfer-Encoding: chunked",
     b"5\r\nX: z", b"5\n", b"\xb2", b"12345678901", b"5\r\n"],
)  # fmt: skip
def test_a_twin_leaves_the_rest_to_the_parser(length: bytes) -> None:
    text = TWINS["plain"] % b"5"
    twin = Twin.of(text, parse_head(text, 1000, 100))
    assert twin is not None
    assert twin.read(text.replace(b"Content-Length: 5", b"Content-Length: " + length)) is None
    assert twin.read(text.replace(b"X: y", b"X: z")) is None
    assert twin.read(text[:-2]) is None


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"a:5\r\nContent-Length:5\r\n",
        b"Content-Length: 0\r\nContent-Encoding: gzip\r\n",
        b"Content-Length: 5\r\nContent-Encoding: gzip\r\n",
        b"Content-Length: 5\r\nExpect: 100-continue\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nX: " + b"y" * 5000 + b"\r\n",
    ],
)
def test_a_head_that_says_more_of_its_body_has_no_twin(lines: bytes) -> None:
    text = POST + lines + b"\r\n"
    assert Twin.of(text, parse_head(text, 1000, 100)) is None


async def test_bodies_of_several_lengths_under_the_same_head() -> None:
    app = Seen()
    bodies = [b"a", b"", b"x" * 1000, b"\r\n\r\n", b"a"]
    request = [POST + b"Content-Length: %d\r\nX: y\r\n\r\n%b" % (len(body), body) for body in bodies]
    await feed(app, b"".join(request), *request)
    assert [body for _, _, body in app.requests] == bodies + bodies
