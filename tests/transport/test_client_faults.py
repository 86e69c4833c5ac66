"""What an upstream can do to a request, and what each of it is called, costs, and leaves behind."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from headgate.core.errors import UpstreamFailed
from headgate.transport.base import Inbound, Origin, Outbound, Sender
from headgate.transport.client import Http1Sender
from headgate.transport.pool import Bounds
from tests.transport.upstream import HEAD, OK, Peer, deaf, failure, fetch, repeat, sender, settle, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def told(error: UpstreamFailed) -> tuple[object, ...]:
    return error.status, error.code, error.billed, error.retry, error.same_target


def test_it_is_a_sender() -> None:
    made: Sender = Http1Sender()
    assert made


async def test_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        origin = Origin("127.0.0.1", free.getsockname()[1])
        async with sender() as made:
            error = await failure(made.send(Outbound(origin, HEAD)))
            assert told(error) == (502, "upstream_connect_error", "none", True, True)
            assert f"127.0.0.1:{origin.port}" in error.message
            assert made.counts.open == 0


@pytest.mark.parametrize("host", ["name.invalid", "a" * 64 + ".example", "-", "bad host", ""])
async def test_no_such_host(host: str) -> None:
    async with sender() as made:
        error = await failure(made.send(Outbound(Origin(host, 80), HEAD)))
        assert told(error) == (502, "upstream_connect_error", "none", True, True)


async def test_connect_timeout() -> None:
    """A full backlog answers no SYN."""
    with deaf() as port:
        async with sender() as made:
            started = time.monotonic()
            out = Outbound(Origin("127.0.0.1", port), HEAD, connect_timeout=0.3)
            error = await failure(made.send(out))
            assert told(error) == (502, "upstream_connect_error", "none", True, False)
            assert 0.29 < time.monotonic() - started < 5


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-"])
async def test_closed_without_an_answer(reset: bool, sent: bytes) -> None:
    """On a new connection nothing is sent twice: the request may be at work."""

    async def script(peer: Peer) -> None:
        await peer.reply(sent)
        await asyncio.sleep(0.01)
        peer.reset() if reset else peer.close()

    async with upstream(script) as up, sender() as made:
        error = await failure(made.send(up.out()))
        assert told(error) == (502, "upstream_connect_error", "uncertain", True, False)
        assert up.requests == 1
        assert made.counts.open == 0


@pytest.mark.parametrize("first", [b"", b"220 mail.example.com ESMTP\r\n", b"reset"])
async def test_closed_before_the_request(first: bytes) -> None:
    """A server that hangs up, or speaks first: an error, whenever it is noticed, and no slot is lost."""

    async def script(peer: Peer) -> None:
        if first == b"reset":
            peer.reset()
        elif first:
            await peer.send(first)

    async with upstream(script) as up, sender(bounds=Bounds(connections=3)) as made:
        for _ in range(20):
            error = await failure(made.send(up.out()))
            assert error.code in ("upstream_connect_error", "upstream_invalid_response")
            assert made.counts.open == 0


async def test_headers_timeout() -> None:
    """Silence, and a head that trickles, are the same: the time is for the whole head."""

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20:
                await peer.send(bytes([byte]))
                await asyncio.sleep(0.02)
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        for _ in range(2):
            started = time.monotonic()
            error = await failure(made.send(up.out(headers_timeout=0.3)))
            assert told(error) == (504, "upstream_timeout", "uncertain", True, False)
            assert 0.29 < time.monotonic() - started < 5
            assert made.counts.open == 0
            await asyncio.wait_for(up.peers[-1].left.wait(), 0.25)


@pytest.mark.parametrize("whole", [False, True])
async def test_stall_in_a_body(whole: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.reply(CHUNKED + b"5\r\nhello\r\n")
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        response = await made.send(up.out())
        if not whole:
            assert await response.read(1) == b"hello"
        started = time.monotonic()
        error = await failure(response.read_all(0.2, 1000) if whole else response.read(0.2))
        assert told(error) == (504, "upstream_timeout", "uncertain", True, False)
        assert 0.19 < time.monotonic() - started < 5
        await asyncio.wait_for(up.peers[0].left.wait(), 0.25)


async def test_trickle_is_no_stall() -> None:
    """A byte in time is enough, read in pieces or whole; framing without content is not."""

    async def script(peer: Peer) -> None:
        await peer.reply(CHUNKED)
        for _ in range(8):
            await asyncio.sleep(0.06)
            await peer.send(b"1\r\nx\r\n")
        if peer.number == 2:
            while True:
                await asyncio.sleep(0.06)
                await peer.send(b"0" if peer.number else b"")
        await peer.send(b"0\r\n\r\n")

    async with upstream(script) as up, sender(bounds=None) as made:
        assert (await (await made.send(up.out())).read_all(0.2, 100)) == b"x" * 8
        response = await made.send(up.out())
        assert [await response.read(0.2) for _ in range(9)] == [b"x"] * 8 + [b""]
        response = await made.send(up.out())
        error = await failure(response.read_all(0.2, 100))
        assert error.code == "upstream_timeout"


async def test_slow_upload_is_no_silence() -> None:
    """A body of 30 MB is taken in slower than the headers' time, but without a stop."""

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        left = 30_000_000
        while left:
            left -= len(await peer.reader.read(500_000))
            await asyncio.sleep(0.01)
        await peer.send(OK)

    async with upstream(script) as up, sender() as made:
        started = time.monotonic()
        assert await fetch(made, up.out(b"x" * 30_000_000, headers_timeout=0.4)) == (200, b"ok")
        assert time.monotonic() - started > 0.45


