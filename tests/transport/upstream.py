"""An upstream that does exactly what a test says: a raw socket server whose script is a coroutine."""

import asyncio
import gc
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from math import inf
from typing import Any

from headgate.core.errors import UpstreamFailed
from headgate.transport.base import Origin, Outbound, exchange
from headgate.transport.client import Http1Sender

HEAD = b"POST /v1/chat HTTP/1.1\r\nhost: test\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Peer:
    """One connection as the upstream sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        """0 for the first connection of the server."""
        self.requests: list[bytes] = []
        self.left = asyncio.Event()
        """Set when the script has ended, which it does at the latest when the other side closes."""

    async def request(self) -> tuple[bytes, bytes]:
        """Read one request: its head with the empty line, and its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        body = b""
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                body = await self.reader.readexactly(int(line[15:]))
        return head, body

    async def send(self, data: bytes) -> None:
        if self.writer.is_closing():
            raise ConnectionResetError("the other side has closed")
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, data: bytes = OK) -> None:
        await self.request()
        await self.send(data)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> float:
        """Wait until the other side has closed; return the loop's time then."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass
        return asyncio.get_running_loop().time()


Script = Callable[[Peer], Awaitable[None]]


class Upstream:
    """A listening server. ``peers`` are the connections so far."""

    def __init__(self, script: Script, tls: bool) -> None:
        self.script = script
        self.tls = tls
        self.peers: list[Peer] = []
        self.errors: list[BaseException] = []
        self.port = 0
        self.host = "127.0.0.1"

    @property
    def origin(self) -> Origin:
        return Origin(self.host, self.port, self.tls)

    def out(self, body: bytes = b"{}", head: bytes = HEAD, **more: Any) -> Outbound:
        return Outbound(self.origin, head, b"x-extra: 1\r\n", body, **more)

    @property
    def requests(self) -> int:
        return sum(len(peer.requests) for peer in self.peers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(self.peers))
        self.peers.append(peer)
        try:
            await self.script(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            peer.left.set()
            writer.close()


@asynccontextmanager
async def upstream(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Serve *script* on a free port. An error in it fails the test."""
    up = Upstream(script, context is not None)
    server = await asyncio.start_server(up.serve, up.host, 0, ssl=context, limit=1 << 20)
    up.port = server.sockets[0].getsockname()[1]
    try:
        yield up
    finally:
        server.close()
        for peer in up.peers:
            with suppress(AttributeError):  # before Python 3.11.4 a TLS transport that is closed cannot be aborted
                peer.writer.transport.abort()
        await asyncio.sleep(0.01)
    if up.errors:
        raise up.errors[0]


def repeat(data: bytes, times: int = 1 << 30) -> Script:
    """Answer every request with *data*, on as many connections as come."""

    async def script(peer: Peer) -> None:
        for _ in range(times):
            await peer.reply(data)

    return script


@asynccontextmanager
async def sender(**settings: object) -> AsyncIterator[Http1Sender]:
    made = Http1Sender(**settings)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


async def fetch(made: Http1Sender, out: Outbound, limit: int = 1 << 24) -> tuple[int, bytes]:
    """Send and read to the end."""
    answer, body = await exchange(made, out, limit, inf, 5.0)
    return answer.status, body


async def failure(work: Awaitable[object]) -> UpstreamFailed:
    """Return the failure that *work* ends in."""
    try:
        await work
    except UpstreamFailed as error:
        return error
    raise AssertionError("it did not fail")


def sockets() -> int:
    """Return how many sockets this process has open."""
    gc.collect()
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            pass
    return count


async def settle(condition: Callable[[], bool], seconds: float = 2.0) -> None:
    """Wait until *condition* holds; fail if it does not in time."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it did not come to be"
        await asyncio.sleep(0.005)


@contextmanager
def deaf() -> Iterator[int]:
    """A port where nobody picks up: a full backlog answers no SYN."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]
