"""ASGI's two callables over a link: https://asgi.readthedocs.io/en/latest/specs/www.html."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from headgate.core.errors import HeadgateError
from headgate.transport.server_errors import ClientGone, render, status_line
from headgate.transport.server_head import Head
from headgate.transport.server_link import BODILESS, ENDED, WAITING, WHOLE, Link

if TYPE_CHECKING:
    from headgate.transport.server_connection import Connection

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HOP = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive"))


class Exchange(Link):
    """A link that an ASGI application can be run on."""

    __slots__ = ("_announced", "_given", "_left", "_over")

    def __init__(self, conn: "Connection", head: Head) -> None:
        Link.__init__(self, conn, head)
        self._announced: tuple[int, bytes, int | None] | None = None
        self._given = False
        self._left = 0
        self._over: asyncio.Event | None = None

    async def run(self, app: App, scope: Scope) -> None:
        """Run *app* to its end, and answer in its place where it fails to."""
        try:
            await app(scope, self.receive, self.send)
            if self.mode != ENDED and not self.closed:
                raise RuntimeError("the application returned before its answer was complete")
        except Exception as exc:
            self._failed(exc, scope)
        except BaseException:
            self.abort()
            raise
        finally:
            self.conn.server.ended(self)

    async def receive(self) -> Event:
        """Return the next ``http.request`` or ``http.disconnect``."""
        if self._given:
            await self._wait_over()
            return {"type": "http.disconnect"}
        try:
            data = await self._piece()
        except ClientGone:
            self._given = True
            return {"type": "http.disconnect"}
        except HeadgateError as exc:
            self._given = True
            self._failed(exc, {})
            return {"type": "http.disconnect"}
        self._given = self.body_done
        return {"type": "http.request", "body": data, "more_body": not self.body_done}

    async def send(self, event: Event) -> None:
        """Take ``http.response.start`` or ``http.response.body``; wait while the client is behind."""
        if self.closed:
            return
        if event["type"] == "http.response.start":
            if self._announced is not None or self.mode != WAITING:
                raise RuntimeError("the response has already started")
            self._announced = self._lines(event["status"], event.get("headers", ()))
        elif event["type"] == "http.response.body":
            waiting = self._send_body(event.get("body", b""), more=event.get("more_body", False))
            if waiting is not None:
                await waiting
        else:
            raise RuntimeError(f"unexpected ASGI event {event['type']!r}")

    def gone(self) -> None:
        """The connection is lost: tell whoever waits."""
        if self._over is not None:
            self._over.set()
        Link.gone(self)

    async def _piece(self) -> bytes:
        if self.head.deflated:
            return await self.body(self.conn.server.limits.body)
        if not self.parts and not self.body_done:
            await self.more()
        return self.take()

    async def _wait_over(self) -> None:
        if self.closed or self.mode == ENDED:
            return
        if self._over is None:
            self._over = asyncio.Event()
        await self._over.wait()

    def _lines(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, bytes, int | None]:
        """Return the status, the header lines without those that frame, and the length if it is told."""
        length = None
        lines = []
        for name, value in headers:
            lower = name.lower()
            if lower not in _HOP:
                lines.append(b"%b: %b\r\n" % (name, value))
            elif lower == b"content-length":
                length = int(value)
            elif lower == b"connection" and value.lower() == b"close":
                self.keep = False
        block = b"".join(lines)
        if block.count(b"\r") != len(lines) or block.count(b"\n") != len(lines) or b"\0" in block:
            raise ValueError("a response header contains CR, LF or NUL")
        return status, block, length

    def _send_body(self, data: bytes, *, more: bool) -> Awaitable[None] | None:
        if self._announced is not None:
            status, lines, length = self._announced
            self._announced = None
            if not more and (length is None or length == len(data)):
                self.respond(status, lines, data)
                self._finish()
                return None
            self._open(status, lines, length)
        elif self.mode == WAITING:
            raise RuntimeError("the response has not started")
        elif self.mode == ENDED:
            raise RuntimeError("the response is already complete")
        waiting = self._write_whole(data) if self.mode == WHOLE else self.write(data)
        if not more:
            if self.mode == WHOLE and self._left:
                raise RuntimeError("the response is shorter than its Content-Length")
            self.end()
            self._finish()
        return waiting

    def _open(self, status: int, lines: bytes, length: int | None) -> None:
        if length is None:
            self.start(status, lines)
            return
        self.mode = BODILESS if self.method == b"HEAD" or status in (204, 304) else WHOLE
        self._left = length
        self.conn.transport.write(
            b"%b%b%bcontent-length: %d\r\n\r\n" % (status_line(status), lines, self.ending(), length)
        )

    def _write_whole(self, data: bytes) -> Awaitable[None] | None:
        if len(data) > self._left:
            raise RuntimeError("the response is longer than its Content-Length")
        self._left -= len(data)
        if data:
            self.conn.transport.write(data)
        return self.conn.drained() if self.conn.write_paused else None

    def _finish(self) -> None:
        if self._over is not None:
            self._over.set()

    def _failed(self, exc: Exception, scope: Scope) -> None:
        """Answer for an application that raised *exc*; the client learns nothing of it but a code."""
        if not isinstance(exc, HeadgateError):
            if not (self.closed and isinstance(exc, OSError)):
                self.conn.server.on_error(exc, scope)
            exc = HeadgateError("Something went wrong in the gateway. It has been noted.")
        self._announced = None
        if self.closed or self.mode == ENDED:
            return
        if self.mode == WAITING:
            path = self.target.partition(b"?")[0]
            headers, body = render(exc, path)
            self.respond(exc.status, headers, body)
            self._finish()
        else:
            self.abort()