async def test_upload_that_stops() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    async with upstream(script) as up, sender() as made:
        started = time.monotonic()
        error = await failure(made.send(up.out(b"x" * 30_000_000, headers_timeout=0.25)))
        assert told(error) == (504, "upstream_timeout", "uncertain", True, False)
        assert time.monotonic() - started < 5


async def test_answer_before_the_body_was_taken() -> None:
    """An early refusal is read; the half-written connection serves nobody else."""

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await asyncio.sleep(0.3)

    async with upstream(script) as up, sender() as made:
        assert await fetch(made, up.out(b"x" * 30_000_000)) == (413, b"big")
        assert made.counts.open == 0


async def test_bytes_on_an_idle_connection() -> None:
    """It is closed at once: nobody can tell to what they belong."""
    step = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reply()
        await step.wait()
        if not peer.number:
            await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await peer.reply()

    async with upstream(script) as up, sender() as made:
        assert await fetch(made, up.out()) == (200, b"ok")
        step.set()
        await settle(lambda: made.counts.open == 0)
        assert await fetch(made, up.out()) == (200, b"ok")
        assert len(up.peers) == 2


async def test_server_closes_an_idle_connection() -> None:
    async with upstream(repeat(OK, times=1)) as up, sender() as made:
        for n in range(3):
            assert await fetch(made, up.out()) == (200, b"ok")
            await settle(lambda: made.counts.open == 0)
            assert len(up.peers) == n + 1


class Bare:
    """An upstream whose sockets are closed in the very instant a test says, before the loop turns."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.made = Http1Sender()
        self.out = Outbound(Origin("127.0.0.1", self.listener.getsockname()[1]), HEAD, b"", b"x" * 500)
        self.requests = 0
        self.open: list[socket.socket] = []

    async def accept(self) -> socket.socket:
        sock, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        sock.setblocking(False)
        self.open.append(sock)
        return sock

    async def request(self, sock: socket.socket) -> None:
        self.requests += bool(await asyncio.get_running_loop().sock_recv(sock, 65536))

    async def answer(self, sock: socket.socket) -> None:
        await self.request(sock)
        await asyncio.get_running_loop().sock_sendall(sock, OK)

    async def pooled(self) -> socket.socket:
        """Return the server's end of a connection that has served once and is idle."""
        sending = asyncio.create_task(self.made.send(self.out))
        sock = await self.accept()
        await self.answer(sock)
        await (await sending).read_all(1, 100)
        return sock


