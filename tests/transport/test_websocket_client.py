"""WebSockets to upstreams: over TLS by an authority of one's own, and through a proxy."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from headgate.core.errors import UpstreamFailed
from headgate.transport.base import Origin, Outbound, Sender
from headgate.transport.client import Http1Sender
from headgate.transport.general import GeneralSender
from headgate.transport.websocket_client import open_socket
from tests.transport.authority import Authority

HEAD = b"GET /v1/realtime?model=m HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@asynccontextmanager
async def echoing(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, ssl=context, compression=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


class Proxy:
    """Makes tunnels, and remembers what it was asked."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(self.answer)
        if b" 200 " in self.answer:
            host, _, port = head.split(b" ")[1].rpartition(b":")
            there, onward = await asyncio.open_connection(host.decode(), int(port))
            await asyncio.gather(self._copy(reader, onward), self._copy(there, writer))
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


async def echoed(port: int, sender: Sender, *, tls: bool) -> str | bytes | None:
    socket = await open_socket(Outbound(Origin("127.0.0.1", port, tls), HEAD), 1 << 20, sender)
    try:
        if (waiting := socket.send("hello")) is not None:
            await waiting
        return await asyncio.wait_for(socket.receive(), 5)
    finally:
        socket.close()


async def test_who_its_sender_trusts_is_trusted(authority: Authority) -> None:
    async with echoing(authority.server("IP:127.0.0.1")) as port:
        assert await echoed(port, Http1Sender(ca_file=str(authority.cert)), tls=True) == "hello"
        with pytest.raises(UpstreamFailed) as refused:
            await echoed(port, Http1Sender(), tls=True)
        assert refused.value.code == "upstream_tls_error"


@pytest.mark.parametrize("tls", [False, True])
async def test_through_the_proxy_of_its_sender(authority: Authority, tls: bool) -> None:
    proxy = Proxy()
    async with (
        echoing(authority.server("IP:127.0.0.1") if tls else None) as port,
        await asyncio.start_server(proxy, "127.0.0.1", 0) as server,
    ):
        at = server.sockets[0].getsockname()[1]
        sender = GeneralSender(proxy=f"http://us%40er:word@127.0.0.1:{at}", ca_file=str(authority.cert))
        assert await echoed(port, sender, tls=tls) == "hello"
        head = proxy.heads[0].decode()
        assert head.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")
        assert base64.b64encode(b"us@er:word").decode() in head


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who are you\r\n\r\n", b"", b"nonsense\r\n\r\n"])
async def test_a_proxy_that_refuses(answer: bytes) -> None:
    async with await asyncio.start_server(Proxy(answer), "127.0.0.1", 0) as server:
        sender = GeneralSender(proxy=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(UpstreamFailed) as refused:
            await echoed(1, sender, tls=False)
        assert refused.value.code == "upstream_connect_error" and "proxy" in refused.value.message
