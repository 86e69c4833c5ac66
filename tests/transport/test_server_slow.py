"""Clients that are slow on purpose or by fate: what they may hold, and for how long."""

import asyncio
import socket
import time
from typing import Any

import pytest

from headgate.core.errors import HeadgateError, Slow
from headgate.transport.outbox import MOST
from headgate.transport.server import Link
from tests.transport.serving import Raw, Seen, serving

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


async def trickle(client: Raw, data: bytes, pause: float) -> None:
    for byte in data:
        await client.send(bytes((byte,)))
        await asyncio.sleep(pause)


async def test_slow_headers_are_given_up() -> None:
    app = Seen()
    async with serving(app, head_timeout=0.2) as (server, port):
        client = await Raw.to(port)
        began = time.monotonic()
        sending = asyncio.create_task(
            trickle(client, b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200, 0.01)
        )
        answer = await client.answer()
        assert 0.19 < time.monotonic() - began < 5
        assert (answer.status, answer.error["code"], answer.error["type"]) == (408, "request_timeout", "timeout_error")
        assert answer.headers["connection"] == "close"
        assert await client.ended() == b""
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert app.links == []
        assert server.refused == {"request_timeout": 1}


async def test_the_head_of_a_second_request_has_its_own_time() -> None:
    async with serving(Seen(), head_timeout=0.2) as (_, port):
        client = await Raw.to(port)
        for _ in range(3):
            await trickle(client, GET % b"x", 0.003)
            assert (await client.answer()).status == 200
            await asyncio.sleep(0.15)


async def test_an_empty_line_is_the_beginning_of_a_request() -> None:
    async with serving(Seen(), head_timeout=0.1) as (_, port):
        client = await Raw.to(port)
        assert (await client.ask(b"\r\n")).status == 408


@pytest.mark.parametrize("framing", [b"Content-Length: 5000", b"Transfer-Encoding: chunked"])
async def test_a_slow_body_is_given_up_before_the_application_runs(framing: bytes) -> None:
    app = Seen()
    async with serving(app, body_window=0.2, body_rate=1000) as (_, port):
        client = await Raw.to(port)
        await client.send(b"POST /x HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
        sending = asyncio.create_task(trickle(client, b"1\r\n5\r\n" * 50, 0.01))
        answer = await client.answer()
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert app.links == []


async def test_a_slow_large_body_is_given_up_in_the_application() -> None:
    errors: list[HeadgateError] = []

    async def read(link: Link) -> None:
        try:
            await link.body(1 << 30)
        except HeadgateError as exc:
            errors.append(exc)
            link.respond(exc.status, b"", exc.code.encode())

    async with serving(Seen(read=read), body_window=0.2, body_rate=1000) as (_, port):
        client = await Raw.to(port)
        await client.send(POST % (b"read", 1_000_000))
        for _ in range(30):
            await client.send(bytes(10_000))
            await asyncio.sleep(0.02)
        assert errors == [], "50 KB a tenth of a second is fast enough"
        answer = await client.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (408, b"request_timeout", "close")
    assert [type(e) for e in errors] == [Slow]


async def test_time_that_the_application_takes_is_not_the_clients() -> None:
    async def wait(link: Link) -> None:
        await asyncio.sleep(0.5)
        body = await link.body(1 << 30)
        link.respond(200, b"", b"%d" % len(body))

    async with serving(Seen(wait=wait), body_window=0.1, body_rate=1000, head_timeout=0.1) as (_, port):
        client = await Raw.to(port)
        sending = asyncio.create_task(client.send(POST % (b"wait", 3_000_000) + bytes(3_000_000)))
        assert (await client.answer()).body == b"3000000"
        await sending
        expecting = await Raw.to(port)
        head = b"POST /wait HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        await expecting.send(head)
        await expecting.reader.readuntil(b"100 Continue\r\n\r\n")
        assert (await expecting.ask(b"abc")).body == b"3"


async def test_idle_connections_are_closed() -> None:
    async with serving(Seen(), keep_alive=0.2) as (server, port):
        fresh, used = await Raw.to(port), await Raw.to(port)
        for _ in range(3):
            assert (await used.ask(GET % b"x")).status == 200
            await asyncio.sleep(0.1)
        began = time.monotonic()
        assert await fresh.ended() == b""
        assert await used.ended() == b""
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.02)
        assert server.connections == 0


