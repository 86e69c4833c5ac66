"""WebSockets over any stream of bytes, from either side, framed by wsproto: https://www.rfc-editor.org/rfc/rfc6455."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable
from io import BytesIO, StringIO
from typing import Any, Protocol

from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from headgate.core.errors import BadRequest, Refused

PING = 30.0
"""Seconds of silence after which the peer is asked whether it is there; as many again and it is given up."""
MAX_REASON = 120  # a close frame holds 125 bytes, two of them the code


class UpgradeRequired(Refused):
    """426: this address speaks WebSocket only."""

    status = 426
    code = "upgrade_required"


class Stream(Protocol):
    """What a WebSocket runs on."""

    async def read(self) -> bytes:
        """Return the next bytes, ``b""`` at the end."""
        ...

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send; return what to await where the peer is behind."""
        ...

    def close(self) -> None:
        """Close once everything written is sent."""
        ...


class WebSocket:
    """One end of an open WebSocket, without extensions. ``closed`` is true once either side has ended it."""

    def __init__(self, stream: Stream, *, client: bool, limit: int) -> None:
        """*client* tells which end this is; *limit* bounds a received message, in bytes."""
        self._stream = stream
        self._ws = Connection(ConnectionType.CLIENT if client else ConnectionType.SERVER)
        self._limit = limit
        self._whole: Any = None
        """The message that is arriving: in one buffer, however many fragments it comes in."""
        self._size = 0
        self._behind: asyncio.Future[None] | None = None
        """Done once the peer has taken what was written."""
        self._messages: list[str | bytes] = []
        self.closed = False

    async def receive(self) -> str | bytes | None:
        """Return the next whole message, ``None`` once the socket is closed. Cancelling loses nothing.

        Nothing is read while the peer is behind with what it is sent: its pings are answers to be sent as well.
        """
        asked = False
        while not self._messages and not self.closed:
            if self._behind is not None and not self._behind.done():
                await asyncio.wait((self._behind,), timeout=2 * PING)
                if not self._behind.done():
                    self.close(CloseReason.INTERNAL_ERROR, "what is sent is not read")
                continue
            try:
                async with asyncio.timeout(PING):
                    data = await self._stream.read()
            except TimeoutError:
                if asked:
                    self.close(CloseReason.INTERNAL_ERROR, "no answer to a ping")
                else:
                    asked = True
                    self._send(Ping())
                continue
            asked = False
            self._take(data)
        return self._messages.pop(0) if self._messages else None

    def send(self, message: str | bytes) -> Awaitable[None] | None:
        """Send a message; return what to await where the peer is behind. Nothing happens on a closed socket."""
        if self.closed:
            return None
        return self._send(TextMessage(message) if isinstance(message, str) else BytesMessage(message))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the socket, telling why."""
        if not self.closed:
            self.closed = True
            self._send(CloseConnection(code, reason.encode()[:MAX_REASON].decode(errors="ignore")))
            self._stream.close()

    def _send(self, event: Any) -> Awaitable[None] | None:
        try:
            waiting = self._stream.write(self._ws.send(event))
        except LocalProtocolError:
            self.closed = True
            return None
        if waiting is not None:
            self._behind = asyncio.ensure_future(waiting)
            self._behind.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._behind if waiting is not None else None

    def _take(self, data: bytes) -> None:
        try:
            self._ws.receive_data(data or None)
            for event in self._ws.events():
                self._event(event)
        except RemoteProtocolError as error:
            self.close(error.event_hint.code if isinstance(error.event_hint, CloseConnection) else 1002, str(error))
        if not data or self._ws.state is ConnectionState.CLOSED:
            self.closed = True
            self._stream.close()

    def _event(self, event: Any) -> None:
        if isinstance(event, Message):
            self._size += len(event.data)
            if self._size > self._limit:
                self.close(CloseReason.MESSAGE_TOO_BIG, f"a message may have {self._limit} bytes")
                return
            if self._whole is None:
                self._whole = StringIO(newline="") if isinstance(event, TextMessage) else BytesIO()
            self._whole.write(event.data)
            if event.message_finished:
                self._messages.append(self._whole.getvalue())
                self._whole, self._size = None, 0
        elif isinstance(event, Ping):
            self._send(Pong(event.payload))
        elif isinstance(event, CloseConnection):
            self._send(event.response())
            self.closed = True
            self._stream.close()


def accept(link: Any, limit: int, subprotocol: str | None = None) -> WebSocket:
    """Switch the connection of *link* to a WebSocket; raise ``UpgradeRequired`` or ``BadRequest``."""
    headers: dict[bytes, bytes] = link.headers
    if headers.get(b"upgrade", b"").lower() != b"websocket" or not link.head.http11:
        raise UpgradeRequired("Open a WebSocket here.", headers={"upgrade": "websocket", "connection": "Upgrade"})
    if headers.get(b"sec-websocket-version") != b"13":
        raise UpgradeRequired("The WebSocket version is 13.", headers={"sec-websocket-version": "13"})
    key = headers.get(b"sec-websocket-key", b"")
    try:
        whole = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        whole = False
    if not whole or not link.body_done:
        raise BadRequest("This WebSocket handshake has no valid Sec-WebSocket-Key.", param="sec-websocket-key")
    lines = b"upgrade: websocket\r\nsec-websocket-accept: %b\r\n" % generate_accept_token(key)
    if subprotocol is not None:
        lines += b"sec-websocket-protocol: %b\r\n" % subprotocol.encode()
    return WebSocket(link.switch(lines), client=False, limit=limit)


def offered(headers: dict[bytes, bytes]) -> list[str]:
    """The subprotocols that a client offers."""
    return [one.strip() for one in headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(",") if one]
