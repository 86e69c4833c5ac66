"""One request on a connection, and the quick way to answer it.

The data plane finds it at ``scope["extensions"]["headgate"]``. It does what ASGI's events do, without their dicts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from headgate.core.errors import HeadgateError, TooLarge
from headgate.transport.server_errors import ClientGone, status_line
from headgate.transport.server_head import Head
from headgate.transport.server_inflate import inflate

if TYPE_CHECKING:
    from headgate.transport.server_connection import Connection
    from headgate.transport.tunnel import Tunnel

WAITING, WHOLE, CHUNKED, UNTIL_CLOSE, BODILESS, ENDED = range(6)
"""How far the answer is: not begun; of a stated length; in chunks; ended by closing; without a body; complete."""

_NO_BODY = frozenset((204, 304))

UNCOPIED = 16 * 1024
"""A body beyond this many bytes is not worth a copy to be sent in one piece with its head."""

LARGE = 1024 * 1024
"""A body beyond this many bytes is kept as one growing block, which goes back to the system when it is freed; hundreds
of pieces on the heap would not."""


class Link:
    """A request and its answer. Everything here belongs to the event loop's thread.

    Answer with :meth:`respond` once, or with :meth:`start`, :meth:`write` and :meth:`end`. Once ``closed`` is true all
    of them do nothing.

    Fields:
        method, target, headers: As in the request; header names in lower case, repeated ones joined by commas.
        closed: The client has gone, or the connection was cut.
        on_close: Called once if the client goes while this request is unanswered. Look at ``closed`` after setting it.
        on_shutdown: Called once when the time to drain is over; the connection is cut a second later.
        body_done: The request's body has arrived in full.
        extra: Header lines that every answer is to have besides its own, each ending in CRLF.
        memo: As in the head.
    """

    __slots__ = (
        "body_done",
        "closed",
        "conn",
        "extra",
        "fault",
        "head",
        "headers",
        "keep",
        "memo",
        "method",
        "missing",
        "mode",
        "on_close",
        "on_shutdown",
        "parts",
        "received",
        "taken",
        "target",
        "task",
        "waiter",
        "wanted",
    )

    def __init__(self, conn: "Connection", head: Head) -> None:
        self.conn = conn
        self.head = head
        self.method = head.method
        self.target = head.target
        self.headers = head.headers
        self.memo = head.memo
        self.closed = False
        self.on_close: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None
        self.body_done = False
        self.extra = b""
        self.mode = WAITING
        self.keep = head.keep_alive
        self.parts: list[bytes | bytearray] = []
        self.received = 0
        self.taken = 0
        self.wanted = 0
        self.task: asyncio.Task[None] | None = None
        self.fault: HeadgateError | None = None
        self.waiter: asyncio.Future[None] | None = None

    def there(self, limit: int) -> bytes | None:
        """Return the whole body as :meth:`body` would, where it has arrived as it is to be read, else ``None``."""
        return None if not self.body_done or self.received > limit or self.head.deflated else self.take()

    async def body(self, limit: int) -> bytes:
        """Return the whole body, inflated; to be asked for once.

        Raise ``TooLarge`` past *limit* bytes, ``Slow`` if it does not arrive, ``BadRequest`` if it is not framed or
        compressed as it says, and ``ClientGone`` if the client left.
        """
        if not self.body_done:
            await self._arrival(limit)
        if self.received > limit:
            raise _too_large(limit)
        data = self.take()
        return await inflate(data, limit) if self.head.deflated and data else data

    async def _arrival(self, limit: int) -> None:
        self.wanted = limit
        while not self.body_done:
            if self.received > limit or self.head.length > limit:
                raise _too_large(limit)
            await self.more()

    async def more(self) -> None:
        """Wait until more of the body is in ``parts``, or it is complete. Raise as :meth:`body`."""
        if self.fault is not None:
            raise self.fault
        if self.closed:
            raise ClientGone("the client closed the connection")
        self.conn.want_body(self)
        self.waiter = waiter = self.conn.loop.create_future()
        try:
            await waiter
        finally:
            self.waiter = None
        if self.fault is not None:
            raise self.fault
        if self.closed and not self.body_done:
            raise ClientGone("the client closed the connection")

    def take(self) -> bytes:
        """Return what has arrived and was not taken before."""
        parts, self.parts = self.parts, []
        self.taken = self.received
        return parts[0] if len(parts) == 1 and type(parts[0]) is bytes else b"".join(parts)

    def gather(self) -> None:
        """Make one block of a body that has become large."""
        parts = self.parts
        block = parts[0]
        if type(block) is not bytearray:
            block = bytearray(block)
        for part in parts[1:]:
            block += part
        self.parts = [block]

    def wake(self) -> None:
        """Let :meth:`more` go on."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Send a complete answer. *headers* are lines ending in CRLF; Content-Length and Connection are added."""
        if self.closed:
            return
        if self.mode:
            raise RuntimeError("the answer has already begun")
        self.mode = ENDED
        conn = self.conn
        if status in _NO_BODY:
            conn.transport.write(b"%b%b%b\r\n" % (status_line(status), headers, self.ending()))
        elif self.method == b"HEAD":
            head = b"%b%b%bcontent-length: %d\r\n\r\n" % (status_line(status), headers, self.ending(), len(body))
            conn.transport.write(head)
        else:
            conn.transport.write(
                b"%b%b%bcontent-length: %d\r\n\r\n%b" % (status_line(status), headers, self.ending(), len(body), body)
            )
        conn.answered(self)

    def start(self, status: int, headers: bytes) -> None:
        """Begin an answer whose length is not known: chunked in HTTP/1.1, ended by closing in HTTP/1.0."""
        if self.closed:
            return
        if self.mode:
            raise RuntimeError("the answer has already begun")
        if status in _NO_BODY or self.method == b"HEAD":
            self.mode = BODILESS
            coding = b""
        elif self.head.http11:
            self.mode = CHUNKED
            coding = b"transfer-encoding: chunked\r\n"
        else:
            self.mode = UNTIL_CLOSE
            self.keep = False
            coding = b""
        self.conn.transport.write(b"%b%b%b%b\r\n" % (status_line(status), headers, coding, self.ending()))

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send *data*. Return ``None``, or what to await before the next write if the client reads too slowly.

        The awaitable also resolves, without an error, when the connection is gone.
        """
        conn = self.conn
        if self.closed or not data:
            return None
        if self.mode == CHUNKED:
            conn.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        elif self.mode == UNTIL_CLOSE:
            conn.transport.write(data)
        elif self.mode != BODILESS:
            raise RuntimeError("the answer is not open")
        return conn.drained() if conn.write_paused else None

    def end(self) -> None:
        """Complete an answer begun with :meth:`start`."""
        if self.closed or self.mode == ENDED:
            return
        if self.mode == WAITING:
            raise RuntimeError("the answer has not begun")
        if self.mode == CHUNKED:
            self.conn.transport.write(b"0\r\n\r\n")
        self.mode = ENDED
        self.conn.answered(self)

    def switch(self, lines: bytes) -> "Tunnel":
        """Answer 101 with header *lines*; from now on the connection is another protocol's."""
        if self.closed:
            raise ClientGone("the client closed the connection")
        self.mode = ENDED
        self.keep = False
        return self.conn.switch(lines)

    def abort(self) -> None:
        """Cut the connection, so that the client sees that the answer is not whole. What was written is still sent."""
        if not self.closed and self.mode != ENDED:
            self.conn.cut(hard=self.mode == UNTIL_CLOSE)

    def ending(self) -> bytes:
        """Decide whether the connection is kept after this answer; return the line that says so, and ``extra``."""
        if not self.keep or not self.body_done or self.conn.server.draining:
            self.keep = False
            return self.extra + b"connection: close\r\n"
        return self.extra if self.head.http11 else self.extra + b"connection: keep-alive\r\n"

    def gone(self) -> None:
        """The connection is lost: tell whoever waits."""
        self.closed = True
        self.wake()
        call, self.on_close = self.on_close, None
        if call is not None:
            self.conn.server.call(call)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than {limit} bytes.")
