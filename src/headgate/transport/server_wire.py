"""The two directions of a client's connection: what is paused, what waits, how it ends, and whether anyone is there."""

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

from headgate.core.errors import HeadgateError
from headgate.transport.outbox import BatchedTransport
from headgate.transport.server_errors import render, status_line
from headgate.transport.server_link import CHUNKED, WAITING

if TYPE_CHECKING:
    from headgate.transport.server import Server
    from headgate.transport.server_asgi import Exchange

HEAD, BODY, BUSY, DEAF, LINGER, CLOSING, TUNNEL = range(7)
"""Waiting for a head; receiving a body; answering; answering, with all further input thrown away; answered, with input
thrown away until the client has seen it; closed, or about to be; switched to another protocol."""

HELD = 64 * 1024
"""Bytes kept of what nobody has asked for yet: a body, pipelined requests, an answer that is not read."""

PROBE_AFTER = 0.08
"""Seconds from a client's half-close to the question whether it is still there. Most answers are out before that."""

_RESET = struct.pack("ii", 1, 0)


class Wire(asyncio.Protocol):
    """A connection without its grammar; the subclass cuts requests out of it."""

    __slots__ = (
        "_buffer",
        "_eof",
        "_link",
        "_mark",
        "_read_paused",
        "_since",
        "_state",
        "_waiter",
        "client",
        "local",
        "loop",
        "server",
        "transport",
        "write_paused",
    )

    transport: BatchedTransport
    client: tuple[str, int] | None
    local: tuple[str, int] | None

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.loop = server.loop
        self.write_paused = False
        self._state = HEAD
        self._link: Exchange | None = None
        self._buffer = b""
        self._eof = False
        self._read_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._since = server.now
        self._mark = 0

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self.write_paused = True
        self._since = self.loop.time()
        self._mark = self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.write_paused = False
        self._wake_writer()
        if self._state == BUSY and self._link is None:
            self.proceed()

    def eof_received(self) -> bool:
        """Return whether the connection stays: a client may close its half and still wait for the answer."""
        self._eof = True
        if self._state not in (BUSY, DEAF) or self.server.tls:
            return False
        if self._link is not None:
            self.loop.call_later(PROBE_AFTER, self._probe, self._link)
        return True

    def proceed(self) -> None:
        """Go on to the next request."""
        raise NotImplementedError

    def drained(self) -> asyncio.Future[None]:
        """Return what resolves when the client has caught up with what was written, or is gone."""
        if self._waiter is None or self._waiter.done():
            self._waiter = self.loop.create_future()
        return self._waiter

    def cut(self, *, hard: bool) -> None:
        """End the connection so that an unfinished answer is seen to be so; *hard* where only a reset can say that."""
        link, self._link = self._link, None
        if link is not None:
            link.on_close = None
            link.gone()
        if hard:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._state = CLOSING
            self.transport.flush()
            self.transport.abort()
        else:
            self.close()

    def close(self) -> None:
        """Close once everything written is sent."""
        self._state = CLOSING
        self._since = self.loop.time()
        self._mark = self.transport.get_write_buffer_size()
        self._buffer = b""
        self.transport.close()

    def refuse(self, error: HeadgateError, target: bytes) -> None:
        """Answer in the application's place, and close. *target* decides whose shape the error has."""
        headers, body = render(error, target.partition(b"?")[0])
        self.server.refused[error.code] += 1
        self.transport.write(
            b"%b%bconnection: close\r\ncontent-length: %d\r\n\r\n%b"
            % (status_line(error.status), headers, len(body), body)
        )
        self.linger()

    def linger(self) -> None:
        """Close our half and read on for a moment: closing at once would reset the client before it has the answer."""
        if self._eof:
            self.close()
            return
        self._state = LINGER
        self._since = self.loop.time()
        self._buffer = b""
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def pause_reading(self) -> None:
        """Leave what the client sends in the kernel."""
        if not self._read_paused:
            self._read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again, if reading was paused."""
        if self._read_paused:
            self._read_paused = False
            self.transport.resume_reading()

    def _wake_writer(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _sweep_writing(self, now: float) -> None:
        """Cut a client that has taken nothing of what is written to it for too long."""
        size = self.transport.get_write_buffer_size()
        if size < self._mark:
            self._since = now
        elif now - self._since >= self.server.limits.write_stall:
            self.transport.abort()
        self._mark = size

    def _probe(self, link: "Exchange") -> None:
        """Send something without meaning, which a client that has gone answers with a reset and another ignores."""
        if link is not self._link:
            return
        if link.mode == WAITING and link.head.http11:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif link.mode == CHUNKED:
            self.transport.write(b"0")  # a leading zero of the next chunk's size
        for delay in (0.005, 0.03, 0.1):
            self.loop.call_later(delay, self._look, link)

    def _look(self, link: "Exchange") -> None:
        """See whether the client has reset the connection: after its FIN the loop no longer polls for it."""
        if link is self._link and self._peer_reset():
            self.transport.abort()

    def _peer_reset(self) -> bool:
        error: int = self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error != 0


def address(name: Any) -> tuple[str, int] | None:
    """Return host and port of a socket's name, or ``None`` where it has none."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
