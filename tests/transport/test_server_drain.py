"""Stopping: what runs is finished, what comes is told to go elsewhere, and nothing waits for ever."""

import asyncio
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from headgate.transport.server import Link, ServerLimits, bind, start
from tests.transport.serving import Raw, Seen, serving

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_requests_in_flight_are_finished() -> None:
    go = asyncio.Event()

    async def slow(link: Link) -> None:
        link.start(200, b"")
        link.write(b"begun ")
        await go.wait()
        link.write(b"and ended")
        link.end()

    async with serving(Seen(slow=slow)) as (server, port):
        busy, idle, next_one = await Raw.to(port), await Raw.to(port), await Raw.to(port)
        await busy.send(GET % b"slow")
        assert (await idle.ask(GET % b"x")).headers.get("connection") is None
        await asyncio.sleep(0.02)
        draining = asyncio.create_task(server.drain(0.2, 5))
        await asyncio.sleep(0.05)
        assert server.draining
        assert (await next_one.ask(GET % b"x")).headers["connection"] == "close"
        assert await next_one.ended() == b""
        late = await Raw.to(port)
        assert (await late.ask(GET % b"x")).status == 200, "the accept-grace is for clients that do not know yet"
        await asyncio.sleep(0.25)
        assert await idle.ended() == b""
        with pytest.raises(OSError):
            await Raw.to(port)
        assert not draining.done()
        go.set()
        assert (await busy.answer()).body == b"begun and ended"
        assert await asyncio.wait_for(draining, 1) is True
        assert (server.active, server.connections) == (0, 0)


async def test_a_stream_that_does_not_end_is_told_and_cut() -> None:
    told = asyncio.Event()

    async def endless(link: Link) -> None:
        link.on_shutdown = told.set
        link.start(200, b"content-type: text/event-stream\r\n")
        while not told.is_set():
            link.write(b"data: x\n\n")
            await asyncio.sleep(0.01)
        link.write(b'data: {"error":{"code":"server_shutting_down"}}\n\n')
        link.end()

    cancelled = asyncio.Event()

    async def deaf(link: Link) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(Seen(endless=endless, deaf=deaf)) as (server, port):
        client, other = await Raw.to(port), await Raw.to(port)
        await client.send(GET % b"endless")
        await other.send(GET % b"deaf")
        await asyncio.sleep(0.05)
        began = time.monotonic()
        assert await server.drain(0, 0.2) is False
        assert time.monotonic() - began < 5
        assert b"server_shutting_down" in (await client.answer()).body
        assert await other.ended() == b""
        assert cancelled.is_set()
        assert (server.active, server.connections) == (0, 0)


async def test_abort_cuts_everything_at_once() -> None:
    gone = asyncio.Event()

    async def wait(link: Link) -> None:
        link.on_close = gone.set
        await gone.wait()

    async with serving(Seen(wait=wait)) as (server, port):
        client = await Raw.to(port)
        await client.send(GET % b"wait")
        await asyncio.sleep(0.02)
        server.abort()
        assert await client.ended() == b""
        await asyncio.wait_for(gone.wait(), 1)
        await asyncio.sleep(0.01)
        assert (server.active, server.connections) == (0, 0)


def test_bind_takes_what_it_is_given() -> None:
    with bind("127.0.0.1", 0) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        assert sock.getsockname()[1] > 0
        with pytest.raises(OSError):
            bind("127.0.0.1", sock.getsockname()[1])
    with bind("localhost", 0) as sock:
        assert sock.family in (socket.AF_INET, socket.AF_INET6)


async def test_a_socket_of_the_unix_domain(tmp_path: Path) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "s"))
    sock.listen()
    sock.setblocking(False)
    server = await start(Seen(), [sock])
    client = Raw(*await asyncio.open_unix_connection(tmp_path / "s"))
    assert (await client.ask(GET % b"x")).body == b"GET /x "
    client.close()
    Raw.clients.clear()
    assert await server.drain(0, 2)


async def test_small_answers_are_not_delayed() -> None:
    async with serving(Seen()) as (server, port):
        await Raw.to(port)
        await asyncio.sleep(0.01)
        (conn,) = server._open
        sock = conn.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate of its own, and a client's that trusts it."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-days", "2", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    trust = ssl.create_default_context(cafile=cert)
    trust.check_hostname = False
    return context, trust


async def test_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    context, trust = contexts
    gone = asyncio.Event()

    async def wait(link: Link) -> None:
        link.on_close = gone.set
        await gone.wait()

    sock = bind("127.0.0.1", 0)
    server = await start(Seen(wait=wait), [sock], limits=ServerLimits(tick=0.02), ssl_context=context)
    port = sock.getsockname()[1]
    client = Raw(*await asyncio.open_connection("127.0.0.1", port, ssl=trust))
    assert (await client.ask(GET % b"x")).body == b"GET /x "
    big = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000)
    assert len((await client.ask(big)).body) == 300_000 + 8
    leaving = Raw(*await asyncio.open_connection("127.0.0.1", port, ssl=trust))
    await leaving.send(GET % b"wait")
    await asyncio.sleep(0.05)
    leaving.close()
    await asyncio.wait_for(gone.wait(), 0.25)
    refused = await client.ask(b"GET / HTTP/1.1\r\n\r\n")
    assert refused.status == 400
    client.close()
    Raw.clients.clear()
    assert await server.drain(0, 2)
