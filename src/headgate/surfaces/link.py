"""The way back to the caller on any ASGI server: the same few verbs as our own server's connection has."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from headgate.core.errors import TooLarge
from headgate.transport.server_asgi import Receive, Scope, Send


class AsgiLink:
    """Speaks plain ASGI. What is sent synchronously waits in a list until the next await or :meth:`flush`."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._receive = receive
        self._send = send
        self._waiting: list[dict[str, Any]] = []
        self.task = asyncio.current_task()
        self.closed = False
        self.mode = 0
        """0 until the answer has begun."""
        self.on_close: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None

    def there(self, limit: int) -> bytes | None:
        """Return nothing: it has to be awaited."""

    async def body(self, limit: int) -> bytes:
        """Return the whole request body; raise ``TooLarge`` past *limit* bytes."""
        parts, size, more = [], 0, True
        while more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                self.closed = True
                break
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise TooLarge(f"The body is over {limit} bytes.")
            more = event.get("more_body", False)
        return b"".join(parts)

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Answer whole."""
        self.mode = 1
        self._waiting.append(_start(status, headers + b"content-length: %d\r\n" % len(body)))
        self._waiting.append({"type": "http.response.body", "body": body})

    def start(self, status: int, headers: bytes) -> None:
        """Begin a stream."""
        self.mode = 1
        self._waiting.append(_start(status, headers))

    def write(self, data: bytes) -> Awaitable[None]:
        """Send a piece of a stream; awaiting the answer waits until the server took it."""
        self._waiting.append({"type": "http.response.body", "body": data, "more_body": True})
        return self

    def __await__(self) -> Generator[Any, None, None]:
        return self.flush().__await__()

    def end(self) -> None:
        """End a stream."""
        self._waiting.append({"type": "http.response.body", "body": b""})

    def abort(self) -> None:
        """Leave the answer unfinished: the server then sees that its length is not what was begun."""
        self.closed = True

    async def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            await self._send(event)


def _start(status: int, lines: bytes) -> dict[str, Any]:
    headers = [tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n") if line]
    return {"type": "http.response.start", "status": status, "headers": headers}
