"""One client connection: it cuts the byte stream into requests, one at a time, and keeps the clock on the client.

Only the current request is parsed; what a pipelining client sends ahead stays as bytes until its turn, and past 64 KiB
the socket is not read. An upgrade that is offered is taken where the application asks for it, by ``switch``.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpRequestParser

from headgate.core.errors import BadRequest, HeadgateError, Slow, TooLarge
from headgate.transport.outbox import BatchedTransport
from headgate.transport.server_asgi import Exchange
from headgate.transport.server_chunked import Chunked
from headgate.transport.server_errors import HeadTooLarge, Overloaded, TargetTooLong
from headgate.transport.server_head import Head, Twin, parse_head, valid_host
from headgate.transport.server_link import LARGE, Link
from headgate.transport.server_wire import BODY, BUSY, CLOSING, DEAF, HEAD, HELD, LINGER, TUNNEL, Wire, address
from headgate.transport.tunnel import Tunnel

if TYPE_CHECKING:
    from headgate.transport.server import Server

_OVER = 128
"""Connections past the server's capacity that are still told so; further ones are just closed."""


class Connection(Wire):
    """The protocol object of one connection."""

    __slots__ = ("_arrived", "_check", "_chunks", "_tunnel", "_twin")

    def __init__(self, server: "Server") -> None:
        Wire.__init__(self, server)
        self._check: HttpRequestParser | None = None
        self._chunks: Chunked | None = None
        self._arrived = 0
        self._tunnel: Tunnel | None = None
        self._twin: Twin | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it with 503 where there is no room."""
        self.transport = BatchedTransport(transport, self.server.outbox)
        self.client = address(transport.get_extra_info("peername"))
        self.local = address(transport.get_extra_info("sockname"))
        cast(asyncio.Transport, transport).set_write_buffer_limits(HELD, HELD // 4)
        over = self.server.admit(self)
        if over > _OVER:
            self._state = CLOSING
            self.transport.abort()
        elif over > 0:
            self.refuse(Overloaded(), b"")

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come."""
        state = self._state
        if state == HEAD:
            if self._buffer:
                self._head(self._buffer + data, len(self._buffer))
            else:
                self._head(data, 0)
        elif state == BODY:
            self._body(data)
        elif state == BUSY:
            self._hold(data)
        elif state == TUNNEL and self._tunnel is not None:
            self._tunnel.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        self._state = CLOSING
        self._buffer = b""
        self.server.leave(self)
        self._wake_writer()
        if self._tunnel is not None:
            self._tunnel.lost()
        link, self._link = self._link, None
        if link is not None:
            link.gone()

    def switch(self, lines: bytes) -> Tunnel:
        """Answer the request in flight with 101 and *lines*; from now on the connection's bytes are the tunnel's."""
        self._state = TUNNEL
        first, self._buffer = self._buffer, b""
        self._tunnel = Tunnel(self, first)
        self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n%b\r\n" % lines)
        self.resume_reading()
        return self._tunnel

    def want_body(self, link: Link) -> None:
        """The application waits for more of the body: let the client send it."""
        if link.head.expects:
            link.head.expects = False
            self._since = self.loop.time()
            if not link.received:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.resume_reading()

    def answered(self, link: Link) -> None:
        """The answer is written: go on to the next request, or close."""
        self._link = None
        if link.keep:
            self._state = BUSY
            if not self.write_paused:
                self.proceed()
        elif link.body_done and not self._buffer:
            self.close()
        else:
            self.linger()

    def proceed(self) -> None:
        """Go on to the next request, which may have been sent ahead."""
        self._state = HEAD
        self._since = self.server.now
        if self._buffer:
            data, self._buffer = self._buffer, b""
            self.resume_reading()
            self._head(data, 0)
        elif self._eof or self.server.stopped:
            self.close()

    def close_idle(self) -> None:
        """Close if no request has begun."""
        if self._state == HEAD and not self._buffer:
            self.close()

    def shut(self) -> None:
        """Tell the request in flight that its time is over."""
        link = self._link
        if link is not None and link.on_shutdown is not None:
            call, link.on_shutdown = link.on_shutdown, None
            self.server.call(call)

    def sweep(self, now: float) -> None:
        """Apply the time limits; called by the server every tick."""
        state = self._state
        limits = self.server.limits
        waited = now - self._since
        if self.write_paused or state == CLOSING:
            self._sweep_writing(now)
        elif state == HEAD:
            if self._check is not None:
                if waited >= limits.head_timeout:
                    self.refuse(Slow("The request's headers did not arrive in time."), _target(self._buffer))
            elif waited >= limits.keep_alive:
                self.close()
        elif state == BODY:
            if waited >= limits.body_window and not self._read_paused:
                self._sweep_body(now)
        elif state == LINGER:
            if waited >= limits.linger:
                self.close()
        elif self._eof and self._link is not None:
            self._look(self._link)

    def _sweep_body(self, now: float) -> None:
        link = self._link
        limits = self.server.limits
        if link is None or link.head.expects:
            return
        if self._arrived - self._mark < limits.body_rate * limits.body_window:
            self._fault(link, Slow("The request body did not arrive in time."))
        self._since = now
        self._mark = self._arrived

    def _head(self, data: bytes, known: int) -> None:
        """Begin the request at the start of *data*, of which *known* bytes have been looked at before."""
        twin = self._twin
        same = twin.read(data) if twin is not None and not known else None
        if same is not None and same[0].length <= self.server.limits.body:
            self._begin(same[0], data, same[1])
            return
        if data[0] < 32:
            data, known = self._blank_line(data, known)
            if not data:
                return
        end = data.find(b"\r\n\r\n", known - 3 if known > 3 else 0) + 4
        if end == 3:
            self._partial(data, known)
            return
        limits = self.server.limits
        try:
            if end > limits.head:
                raise _head_too_large(limits.head)
            text = data if end == len(data) else data[:end]
            head = parse_head(text, limits.target, limits.headers)
            if head.headers.get(b"host") not in self.server.hosts:
                self._check_host(head.headers.get(b"host"))
            if head.length > limits.body:
                raise TooLarge(f"The request body is larger than {limits.body} bytes.")
        except HeadgateError as exc:
            self.refuse(exc, _target(data))
            return
        self._buffer = b""
        self._check = None
        self._twin = Twin.of(text, head)
        self._begin(head, data, end)

    def _begin(self, head: Head, data: bytes, end: int) -> None:
        """Go on with the request whose head ended at *end* in *data*."""
        link = Exchange(self, head)
        self._link = link
        if not head.length:
            link.body_done = True
            self._state = BUSY
            if len(data) > end:
                self._hold(data[end:])
            self.server.run(link)
            return
        self._state = BODY
        self._arrived = self._mark = 0
        if head.length < 0:
            self._chunks = Chunked(self.server.limits.body)
        if len(data) > end:
            self._body(data[end:])
        if self._state == BODY:
            self._since = self.loop.time()
            # A short body is worth waiting for: the application then never has to, and the connection can be kept
            # even if it answers without a look at it.
            if link.task is None and (head.expects or head.length > HELD):
                self.server.run(link)

    def _body(self, data: bytes) -> None:
        link = self._link
        assert link is not None
        self._arrived += len(data)
        rest = b""
        if self._chunks is not None:
            try:
                end = self._chunks.feed(data, link.parts)
            except HeadgateError as exc:
                self._fault(link, exc)
                return
            link.received = self._chunks.received
            if end >= 0:
                link.body_done = True
                rest = data[end:]
        else:
            missing = link.head.length - link.received
            if len(data) >= missing:
                link.body_done = True
                if len(data) > missing:
                    data, rest = data[:missing], data[missing:]
            link.parts.append(data)
            link.received += len(data)
        if link.received - link.taken > LARGE:
            link.gather()
        if link.body_done:
            self._state = BUSY
            self._chunks = None
            if rest:
                self._hold(rest)
        self._tell(link)

    def _tell(self, link: Exchange) -> None:
        """Let the application know of what has arrived, or hold the client back where it does not ask."""
        if link.task is None:
            if link.body_done or link.received > HELD:
                self.server.run(link)
        elif link.body_done or link.received > link.wanted:
            link.wake()
        if not link.body_done and not link.wanted and link.received - link.taken > HELD:
            self.pause_reading()

    def _fault(self, link: Exchange, error: HeadgateError) -> None:
        """The body is unfit: nothing more is read, and the application is told when it asks, if it runs at all."""
        self._chunks = None
        if link.task is None:
            self._link = None
            self.refuse(error, link.target)
            return
        self._state = DEAF
        link.fault = error
        link.parts.clear()  # the error's traceback knows this list
        link.wake()
        self.resume_reading()

    def _hold(self, data: bytes) -> None:
        """Keep what was sent ahead until the current request is answered."""
        self._buffer += data
        if len(self._buffer) > HELD:
            self.pause_reading()

    def _blank_line(self, data: bytes, known: int) -> tuple[bytes, int]:
        """Skip one empty line before a request, as RFC 9112 (2.2) asks; anything else there is no request."""
        self._buffer = data if data == b"\r" else b""
        if self._buffer:
            return b"", 0
        if data[:2] != b"\r\n" or data[2:3] in (b"\r", b"\n") or self._check is not None:
            self.refuse(BadRequest("This is not a valid HTTP request.", code="invalid_http"), b"")
            return b"", 0
        self._await_head()
        return data[2:], max(0, known - 2)

    def _partial(self, data: bytes, known: int) -> None:
        """Keep a head that is not complete, if it can still become one."""
        check = self._check
        if check is None:
            check, known = self._await_head(), 0
        limits = self.server.limits
        try:
            check.feed_data(data[known:])
            if len(data) > limits.target and data.find(b"\r\n", 0, limits.target + 32) < 0:
                raise TargetTooLong(f"The request target is longer than {limits.target} bytes.")
            if len(data) > limits.head:
                raise _head_too_large(limits.head)
        except HttpParserError as exc:
            self.refuse(BadRequest(f"This is not a valid HTTP request: {exc}.", code="invalid_http"), _target(data))
        except HeadgateError as exc:
            self.refuse(exc, _target(data))
        else:
            self._buffer = data
            if self._eof:
                self.close()

    def _await_head(self) -> HttpRequestParser:
        """Start the clock on a head that is not complete; return what judges its bytes as they come."""
        self._check = check = HttpRequestParser(None)
        self._since = self.loop.time()
        return check

    def _check_host(self, host: bytes | None) -> None:
        if host is None:
            return
        if not valid_host(host):
            raise BadRequest("The Host header is not a host name or address.", code="invalid_host")
        if self.server.edge is not None and not self.server.edge.goes_by(host):
            raise BadRequest("This server does not go by the name in the Host header.", code="invalid_host")
        if len(self.server.hosts) < 256:
            self.server.hosts.add(host)


def _target(data: bytes) -> bytes:
    """Return the target, as far as it is known, of the request that *data* begins with."""
    words = data[:64].split(b" ", 2)
    return words[1] if len(words) > 1 else b""


def _head_too_large(limit: int) -> HeadTooLarge:
    return HeadTooLarge(f"The request's headers are larger than {limit} bytes.")
