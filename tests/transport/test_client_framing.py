"""Where a response begins and ends, whatever way it says so and however it is cut into reads."""

import asyncio
import gzip
import time
import zlib

import pytest

from headgate.transport.coding import MAX_OUTPUT
from tests.transport.upstream import HEAD, OK, Peer, failure, fetch, repeat, sender, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
# what is sent; the status and body it means; whether the connection can serve another request
WHOLE = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "length zero": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b"", True),
    "no reason phrase": (b"HTTP/1.1 503 \r\ncontent-length: 1\r\n\r\n!", 503, b"!", True),
    "chunked": (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 200, b"hello world", True),
    "chunked in capitals": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        200,
        b"0123456789",
        True,
    ),
    "chunk extensions": (CHUNKED + b"5;a=b\r\nhello\r\n0;c\r\n\r\n", 200, b"hello", True),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n", 200, b"hello", True),
    "empty chunked": (CHUNKED + b"0\r\n\r\n", 200, b"", True),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\nhello", 200, b"hello", False),
    "until close, empty": (b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n\r\n", 200, b"", False),
    "connection: close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
    "1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
    "1.0 until close": (b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok", False),
    "1.0 kept alive": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", 304, b"", True),
    "100": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
    "103 and 102": (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK,
        200,
        b"ok",
        True,
    ),
    "redirect": (b"HTTP/1.1 302 Found\r\nlocation: http://x/\r\ncontent-length: 0\r\n\r\n", 302, b"", True),
    "error": (b"HTTP/1.1 429 Slow\r\nretry-after: 2\r\ncontent-length: 4\r\n\r\nslow", 429, b"slow", True),
    "junk behind": (OK + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother", 200, b"ok", False),
    "a byte behind": (OK + b"H", 200, b"ok", False),
    "garbage behind": (OK + b"\x00\x01\x02", 200, b"ok", False),
    "a body behind 204": (b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok", 204, b"", False),
    "behind chunked": (CHUNKED + b"0\r\n\r\nleft", 200, b"", False),
    "gzip": (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"hello", mtime=0)), gzip.compress(b"hello", mtime=0)),
        200,
        b"hello",
        True,
    ),
}
BROKEN = {
    "not http": b"220 mail.example.com ESMTP\r\n\r\n",
    "http/2 preface": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "html only": b"<html>hello</html>\r\n\r\n",
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "http/3.7": b"HTTP/3.7 200 OK\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk",
    "length and chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "length of words": b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",
    "length past 64 bits": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nok",
    "unknown transfer coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nok",
    "two transfer codings": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "transfer codings on two lines": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "bad chunk size": CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"3\r\nhello\r\n0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nxx",
    "101 without upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\nxx",
    "too many lines": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 201 + b"content-length: 0\r\n\r\n",
    "too long a line": b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\na: " + b"b" * 300_000,
    "endless interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    "endless trailers": CHUNKED + b"0\r\nx: " + b"y" * 300_000,
    "endless chunk extension": CHUNKED + b"5;" + b"y" * 300_000,
    "unknown content coding": b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nok",
    "two content codings": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 2\r\n\r\nok",
    "corrupt gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\nnot gzip yet",
}


@pytest.mark.parametrize("name", WHOLE)
async def test_whole(name: str) -> None:
    """In one write, and with the close that ends some of them."""
    data, status, body, again = WHOLE[name]

    async def script(peer: Peer) -> None:
        await peer.reply(data)
        if again:
            await peer.reply(data)
        elif "until close" not in name:
            await peer.gone()  # a connection that cannot be used again is closed by the client

    async with upstream(script) as up, sender() as made:
        assert await fetch(made, up.out()) == (status, body)
        assert made.counts.idle == (1 if again else 0)
        assert await fetch(made, up.out()) == (status, body)
        assert len(up.peers) == (1 if again else 2)


# what comes behind, in a later read, comes on a connection that is idle or closed by then
DIVISIBLE = [name for name, (_, _, _, again) in WHOLE.items() if again or "close" in name or "1.0" in name]


@pytest.mark.parametrize("name", DIVISIBLE)
async def test_split_at_every_byte(name: str) -> None:
    """Two reads, the border at each place in turn; and then a byte at a time."""
    data, status, body, again = WHOLE[name]
    borders = [*range(1, len(data)), 0]

    async def script(peer: Peer) -> None:
        while borders:
            border = borders.pop(0)
            await peer.request()
            pieces = [data[:border], data[border:]] if border else [data[i : i + 1] for i in range(len(data))]
            for piece in pieces:
                await peer.send(piece)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            if not again:
                return

    async with upstream(script) as up, sender() as made:
        for _ in range(len(data)):
            assert await fetch(made, up.out()) == (status, body)
        assert not borders
        assert len(up.peers) == (1 if again else len(data))


