"""A client that leaves is noticed within 250 ms; one that has only closed its half is answered."""

import asyncio
import time
from collections.abc import Callable

import pytest

from headgate.transport.server import ClientGone, Link
from tests.transport.serving import Raw, Seen, serving

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
SOON = 0.25


class Watch:
    """An application that waits at a given point of its answer, and notes when it learns that the client is gone."""

    def __init__(self, until: Callable[[Link], None]) -> None:
        self.until = until
        self.calls = 0
        self.gone = asyncio.Event()
        self.ready = asyncio.Event()

    def left(self) -> None:
        self.calls += 1
        self.gone.set()

    async def __call__(self, scope, receive, send) -> None:
        link: Link = scope["extensions"]["headgate"]
        link.on_close = self.left
        await link.body(1 << 30)
        self.until(link)
        self.ready.set()
        await self.gone.wait()
        assert link.closed
        link.start(200, b"")
        link.write(b"to nobody")
        link.end()
        link.respond(200, b"", b"to nobody")
        link.abort()


def nothing(link: Link) -> None: ...


def started(link: Link) -> None:
    link.start(200, b"content-type: text/event-stream\r\n")


def streaming(link: Link) -> None:
    started(link)
    link.write(b"data: 1\n\nda")


def other_stream(link: Link) -> None:
    link.start(200, b"content-type: application/octet-stream\r\n")
    link.write(b"\0")


@pytest.mark.parametrize("until", [nothing, started, streaming, other_stream])
@pytest.mark.parametrize("way", ["close", "reset"])
async def test_a_client_that_leaves_is_noticed(until, way: str) -> None:
    watch = Watch(until)
    async with serving(watch) as (server, port):
        client = await Raw.to(port)
        await client.send(GET % b"x")
        await watch.ready.wait()
        await asyncio.sleep(0.02)
        began = time.monotonic()
        if way == "close":
            client.close()
        else:
            client.reset()
        await asyncio.wait_for(watch.gone.wait(), 2)
        assert time.monotonic() - began < SOON
        await asyncio.sleep(0.05)
        assert (server.active, server.connections, watch.calls) == (0, 0, 1)


async def test_a_client_that_leaves_with_its_request_is_noticed() -> None:
    watch = Watch(nothing)
    async with serving(watch) as (_, port):
        client = await Raw.to(port)
        began = time.monotonic()
        await client.send(GET % b"x")
        client.close()
        await asyncio.wait_for(watch.gone.wait(), 2)
        assert time.monotonic() - began < SOON


async def test_one_who_leaves_with_requests_in_line_is_noticed() -> None:
    watch = Watch(nothing)
    async with serving(watch) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"x" * 4)
        await watch.ready.wait()
        client.close()
        await asyncio.wait_for(watch.gone.wait(), SOON + 0.1)


async def test_one_who_leaves_before_the_end_of_the_body() -> None:
    errors: list[BaseException] = []

    async def read(link: Link) -> None:
        try:
            await link.body(1 << 30)
        except ClientGone as exc:
            errors.append(exc)
            raise

    app = Seen(read=read)
    async with serving(app) as (server, port):
        for size in (1000, 1_000_000):
            client = await Raw.to(port)
            await client.send(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nabc" % size)
            await asyncio.sleep(0.05)
            client.close()
            await asyncio.sleep(0.05)
            assert (server.active, server.connections) == (0, 0)
    assert len(errors) == len(app.links) == 1, "a short body is waited for before the application is asked"
    assert server.errors == []  # type: ignore[attr-defined]


async def test_half_closed_clients_are_answered() -> None:
    async with serving(Seen()) as (server, port):
        client = await Raw.to(port)
        await client.send(GET % b"one" + b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + GET % b"two")
        client.half_close()
        got = await client.ended()
        assert got.count(b"HTTP/1.1 200 OK\r\n") == 3
        assert got.startswith(b"HTTP/1.1 200 OK\r\n") and got.endswith(b"GET /two ")
        assert server.connections == 0


async def test_half_closed_clients_wait_for_slow_answers() -> None:
    calls = []

    async def slow(link: Link) -> None:
        link.on_close = lambda: calls.append(1)
        await asyncio.sleep(0.4)
        link.respond(200, b"", b"slow")

    async with serving(Seen(slow=slow)) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"slow" + GET % b"next")
        client.half_close()
        interim: list[int] = []
        assert (await client.answer(interim=interim)).body == b"slow"
        assert interim == [100]
        assert (await client.answer()).body == b"GET /next "
        assert await client.ended() == b""
        old = await Raw.to(port)
        await old.send(b"GET /slow HTTP/1.0\r\n\r\n")
        old.half_close()
        assert (await old.answer()).body == b"slow", "1.0 knows no interim answers"
    assert calls == []


