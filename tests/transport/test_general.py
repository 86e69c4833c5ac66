"""The general client: the same promises, through a proxy and over HTTP/2."""

import asyncio
import gzip
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable

import pytest

from headgate.transport import general
from headgate.transport.base import Inbound, Origin, Outbound, Sender
from headgate.transport.general import GeneralSender
from tests.transport.authority import Authority
from tests.transport.upstream import HEAD, OK, Peer, failure, repeat, settle, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


async def whole(sending: Awaitable[Inbound]) -> tuple[int, bytes]:
    response = await sending
    return response.status, await response.read_all(2, 1 << 20)


def test_it_is_a_sender() -> None:
    made: Sender = GeneralSender()
    assert made


def test_imported_on_first_use() -> None:
    """A gateway without proxies does not pay for it."""
    code = "import sys, headgate.transport.general; sys.exit('httpx2' in sys.modules or 'h2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_cannot_be_used_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in ("socks5://user:word@127.0.0.1:1080", "127.0.0.1:3128", ""):
        with pytest.raises(ValueError, match="a proxy is written") as caught:
            GeneralSender(proxy=proxy)
        assert "word" not in str(caught.value)
    monkeypatch.setattr(general, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="h2"):
        GeneralSender(http2=True)


async def test_plain() -> None:
    async with upstream(repeat(OK)) as up:
        made = GeneralSender()
        for _ in range(2):
            assert await whole(made.send(up.out(b"{}"))) == (200, b"ok")
        assert len(up.peers) == 1
        head = up.peers[0].requests[0]
        assert head.startswith(b"POST /v1/chat HTTP/1.1\r\n")
        assert b"x-extra: 1\r\n" in head
        assert head.lower().count(b"content-length: 2\r\n") == head.lower().count(b"host: test\r\n") == 1
        await made.close()
        await settle(lambda: up.peers[0].left.is_set())


async def test_target_goes_as_it_is() -> None:
    async with upstream(repeat(OK)) as up:
        made = GeneralSender()
        out = up.out(b"", b"GET /v1/models/a%2Fb:x?q=%20&y=[1] HTTP/1.1\r\nhost: t\r\n")
        assert await whole(made.send(out)) == (200, b"ok")
        assert up.peers[0].requests[0].startswith(b"GET /v1/models/a%2Fb:x?q=%20&y=[1] HTTP/1.1\r\n")
        await made.close()


async def test_through_a_proxy() -> None:
    """Plain requests name the whole URL; the proxy's credentials go to the proxy."""
    async with upstream(repeat(OK)) as proxy:
        made = GeneralSender(proxy=f"http://user:word@127.0.0.1:{proxy.port}")
        assert await whole(made.send(Outbound(Origin("upstream.example", 8000), HEAD))) == (200, b"ok")
        head = proxy.peers[0].requests[0]
        assert head.startswith(b"POST http://upstream.example:8000/v1/chat HTTP/1.1\r\n")
        assert b"proxy-authorization: basic " in head.lower()
        await made.close()


async def test_through_a_tunnel(authority: Authority) -> None:
    """TLS is spoken with the upstream itself, not with the proxy."""

    async def tunnel(peer: Peer) -> None:
        head, _ = await peer.request()
        assert head.startswith(b"CONNECT 127.0.0.1:%d " % up.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", up.port)
        await peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))

    async with upstream(repeat(OK), authority.server("IP:127.0.0.1")) as up, upstream(tunnel) as proxy:
        made = GeneralSender(proxy=f"http://127.0.0.1:{proxy.port}", ca_file=str(authority.cert))
        assert await whole(made.send(up.out())) == (200, b"ok")
        await made.close()
        await settle(lambda: proxy.peers[0].left.is_set())