async def test_a_request_that_takes_long_is_not_idle() -> None:
    async def long(link: Link) -> None:
        await asyncio.sleep(0.3)
        link.respond(200, b"", b"at last")

    async with serving(Seen(long=long), keep_alive=0.05, head_timeout=0.05, body_window=0.05) as (_, port):
        client = await Raw.to(port)
        assert (await client.ask(GET % b"long")).body == b"at last"


class Tap:
    """An application that streams as long as it may, and notes what became of it."""

    def __init__(self) -> None:
        self.written = 0
        self.waited = 0
        self.ended = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        link: Link = scope["extensions"]["headgate"]
        link.on_close = self.gone.set
        link.start(200, b"content-type: text/event-stream\r\n")
        piece = b"data: " + b"x" * 8000 + b"\n\n"
        while not link.closed and self.written < 100_000_000:
            waiting = link.write(piece)
            self.written += len(piece)
            if waiting is not None:
                self.waited += 1
                await waiting
        link.end()
        self.ended.set()


async def test_a_slow_reader_holds_back_the_writer_and_is_cut() -> None:
    tap = Tap()
    async with serving(tap, write_stall=0.5) as (server, port):
        client = await Raw.to(port)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(GET % b"x")
        await asyncio.sleep(0.2)
        (conn,) = server._open
        assert conn.transport.get_write_buffer_size() <= 64 * 1024 + 8100 + MOST
        stopped_at = tap.written
        assert tap.waited >= 1
        await asyncio.sleep(0.1)
        assert tap.written == stopped_at, "the writer was not held back"
        began = time.monotonic()
        await asyncio.wait_for(tap.gone.wait(), 5)
        assert time.monotonic() - began < 5
        await asyncio.wait_for(tap.ended.wait(), 1)
        assert server.connections == 0


async def test_a_reader_that_makes_progress_is_not_cut() -> None:
    tap = Tap()
    async with serving(tap, write_stall=0.3) as (_, port):
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, GET % b"x")
            began = time.monotonic()
            while time.monotonic() - began < 1.2:
                assert await loop.sock_recv(sock, 1 << 20)
                await asyncio.sleep(0.05)
            assert not tap.gone.is_set()
        await asyncio.wait_for(tap.gone.wait(), 1)


async def test_one_who_reads_nothing_gets_no_second_answer() -> None:
    async def large(link: Link) -> None:
        link.respond(200, b"", bytes(10_000_000))

    app = Seen(large=large)
    async with serving(app, write_stall=0.4) as (server, port):
        client = await Raw.to(port)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(GET % b"large" * 5)
        await asyncio.sleep(0.2)
        assert len(app.links) == 1, "answers pile up for a client that does not read"
        await asyncio.sleep(0.6)
        assert server.connections == 0


async def test_two_thousand_slow_clients_do_not_hurt_the_others() -> None:
    async with serving(Seen(), head_timeout=5, tick=0.5) as (server, port):
        slow = await asyncio.gather(*(Raw.to(port) for _ in range(1000)))
        for client in slow:
            client.writer.write(b"GET / HTTP/1.1\r\nHos")
        await asyncio.sleep(0.1)
        client = await Raw.to(port)
        times = []
        for _ in range(200):
            began = time.perf_counter()
            assert (await client.ask(GET % b"x")).status == 200
            times.append(time.perf_counter() - began)
        assert server.connections == 1001
        assert sorted(times)[190] < 0.02
