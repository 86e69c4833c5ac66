"""One HTTP/1.1 connection: it writes a request, feeds the parser, and knows whether it can be used again.

https://www.rfc-editor.org/rfc/rfc9112. It is driven by event-loop callbacks alone. Who waits does so on one future,
and only the sender's clock looks at deadlines: a request sets no timer.
"""

import asyncio
from collections import deque
from math import inf
from time import monotonic
from typing import Any, Protocol

import httptools

from headgate.core.errors import UpstreamFailed
from headgate.transport import failures
from headgate.transport.base import Origin, Outbound
from headgate.transport.clock import Clock
from headgate.transport.coding import BadCoding
from headgate.transport.outbox import BatchedTransport, Outbox
from headgate.transport.response import ALL, HEAD, Response
from headgate.transport.sockets import probe_when_silent, sent_and_acknowledged

MAX_UNREAD = 64 << 10
"""Bytes of a body that wait for a reader before the socket is left alone; one read of it may come on top."""
MAX_HEAD = 64 << 10
"""Bytes of a response head, interim responses included; also of trailers and of chunk framing without content."""
MAX_LINES = 200
"""Header lines of a response."""
JOIN_UP_TO = 16 << 10
"""Bytes. A body up to this size is copied behind its head: there one write costs less than a list of two (measured)."""
STALE_WITHIN = 1.0
"""Seconds. A server that had closed an idle connection says so within a round trip; later it has crashed at work."""

_IDLE, _HEAD, _BODY = 0, 1, 2
_DROPPED: deque[tuple[bytes, bytes]] = deque(maxlen=0)  # where trailers go: nobody reads them


class Keeper(Protocol):
    """What a connection tells the pool that it belongs to."""

    origin: Origin

    def release(self, connection: "Connection", hint: bytes | None) -> None:
        """The response is complete and the connection can serve another; *hint* is its Keep-Alive header."""
        ...

    def forget(self, connection: "Connection") -> None:
        """The connection is gone."""
        ...


class Unusable(Exception):
    """Raised inside parser callbacks: the response breaks a rule that the parser does not check."""