async def test_proxy_that_refuses(authority: Authority) -> None:
    async with upstream(repeat(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")) as proxy:
        made = GeneralSender(proxy=f"http://127.0.0.1:{proxy.port}")
        error = await failure(made.send(Outbound(Origin("upstream.example", 443, True), HEAD)))
        assert (error.status, error.code, error.billed) == (502, "upstream_connect_error", "none")
        await made.close()


async def test_pinned_address_is_refused() -> None:
    """A proxy would resolve the name once more."""
    made = GeneralSender()
    error = await failure(made.send(Outbound(Origin("a.example", 80, address="192.0.2.1"), HEAD)))
    assert error.code == "upstream_connect_error"
    await made.close()


async def test_failures(authority: Authority) -> None:
    """Each as the other client calls it."""
    scripts = {
        "closed": b"",
        "garbage": b"hello\r\n\r\n",
        "lines": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 201 + b"\r\n",
        "coding": b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 0\r\n\r\n",
        "silence": None,
    }
    told = {}
    for name, data in scripts.items():

        async def script(peer: Peer, data: bytes | None = data) -> None:
            await peer.request()
            if data is None:
                await peer.gone()
            else:
                await peer.send(data)

        async with upstream(script) as up:
            made = GeneralSender()
            error = await failure(made.send(up.out(connect_timeout=0.1, headers_timeout=0.2)))
            told[name] = (error.status, error.code, error.billed)
            await made.close()
    assert told == {
        "closed": (502, "upstream_connect_error", "uncertain"),
        "garbage": (502, "upstream_invalid_response", "uncertain"),
        "lines": (502, "upstream_invalid_response", "uncertain"),
        "coding": (502, "upstream_invalid_response", "uncertain"),
        "silence": (504, "upstream_timeout", "uncertain"),
    }
    made = GeneralSender()
    error = await failure(made.send(Outbound(Origin("127.0.0.1", 1), HEAD)))
    assert (error.status, error.code, error.billed) == (502, "upstream_connect_error", "none")
    async with upstream(repeat(OK), authority.server("IP:127.0.0.1")) as up:
        error = await failure(made.send(up.out()))
        assert (error.status, error.code, error.billed) == (502, "upstream_tls_error", "none")
    await made.close()


async def test_bodies() -> None:
    """Pieces as they come, coded ones decoded; a cut, a stall and too much are errors."""
    coded = gzip.compress(b"hello")
    answers = [
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(coded), coded),
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
    ]

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            number = up.requests - 1
            await peer.send(answers[number])
            if number == 2:
                return
            if number == 3:
                await peer.gone()

    async with upstream(script) as up:
        made = GeneralSender()
        assert await whole(made.send(up.out())) == (200, b"hello")
        assert await whole(made.send(up.out())) == (200, b"hello")
        for code in ("upstream_stream_interrupted", "upstream_timeout"):
            response = await made.send(up.out())
            assert await response.read(1) == b"hello"
            error = await failure(response.read(0.1))
            assert (error.code, error.billed) == (code, "uncertain")
            error = await failure(response.read(0.1))
            assert error.code == "upstream_stream_interrupted"
        response = await made.send(up.out())
        assert (await failure(response.read_all(1, 4))).code == "upstream_invalid_response"
        response = await made.send(up.out())
        assert (await failure(response.read_all(1, 100))).code == "upstream_invalid_response"
        await made.close()


async def test_close_and_cancellation_reach_the_upstream() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number:
            await peer.send(CHUNKED)
        await peer.gone()

    async with upstream(script) as up:
        made = GeneralSender()
        sending = asyncio.create_task(made.send(up.out()))
        await settle(lambda: up.requests == 1)
        started = time.monotonic()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(up.peers[0].left.wait(), 1)
        response = await made.send(up.out())
        response.close()
        response.close()
        await asyncio.wait_for(up.peers[1].left.wait(), 1)
        response = await made.send(up.out())
        reading = asyncio.create_task(response.read(5))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(up.peers[2].left.wait(), 1)
        assert time.monotonic() - started < 5
        await made.close()


async def test_http2(authority: Authority) -> None:
    """Two requests at once on one connection, with bodies both ways."""
    config, connection, events = (pytest.importorskip(f"h2.{name}") for name in ("config", "connection", "events"))
    served: list[dict[bytes, bytes]] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        link = connection.H2Connection(config.H2Configuration(client_side=False, header_encoding=None))
        link.initiate_connection()
        while True:
            writer.write(link.data_to_send())
            data = await reader.read(65536)
            if not data:
                break
            for event in link.receive_data(data):
                if isinstance(event, events.RequestReceived):
                    served.append(dict(event.headers))
                elif isinstance(event, events.DataReceived):
                    link.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, events.StreamEnded):
                    link.send_headers(event.stream_id, [(":status", "200"), ("x-stream", str(event.stream_id))])
                    link.send_data(event.stream_id, b"hello", end_stream=True)
        writer.close()

    context = authority.server("IP:127.0.0.1")
    context.set_alpn_protocols(["h2"])
    assert isinstance(context, ssl.SSLContext)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    made = GeneralSender(http2=True, ca_file=str(authority.cert))
    origin = Origin("127.0.0.1", server.sockets[0].getsockname()[1], True)
    assert await whole(made.send(Outbound(origin, HEAD, body=b"x" * 100_000))) == (200, b"hello")
    assert await asyncio.gather(*[whole(made.send(Outbound(origin, HEAD))) for _ in range(2)]) == [(200, b"hello")] * 2
    assert connections == 1
    assert served[0][b":path"] == b"/v1/chat"
    assert served[0][b":authority"] == b"test"
    await made.close()
    server.close()
