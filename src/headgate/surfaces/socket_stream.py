"""``/v1/stream``: chat over a WebSocket. One JSON request in, the events of its stream out, as many in turn as wanted.

A message is a Chat Completions request (``stream`` is true unless it says otherwise); each event comes back as one
text message, ``[DONE]`` as the last. ``{"type": "cancel"}`` ends the request under way, closing the socket too.
What the head of an answer says elsewhere of fields left out or filled in is a message before it.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.errors import Conflict, HeadgateError, NotAuthenticated, TooLarge
from headgate.dialects import openai_chat
from headgate.dialects.sse import Parser
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.surfaces.calls import call_from
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope
from headgate.transport.websocket import WebSocket, accept, offered

KEY = "openai-insecure-api-key."
"""A browser cannot set headers: the key may come as a subprotocol that begins so, as on OpenAI's own sockets."""
PROTOCOLS = ("headgate", "realtime")
INFO = b": headgate "
GOOD = 200
GOING_AWAY = 1001
PING = '{"type":"ping"}'
CANCELLED = '{"type":"cancelled"}'


class _Wish(msgspec.Struct):
    type: str | None = None
    stream: bool | None = None


_wish = msgspec.json.Decoder(_Wish)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class SocketLink:
    """One request on a socket, with the verbs of a connection; see :class:`headgate.transport.server_link.Link`."""

    def __init__(self, socket: WebSocket, body: bytes) -> None:
        self._socket = socket
        self._body = body
        self._events = Parser()
        self._untold = True
        self.closed = False
        self.over = False
        """Its caller has everything, or wants no more: the next may come, while this one's connection is let end."""
        self.mode = 0
        self.on_close: Any = None
        self.on_shutdown: Any = None
        self.call: Call | None = None
        self.task: asyncio.Task[None] | None = None

    def there(self, limit: int) -> bytes:
        """The message; raise ``TooLarge`` past *limit* bytes."""
        if len(self._body) > limit:
            raise TooLarge(f"The request is over {limit} bytes.")
        return self._body

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole answer, or an error, is one message."""
        self.mode = 1
        if status == GOOD:
            self._tell()
        self._socket.send(body.decode("utf-8", "replace"))
        self.over = True

    def start(self, status: int, headers: bytes) -> None:
        """A stream begins; there is nothing to say before its first event."""
        self.mode = 1

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send the events that *data* completes, each as one message."""
        waiting = None
        for event in self._events.feed(data):
            if event.data is not None:
                self._tell()
                waiting = self._socket.send(event.data.decode("utf-8", "replace")) or waiting
            elif event.raw == openai_chat.ping:
                waiting = self._socket.send(PING) or waiting
            elif event.raw.startswith(INFO):
                told = event.raw[len(INFO) :].strip().decode("utf-8", "replace")
                waiting = self._socket.send(f'{{"headgate":{told}}}') or waiting
        return waiting

    def end(self) -> None:
        """The stream is over; the socket stays."""
        self.over = True

    def leave(self) -> None:
        """End the request: its caller wants no more of it."""
        self.closed = self.over = True
        if self.on_close is not None:
            self.on_close()

    def _tell(self) -> None:
        """Say once, before the answer, what was left out of the request and what was filled in."""
        call = self.call
        if self._untold and call is not None and (call.dropped or call.defaulted):
            told = {"id": call.id, "dropped": call.dropped, "defaulted": call.defaulted}
            self._socket.send(msgspec.json.encode({"headgate": told}).decode())
        self._untold = False


async def stream_socket(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Answer the requests of one socket, one after the other."""
    headers, protocol = credentials(scope, link)
    client = scope["client"]
    address = client[0] if client else None
    who = parts.principals.authenticate(headers, scope["query_string"], address)
    if isinstance(who, Awaitable):
        await who
    socket = accept(link, parts.max_body, protocol)
    running: SocketLink | None = None
    tasks: set[asyncio.Task[None]] = set()
    link.on_shutdown = link.task.cancel
    try:
        while (message := await socket.receive()) is not None:
            if running is not None and running.over:
                running = None
            body, wish = understood(message)
            if wish.type == "cancel":
                if running is not None:
                    running.leave()
                socket.send(CANCELLED)
            elif running is not None:
                refused(socket, Conflict("A request is under way on this socket: cancel it, or wait for its end."))
            else:
                running = SocketLink(socket, body)
                call = running.call = call_from(scope, running, "socket", "chat", openai_chat)
                call.headers = headers
                running.task = asyncio.create_task(run(call, parts))
                tasks.add(running.task)
                running.task.add_done_callback(tasks.discard)
    except asyncio.CancelledError:
        socket.close(GOING_AWAY, "the gateway is shutting down")
        raise
    finally:
        if running is not None and not running.over:
            running.leave()
        if tasks:
            await asyncio.wait(tasks)
        socket.close()


def understood(message: str | bytes) -> tuple[bytes, _Wish]:
    """Return a message as the body of a request, asking for a stream where it leaves that open."""
    body = message.encode() if isinstance(message, str) else message
    try:
        wish = _wish.decode(body)
        if wish.type is None and wish.stream is None:
            body = msgspec.json.encode({**_fields.decode(body), "stream": True})
    except msgspec.MsgspecError:
        return body, _Wish()  # the dialect says what is wrong with it
    return body, wish


def refused(socket: WebSocket, error: HeadgateError) -> None:
    """Tell of what cannot be done, as everywhere on this surface."""
    socket.send(openai_chat.write_error(error, "").decode())


def credentials(scope: Scope, link: Any) -> tuple[list[tuple[bytes, bytes]], str | None]:
    """Return the request's headers, with a key that came as a subprotocol among them, and the protocol to agree to."""
    once = (b"content-type", b"idempotency-key")  # it is said of one call, and many come over a socket
    headers = [(name, value) for name, value in scope["headers"] if name not in once]
    protocols = offered(dict(scope["headers"]))
    key = next((one[len(KEY) :] for one in protocols if one.startswith(KEY)), None)
    if key is not None:
        if not key.isascii() or not key.isprintable():
            raise NotAuthenticated
        headers.append((b"authorization", b"Bearer " + key.encode()))
    headers.append((b"content-type", b"application/json"))
    return headers, next((one for one in protocols if one in PROTOCOLS), None)