@pytest_asyncio.fixture
async def bare() -> AsyncIterator[Bare]:
    made = Bare()
    yield made
    await made.made.close()
    for sock in [*made.open, made.listener]:
        sock.close()


def orderly(sock: socket.socket) -> None:
    sock.close()


def abrupt(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("close", [orderly, abrupt])
async def test_server_closed_it_as_the_request_left(bare: Bare, close: Callable[[socket.socket], None]) -> None:
    """The request met a closed socket, so it is sent once more, over a new connection, and no error is seen."""
    close(await bare.pooled())
    sending = asyncio.create_task(bare.made.send(bare.out))
    await bare.answer(await asyncio.wait_for(bare.accept(), 1))
    response = await sending
    assert await response.read_all(1, 100) == b"ok"
    assert bare.requests == 2


@pytest.mark.parametrize("close", [orderly, abrupt])
@pytest.mark.parametrize("pause", [0.0, 0.1])
async def test_server_closed_it_having_the_request(
    bare: Bare, close: Callable[[socket.socket], None], pause: float
) -> None:
    """The request was read to its end: it may be at work and paid for, so it is not sent again."""
    sock = await bare.pooled()
    sending = asyncio.create_task(bare.made.send(bare.out))
    await bare.request(sock)
    await asyncio.sleep(pause)
    close(sock)
    error = await failure(asyncio.wait_for(sending, 1))
    assert told(error) == (502, "upstream_connect_error", "uncertain", True, False)
    assert bare.requests == 2


async def test_only_one_more_try(bare: Bare) -> None:
    """A new connection that is closed too ends it."""
    (await bare.pooled()).close()
    sending = asyncio.create_task(bare.made.send(bare.out))
    sock = await bare.accept()
    await bare.request(sock)
    sock.close()
    error = await failure(asyncio.wait_for(sending, 1))
    assert told(error) == (502, "upstream_connect_error", "uncertain", True, False)
    assert bare.requests == 2


async def test_close_reaches_the_upstream() -> None:
    """Before the end, in every state, at once."""
    stages = [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n"]

    async def script(peer: Peer) -> None:
        await peer.reply(stages[peer.number])
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        for number in range(3):
            sending = asyncio.create_task(made.send(up.out()))
            if number == 0:
                await settle(lambda: up.requests == 1)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
            else:
                response = await sending
                response.close()
                response.close()
            started = time.monotonic()
            await asyncio.wait_for(up.peers[number].left.wait(), 1)
            assert time.monotonic() - started < 5
            assert made.counts.open == 0


async def test_close_wakes_a_reader() -> None:
    """Another task may close what this one reads: that is an interruption, never an end."""

    async def script(peer: Peer) -> None:
        await peer.reply(CHUNKED)
        await peer.gone()

    async with upstream(script) as up, sender() as made:
        for whole in (False, True):
            response = await made.send(up.out())
            reading = asyncio.create_task(response.read_all(9, 9) if whole else response.read(9))
            await asyncio.sleep(0.01)
            response.close()
            error = await failure(asyncio.wait_for(reading, 1))
            assert error.code == "upstream_stream_interrupted"
            error = await failure(response.read(1))
            assert error.code == "upstream_stream_interrupted"


async def test_close_of_the_sender() -> None:
    """What is under way fails, what comes later is refused, and no socket stays."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with upstream(script) as up:
        made = Http1Sender()
        sending = asyncio.create_task(made.send(up.out()))
        await settle(lambda: up.requests == 1)
        await made.close()
        await made.close()
        assert (await failure(sending)).code == "upstream_stream_interrupted"
        assert (await failure(made.send(up.out()))).status == 503
        await asyncio.wait_for(up.peers[0].left.wait(), 1)


async def test_response_is_an_inbound() -> None:
    async with upstream(repeat(OK)) as up, sender() as made:
        response: Inbound = await made.send(up.out())
        assert await response.read_all(1, 100) == b"ok"