@pytest.mark.parametrize("name", BROKEN)
async def test_broken(name: str) -> None:
    """A status that cannot be trusted, or a body that never ends: one code, the connection closed."""

    async def script(peer: Peer) -> None:
        await peer.reply(BROKEN[name])
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        error = await failure(fetch(made, up.out()))
        assert (error.status, error.code, error.billed) == (502, "upstream_invalid_response", "uncertain")
        if name != "corrupt gzip":  # there the message itself was whole
            assert not made.counts.open
            await asyncio.wait_for(up.peers[0].left.wait(), 1)


async def test_request_bytes() -> None:
    """The head, the extra lines, the length, the body; a GET says no length."""
    seen: list[tuple[bytes, bytes]] = []

    async def script(peer: Peer) -> None:
        while True:
            seen.append(await peer.request())
            await peer.send(OK)

    async with upstream(script) as up, sender() as made:
        large = bytes(range(256)) * 2000
        for out in (up.out(b"{}"), up.out(large), up.out(b""), up.out(b"", b"GET / HTTP/1.1\r\nhost: t\r\n")):
            assert await fetch(made, out) == (200, b"ok")
        assert seen == [
            (HEAD + b"x-extra: 1\r\ncontent-length: 2\r\n\r\n", b"{}"),
            (HEAD + b"x-extra: 1\r\ncontent-length: 512000\r\n\r\n", large),
            (HEAD + b"x-extra: 1\r\ncontent-length: 0\r\n\r\n", b""),
            (b"GET / HTTP/1.1\r\nhost: t\r\nx-extra: 1\r\n\r\n", b""),
        ]
        assert len(up.peers) == 1


