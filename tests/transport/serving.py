"""A server under test, a raw client for it, and a transport of paper where the order of reads must be exact."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from headgate.transport.server import App, Link, Scope, Server, ServerLimits, bind, start
from headgate.transport.server_connection import Connection

Handler = Callable[[Link], Awaitable[None]]


class Seen:
    """An application that notes each request and echoes it, or hands it to the handler of its path."""

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = {f"/{name}".encode(): handler for name, handler in handlers.items()}
        self.requests: list[tuple[bytes, bytes, bytes]] = []
        self.links: list[Link] = []

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        link: Link = scope["extensions"]["headgate"]
        self.links.append(link)
        handler = self.handlers.get(link.target)
        if handler is not None:
            await handler(link)
            return
        body = await link.body(1 << 30)
        self.requests.append((link.method, link.target, body))
        link.respond(200, b"content-type: text/plain\r\n", link.method + b" " + link.target + b" " + body)


@asynccontextmanager
async def serving(app: App, **limits: Any) -> AsyncIterator[tuple[Server, int]]:
    errors: list[BaseException] = []
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    limits.setdefault("tick", 0.02)
    server = await start(app, [sock], limits=ServerLimits(**limits), on_error=lambda exc, scope: errors.append(exc))
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    try:
        yield server, port
        await asyncio.sleep(0)
    finally:
        for client in Raw.clients:
            client.close()
        Raw.clients.clear()
        await server.drain(0, 0)
        await asyncio.sleep(0)
    assert not faults, faults
    server.errors = errors  # type: ignore[attr-defined]


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json()["error"]


class Raw:
    """A client that sends exactly what it is told, and reads answers with asyncio's streams."""

    clients: ClassVar[list["Raw"]] = []
    """All that were made while a server is up: it closes them when it goes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.append(self)
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int) -> "Raw":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head: bool = False, interim: list[int] | None = None) -> Answer:
        """Read one answer; 1xx ones are noted in *interim*, or an error."""
        async with asyncio.timeout(5):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            status = int(lines[0].split(" ")[1])
            if 100 <= status < 200:
                assert interim is not None, f"an interim {status}"
                interim.append(status)
                return await self.answer(head=head, interim=interim)
            headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            return Answer(status, headers, b"" if head or status in (204, 304) else await self._body(headers))

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            out = b""
            while size := int((await self.reader.readline()).strip(), 16):
                out += await self.reader.readexactly(size)
                assert await self.reader.readexactly(2) == b"\r\n"
            assert await self.reader.readline() == b"\r\n"
            return out
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        return await self.reader.read()

    async def ask(self, data: bytes) -> Answer:
        await self.send(data)
        return await self.answer()

    async def ended(self) -> bytes:
        """Read on to the end of the stream."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    def half_close(self) -> None:
        self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class Paper(asyncio.Transport):
    """A transport that keeps what is written, for reads in an exact order."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed


async def feed(app: App, *pieces: bytes, **limits: Any) -> Paper:
    """Give *pieces* to a connection as one read each, and let the application run between them."""
    server = await start(app, [], limits=ServerLimits(**limits))
    conn, paper = Connection(server), Paper()
    conn.connection_made(paper)
    for piece in pieces:
        conn.data_received(piece)
        for _ in range(3):
            await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    conn.connection_lost(None)
    await server.drain(0, 0)
    return paper
