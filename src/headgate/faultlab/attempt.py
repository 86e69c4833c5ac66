"""An attempt, as the wall sees it, and what it can be answered with: raw HTTP, in OpenAI's words.

Raw sockets, because no framework resets before its headers or stops a chunked body short.
"""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

Fault = Callable[["Attempt"], Awaitable[None]]
HOLD = 120.0  # seconds that a peer is kept waiting by what never ends


class Attempt:
    """One request as the wall saw it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes) -> None:
        self.reader, self.writer, self.head = reader, writer, head
        self.raw, self.body = body, json.loads(body)
        self.path = head.split(b" ", 2)[1].decode("latin-1")
        self.model: str = self.body.get("model") or self.path.rpartition("/")[2].partition(":")[0]  # Gemini's
        self.stream = bool(self.body.get("stream")) or ":streamGenerateContent" in self.path
        self.at = time.monotonic()
        self.closed_at: float | None = None
        self.sent = 0
        """Bytes that the peer has taken, where the fault counts them."""

    async def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, body: bytes | dict[str, Any], headers: str = "") -> None:
        """Send a whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "" if "content-type" in headers else "content-type: application/json\r\n"
        await self.send(f"HTTP/1.1 {status} X\r\n{kind}{headers}content-length: {len(data)}\r\n\r\n".encode() + data)

    async def head_of_stream(self) -> None:
        """Send the head of a good stream."""
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def piece(self, data: bytes) -> None:
        """Send one chunk of the transfer."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, **fields: Any) -> None:
        """Send one event."""
        await self.piece(b"data: " + json.dumps(fields).encode() + b"\n\n")

    async def text(self, text: str, **more: Any) -> None:
        """Send one piece of the answer."""
        await self.event(**chunk({"content": text}, **more))

    async def end(self, *, done: bool = True, usage: bool = True) -> None:
        """Send what ends a stream."""
        await self.event(**chunk({}, finish="stop"))
        if usage:
            await self.event(**{**chunk({}), "choices": [], "usage": USAGE})
        if done:
            await self.piece(b"data: [DONE]\n\n")
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Reset the connection."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk as OpenAI's chat completions have it."""
    return {
        "id": "chatcmpl-wall",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "wall",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


def answer(text: str = "fine", **more: Any) -> dict[str, Any]:
    """Return a whole answer as OpenAI's chat completions have it."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-wall",
        "object": "chat.completion",
        "created": 1,
        "model": "wall",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        **more,
    }


async def watch(a: Attempt, seconds: float) -> None:
    """Wait for the peer to close, and note when it did."""
    try:
        async with asyncio.timeout(seconds):
            if await a.reader.read(1) == b"":
                a.closed_at = time.monotonic()
    except (TimeoutError, ConnectionError) as error:
        if isinstance(error, ConnectionError):
            a.closed_at = time.monotonic()