async def test_answer_to_head_has_no_body() -> None:
    script = repeat(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    async with upstream(script) as up, sender() as made:
        for _ in range(2):
            response = await made.send(up.out(b"", b"HEAD / HTTP/1.1\r\nhost: t\r\n"))
            assert response.header(b"content-length") == b"5"
            assert await response.read_all(1, 10) == b""
            assert await response.read(1) == b""


async def test_headers() -> None:
    """Lower case, in order; of equal names the first; trailers and interim responses leave none behind."""
    data = (
        b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-One: a\r\nX-one: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    async with upstream(repeat(data)) as up, sender() as made:
        for _ in range(2):
            response = await made.send(up.out())
            assert response.headers == [(b"x-one", b"a"), (b"x-one", b"b"), (b"transfer-encoding", b"chunked")]
            assert response.header(b"x-one") == b"a"
            assert response.header(b"x-trailer") is None
            assert await response.read(1) == b""


async def test_stream_comes_as_it_arrives() -> None:
    """Each read gives what is there, and only a complete response ends in nothing."""
    step = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for i in range(5):
            await step.wait()
            step.clear()
            await peer.send(b"6\r\ndata %d\r\n" % i)
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        response = await made.send(up.out())
        for i in range(5):
            step.set()
            assert await response.read(1) == b"data %d" % i
        assert await response.read(1) == b""
        assert await response.read(1) == b""
        assert made.counts.idle == 1


async def test_what_came_before_a_cut_is_read_first() -> None:
    async def script(peer: Peer) -> None:
        await peer.reply(CHUNKED + b"5\r\nhello\r\n")
        await asyncio.sleep(0.02)
        if peer.number:
            peer.reset()

    async with upstream(script) as up, sender() as made:
        for _ in range(2):
            response = await made.send(up.out())
            await asyncio.sleep(0.05)
            assert await response.read(1) == b"hello"
            for _ in range(2):
                error = await failure(response.read(1))
                assert (error.status, error.code, error.billed) == (502, "upstream_stream_interrupted", "uncertain")
        assert not made.counts.open


@pytest.mark.parametrize("cut", [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", CHUNKED + b"5\r\nhello\r\n"])
async def test_short_body_is_never_whole(cut: bytes) -> None:
    async with upstream(repeat(cut, times=1)) as up, sender() as made:
        error = await failure(fetch(made, up.out()))
        assert (error.code, error.billed) == ("upstream_stream_interrupted", "uncertain")


async def test_unread_body_is_left_with_the_sender() -> None:
    """Nobody reads: 64 KiB and at most one read more are held, and all of it arrives once somebody does."""
    piece = b"x" * 16384
    total = 2000 * len(piece)
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        for _ in range(2000):
            await peer.send(piece)
            sent += len(piece)
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        response = await made.send(up.out())
        await asyncio.sleep(0.3)
        assert sent < total
        assert sum(map(len, response.chunks)) <= 64 * 1024 + 262_144
        got = 0
        while data := await response.read(2):
            got += len(data)
            assert len(data) <= 64 * 1024 + 262_144
        assert got == total
        assert made.counts.idle == 1


async def test_read_all_after_a_pause() -> None:
    async with (
        upstream(repeat(b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 3_000_000)) as up,
        sender() as made,
    ):
        response = await made.send(up.out())
        await asyncio.sleep(0.1)
        assert len(await response.read_all(2, 3_000_000)) == 3_000_000
        assert made.counts.idle == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n" + b"x" * 100_001,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_001,
        CHUNKED + b"186a1\r\n" + b"x" * 100_001 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 100_001, mtime=0),
    ],
    ids=["length", "until close", "chunked", "gzip"],
)
async def test_limit_of_read_all(data: bytes) -> None:
    async with upstream(repeat(data, times=1)) as up, sender() as made:
        error = await failure(fetch(made, up.out(), 100_000))
        assert error.code == "upstream_invalid_response"
        assert len((await fetch(made, up.out(), 100_001))[1]) == 100_001


async def test_limit_does_not_wait_for_more() -> None:
    """What is announced, or already there, is enough to refuse."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nhello" if peer.number else CHUNKED)
        if not peer.number:
            await peer.send(b"5\r\nhello\r\n")
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        for _ in range(2):
            response = await made.send(up.out())
            await asyncio.sleep(0.02)
            error = await failure(asyncio.wait_for(response.read_all(5, 4), 1))
            assert error.code == "upstream_invalid_response"
        assert not made.counts.open


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "bare deflate", "two members", "identity"])
async def test_content_coding(coding: str) -> None:
    """Decoded the same, read whole or in pieces, however it is cut."""
    text = b"".join(b'data: {"n": %d}\n\n' % i for i in range(20_000))
    bare = zlib.compressobj(wbits=-15)
    coded = {
        "deflate": zlib.compress(text),
        "bare deflate": bare.compress(text) + bare.flush(),
        "two members": gzip.compress(text[:1000], mtime=0) + gzip.compress(text[1000:], mtime=0),
        "identity": text,
    }.get(coding, gzip.compress(text, mtime=0))
    name = {"bare deflate": b"deflate", "two members": b"gzip"}.get(coding, coding.encode())

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\ntransfer-encoding: chunked\r\n\r\n" % name)
            for i in range(0, len(coded), 997):
                piece = coded[i : i + 997]
                await peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await peer.send(b"0\r\n\r\n")

    async with upstream(script) as up, sender() as made:
        assert await fetch(made, up.out()) == (200, text)
        response = await made.send(up.out())
        assert (response.header(b"content-encoding") is None) is (coding != "identity")
        got = b""
        while data := await response.read(1):
            got += data
        assert got == text


async def test_bomb() -> None:
    """A quarter of a gigabyte out of a quarter of a megabyte: refused, in little memory, whole or in pieces."""
    coder = zlib.compressobj(9, wbits=31)
    bomb = b"".join([coder.compress(bytes(1 << 24)) for _ in range(16)]) + coder.flush()
    assert len(bomb) < 300_000
    data = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb
    async with upstream(repeat(data)) as up, sender() as made:
        error = await failure(fetch(made, up.out(), MAX_OUTPUT))
        assert error.code == "upstream_invalid_response"
        response = await made.send(up.out())

        async def read() -> None:
            while data := await response.read(2):
                assert len(data) <= 1 << 20

        started = time.monotonic()
        error = await failure(read())
        assert error.code == "upstream_invalid_response"
        assert time.monotonic() - started < 5
        assert made.counts.open == made.counts.idle


async def test_coded_body_cut_short() -> None:
    data = gzip.compress(b"hello" * 1000, mtime=0)[:-9]
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
    async with upstream(repeat(head + data)) as up, sender() as made:
        error = await failure(fetch(made, up.out()))
        assert (error.code, error.billed) == ("upstream_invalid_response", "uncertain")


async def test_many_small_chunks() -> None:
    """100,000 chunks of a byte: equal content, in little time."""
    framed = CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    async with upstream(repeat(framed)) as up, sender() as made:
        started = time.process_time()
        assert await fetch(made, up.out()) == (200, b"x" * 100_000)
        assert time.process_time() - started < 5


async def test_long_stream_of_framing_and_content_in_turn() -> None:
    """A server that writes each chunk's size by itself: framing adds up without end, and may."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(3000):
            await peer.send(b"1;" + b"e" * 40 + b"\r\n")
            await asyncio.sleep(0)
            await peer.send(b"x\r\n")
            await asyncio.sleep(0)
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        assert await fetch(made, up.out()) == (200, b"x" * 3000)