class Connection(asyncio.Protocol):
    """See the module. At most one request is under way; ``response`` is its answer until that is complete."""

    __slots__ = (
        "_backlog",
        "_bare",
        "_chunks",
        "_clock",
        "_complete",
        "_headers",
        "_keep",
        "_loop",
        "_outbox",
        "_overhead",
        "_parser",
        "_patience",
        "_phase",
        "_pool",
        "_reading",
        "_size",
        "_transport",
        "_unframed",
        "_wanted",
        "_written",
        "closed",
        "deadline",
        "expires",
        "response",
        "room",
        "unread",
        "until",
        "used",
        "waiter",
    )

    def __init__(self, pool: Keeper, clock: Clock, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self._pool = pool
        self._clock = clock
        self._loop = loop
        self._outbox = outbox
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._phase = _IDLE
        self._reading = True
        self._written = 0
        self._backlog = 0
        self._patience = 0.0
        self._wanted = HEAD
        self.closed = True
        self.used = False
        self.expires = 0.0
        self.deadline = 0.0
        self.until = inf
        """Monotonic seconds at which patience ends, however steadily bytes come."""
        self.room = 0
        self.waiter: asyncio.Future[None] | None = None
        self.response: Response | None = None

    # --- what a sender calls ---

    def begin(self, out: Outbound) -> Response:
        """Write *out*, and return its answer to come: :meth:`wait` for its head."""
        head, body = out.head, out.body
        size = len(body)
        self.response = response = Response(self, self._pool.origin)
        self._chunks = response.chunks
        self._headers: list[tuple[bytes, bytes]] | deque[tuple[bytes, bytes]] = []
        self._phase = _HEAD
        self._complete = self._unframed = False
        self.until = inf
        self._bare = head[:5] == b"HEAD "
        self.unread = self._overhead = 0
        if not size and head[:4] in (b"GET ", b"HEAD"):
            data = b"%b%b\r\n" % (head, out.extra)
        elif size <= JOIN_UP_TO:
            data = b"%b%bcontent-length: %d\r\n\r\n%b" % (head, out.extra, size, body)
        else:
            data = b"%b%bcontent-length: %d\r\n\r\n" % (head, out.extra, size)
            self._written += len(data) + size
            self._transport.writelines((data, body))
            return response
        self._written += len(data)
        self._transport.write(data)
        return response

    def wait(self, wanted: int, patience: float) -> "asyncio.Future[None]":
        """Return what is done when *wanted* has come, or the response has ended or failed.

        ``HEAD``: its headers. ``ANY``: something to read. ``ALL``: its end, or more than ``room`` bytes; *patience*
        then begins anew with every byte.
        """
        self.waiter = waiter = self._loop.create_future()
        self._wanted = wanted
        self._patience = patience
        self.deadline = monotonic() + patience
        if not self._clock.fast:
            self._clock.hurry()
        return waiter

    def drained(self) -> None:
        """What had come was read: more may come."""
        self.unread = 0
        self.resume()

    def resume(self) -> None:
        """Read from the socket again, if that had been paused."""
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def expire(self, now: float) -> None:
        """Fail a wait whose deadline is past, unless a large request is still being taken in, however slowly."""
        if self.waiter is None or self.deadline > now:
            return
        if self._backlog:
            backlog = self._transport.get_write_buffer_size()
            if backlog < self._backlog:
                self._backlog = backlog
                self.deadline = now + self._patience
                return
        what = "response headers" if self._phase == _HEAD else "data"
        self._fail(failures.too_slow(self._pool.origin, what, self._patience))

    def abort(self) -> None:
        """Close the socket now, whatever is under way. Idempotent, never raises."""
        if not self.closed:
            self.closed = True
            self._phase = _IDLE
            self._pool.forget(self)
            self._transport.abort()
        if self.response is not None:
            self._end(failures.cut(self._pool.origin))

    # --- what the event loop calls ---

    def connection_made(self, transport: Any) -> None:
        """The connection stands, TLS included."""
        self._transport = BatchedTransport(transport, self._outbox)
        self.closed = False
        probe_when_silent(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then wake who waits, give the connection back, or stop reading for a while."""
        if self._phase == _IDLE:
            self.abort()  # nobody asked: what comes next on this connection could belong to anything
            return
        unread = self.unread
        self._size = size = len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep = False  # if the response is complete, these were bytes behind it
            if not self._complete:
                self._fail(failures.invalid(self._pool.origin, _reason(error)))
                return
        if self._complete:
            self._finish()
        elif self.unread != unread:
            self._overhead = 0
            self._content()
        else:
            self._overhead += size
            if self._overhead > MAX_HEAD:
                self._fail(failures.invalid(self._pool.origin, "its headers or its framing are too long"))
            elif self._wanted == HEAD and self._phase == _BODY:
                self._wake()

    def eof_received(self) -> None:
        """The peer sends no more: the end of a body that has no other, or a cut."""
        if self._phase == _BODY and self._unframed:
            self._finish()
        else:
            self._lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed or about to be."""
        if not self.closed:
            self._lost(exc)
        self._parser = None  # it holds this object's methods, and this object holds it

    def pause_writing(self) -> None:
        """The peer takes a large request in slowly."""
        self._backlog = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """Nearly all of the request is in the kernel's hands: from here the answer is waited for."""
        self._backlog = 0
        self.deadline = monotonic() + self._patience

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """A message begins. Behind a complete response it is one that nobody asked for: stop the parser there."""
        if self._complete:
            raise Unusable("something comes behind it")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line, or one trailer line."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide what the parser cannot: it does not know the request."""
        status = self._parser.get_status_code()
        headers = self._headers
        if status < 200:
            headers.clear()
            return
        response = self.response
        assert response is not None and isinstance(headers, list)
        if len(headers) > MAX_LINES or ((self._overhead or self._size > MAX_HEAD) and _length(headers) > MAX_HEAD):
            raise Unusable("its headers are too long")
        response.headers = headers
        response.fields = fields = dict(reversed(headers))  # the first of equal names stays
        self._keep = self._parser.should_keep_alive()
        if b"transfer-encoding" in fields:
            self._headers = _DROPPED
            if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in headers):
                raise Unusable("its transfer coding was not asked for")
        elif not self._keep:
            self._unframed = b"content-length" not in fields
        if b"content-encoding" in fields:
            response.decode(fields[b"content-encoding"])
        response.status = status
        self._phase = _BODY
        if self._bare:
            self._complete = True
            raise Unusable("the parser cannot be told that there is no body")

    def on_body(self, data: bytes) -> None:
        """A piece of the body, out of its transfer coding."""
        self._chunks.append(data)
        self.unread += len(data)

    def on_message_complete(self) -> None:
        """The end of the response, or of an interim one."""
        self._complete = self._phase == _BODY

    # --- ends ---

    def _content(self) -> None:
        """A part of the body has come, and more will."""
        if self._wanted != ALL:
            self._wake()
            if self.unread > MAX_UNREAD and self._reading:
                self._reading = False
                self._transport.pause_reading()
        elif self.unread > self.room:
            self._wake()
        else:
            self.deadline = min(monotonic() + self._patience, self.until)

    def _finish(self) -> None:
        response = self.response
        self._end(None)
        if self._keep and not self._backlog and response is not None:
            self._phase = _IDLE
            self.used = True
            self._pool.release(self, response.fields.get(b"keep-alive"))
        else:
            self.abort()

    def _lost(self, exc: Exception | None) -> None:
        """The peer, or the path to it, ended the connection."""
        response = self.response
        if response is None:
            self.abort()
        elif self._phase == _BODY:
            self._fail(failures.cut(self._pool.origin))
        else:
            unseen = not self._overhead and self._unseen(exc)
            response.stale = unseen and self.used
            self._fail(failures.no_answer(self._pool.origin, unseen))

    def _unseen(self, exc: Exception | None) -> bool:
        """Whether the peer had closed the connection before it could have read the request to its end.

        Only then is nothing owed for it, and is it sent again: an acknowledged request may be at work. After an orderly
        close, what came too late was never acknowledged. A reset may hide an acknowledgement, so there it must not even
        have left.
        """
        if monotonic() - (self.deadline - self._patience) > STALE_WITHIN:
            return False
        if isinstance(exc, BrokenPipeError):
            return True  # nothing could be written
        progress = sent_and_acknowledged(self._transport.get_extra_info("socket"))
        if progress is None:
            return self.used and exc is None  # the likely case, where nothing better is known
        sent, acknowledged = progress
        if exc is None:
            return acknowledged < max(sent, self._written)
        return sent < self._written

    def _fail(self, error: UpstreamFailed) -> None:
        self._end(error)
        self.abort()

    def _end(self, error: UpstreamFailed | None) -> None:
        """Part from the response; who waits for it sees it complete, or its error."""
        response = self.response
        if response is not None:
            response.connection = None
            response.error = error
            self.response = None
        self._wake()

    def _wake(self) -> None:
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _reason(error: Exception) -> str:
    cause = error.__context__
    return str(cause) if isinstance(cause, Unusable | BadCoding) else f"it is not valid HTTP/1.1 ({error})"