async def test_half_closed_clients_get_their_streams_unharmed() -> None:
    async def stream(link: Link) -> None:
        link.start(200, b"content-type: text/event-stream\r\n")
        for n in range(6):
            link.write(b"data: %d\n" % n)
            await asyncio.sleep(0.05)
            link.write(b"\n")
        await asyncio.sleep(0.1)
        link.end()

    async with serving(Seen(stream=stream)) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"stream")
        client.half_close()
        answer = await client.answer()
        assert answer.body == b"".join(b"data: %d\n\n" % n for n in range(6))
        assert await client.ended() == b""


async def test_a_half_closed_client_that_then_leaves_is_noticed() -> None:
    watch = Watch(nothing)
    async with serving(watch) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"x")
        client.half_close()
        await client.reader.readuntil(b"100 Continue\r\n\r\n")
        await asyncio.sleep(0.3)
        assert not watch.gone.is_set()
        client.reset()
        await asyncio.wait_for(watch.gone.wait(), 1)


async def test_half_a_request_and_no_more() -> None:
    app = Seen()
    async with serving(app) as (server, port):
        for part in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"):
            client = await Raw.to(port)
            await client.send(part)
            client.half_close()
            assert await client.ended() == b""
        await asyncio.sleep(0.01)
        assert (app.links, server.connections) == ([], 0)


async def test_a_reset_while_we_write_is_no_error() -> None:
    async def pour(link: Link) -> None:
        link.start(200, b"")
        for _ in range(2000):
            waiting = link.write(bytes(100_000))
            if waiting is not None:
                await waiting
            if link.closed:
                return
            await asyncio.sleep(0)

    async with serving(Seen(pour=pour)) as (server, port):
        for _ in range(5):
            client = await Raw.to(port)
            await client.send(GET % b"pour")
            await client.reader.read(1000)
            client.reset()
        await asyncio.sleep(0.2)
        assert (server.active, server.connections) == (0, 0)
    assert server.errors == []  # type: ignore[attr-defined]


async def test_after_the_answer_nobody_is_called() -> None:
    calls = []

    async def quick(link: Link) -> None:
        link.on_close = lambda: calls.append(1)
        link.respond(200, b"", b"")
        await asyncio.sleep(0.1)

    async with serving(Seen(quick=quick)) as (server, port):
        client = await Raw.to(port)
        assert (await client.ask(GET % b"quick")).status == 200
        client.close()
        await asyncio.sleep(0.02)
        assert server.active == 1, "the request is in flight until the application returns"
        await asyncio.sleep(0.15)
        assert server.active == 0
    assert calls == []


async def test_a_failing_callback_leaves_the_server_well() -> None:
    async def bad(link: Link) -> None:
        def boom() -> None:
            raise ZeroDivisionError

        link.on_close = boom
        await asyncio.sleep(0.05)
        assert link.closed

    async with serving(Seen(bad=bad)) as (server, port):
        client = await Raw.to(port)
        await client.send(GET % b"bad")
        await asyncio.sleep(0.02)
        client.reset()
        await asyncio.sleep(0.1)
        assert (server.active, server.connections) == (0, 0)
        assert (await (await Raw.to(port)).ask(GET % b"x")).status == 200
    assert [type(e) for e in server.errors] == [ZeroDivisionError]  # type: ignore[attr-defined]
