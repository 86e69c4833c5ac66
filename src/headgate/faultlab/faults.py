"""What an upstream can do wrong, each as a few lines of raw HTTP; and an attempt, as the wall sees it.

Raw sockets, because no framework resets before its headers or stops a chunked body short.
"""

import asyncio
import gzip
import inspect
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

from headgate.faultlab.prefill import PREFILL

Fault = Callable[["Attempt"], Awaitable[None]]
HOLD = 120.0  # seconds that a peer is kept waiting by what never ends


class Attempt:
    """One request as the wall saw it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes) -> None:
        self.reader, self.writer, self.head = reader, writer, head
        self.raw, self.body = body, json.loads(body)
        self.model: str = self.body["model"]
        self.stream = bool(self.body.get("stream"))
        self.path = head.split(b" ", 2)[1].decode("latin-1")
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


async def good(a: Attempt) -> None:
    """Answer as a provider should."""
    if not a.stream:
        await a.whole(200, answer())
        return
    await a.head_of_stream()
    await a.event(**chunk({"role": "assistant", "content": ""}))
    for word in ("fi", "ne"):
        await a.text(word)
    await a.end()


async def good_claude(a: Attempt) -> None:
    """The same in Anthropic's words."""
    usage = {"input_tokens": 11, "output_tokens": 7}
    message = {"id": "msg_wall", "type": "message", "role": "assistant", "model": "wall", "stop_sequence": None}
    content = [{"type": "text", "text": "fine"}]
    await a.whole(200, {**message, "content": content, "stop_reason": "end_turn", "usage": usage})


def status(code: int, body: bytes | dict[str, Any] = b"", headers: str = "") -> Fault:
    """Return the fault of answering with that status."""

    async def commit(a: Attempt) -> None:
        await a.whole(code, body or {"error": {"message": f"status {code}", "type": "x", "code": "y"}}, headers)

    return commit


async def reset(a: Attempt) -> None:
    """Reset the connection in place of an answer."""
    a.reset()


async def never(a: Attempt) -> None:
    """Never answer."""
    await watch(a, HOLD)


async def watch(a: Attempt, seconds: float) -> None:
    """Wait for the peer to close, and note when it did."""
    try:
        async with asyncio.timeout(seconds):
            if await a.reader.read(1) == b"":
                a.closed_at = time.monotonic()
    except (TimeoutError, ConnectionError) as error:
        if isinstance(error, ConnectionError):
            a.closed_at = time.monotonic()


async def begin(a: Attempt) -> None:
    """Begin a good stream."""
    await a.head_of_stream()
    await a.event(**chunk({"role": "assistant", "content": ""}))
    await a.text("some text ")
    await asyncio.sleep(0.1)  # what follows comes in a read of its own, so that this much has been passed on before it


async def cut(a: Attempt) -> None:
    """End the connection in mid-stream."""
    await begin(a)
    a.writer.close()


async def cut_by_reset(a: Attempt) -> None:
    """Reset it in mid-stream."""
    await begin(a)
    await asyncio.sleep(0.05)
    a.reset()


async def clean_end_without_finish(a: Attempt) -> None:
    """End the transfer properly, with nothing that says the answer is complete."""
    await begin(a)
    await a.send(b"0\r\n\r\n")


async def silent(a: Attempt) -> None:
    """Send the head of a stream, and nothing else."""
    await a.head_of_stream()
    await watch(a, HOLD)


async def stall(a: Attempt) -> None:
    """Fall silent in mid-stream."""
    await begin(a)
    await watch(a, HOLD)


async def trickle(a: Attempt) -> None:
    """A whole answer that comes a byte at a time, for longer than anybody should wait."""
    await a.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    try:
        for _ in range(600):
            await a.send(b" ")
            await asyncio.sleep(0.1)
    except ConnectionError:
        a.closed_at = time.monotonic()


async def endless(a: Attempt) -> None:
    """A long stream, until the peer leaves."""
    await begin(a)
    leaving = asyncio.create_task(watch(a, 60))
    try:
        while not leaving.done():
            await a.text("more ")
            await asyncio.sleep(0.02)
    except ConnectionError:
        a.closed_at = a.closed_at or time.monotonic()
    leaving.cancel()


async def no_done(a: Attempt) -> None:
    """Leave out the terminator."""
    await begin(a)
    await a.end(done=False)


async def double_done(a: Attempt) -> None:
    """Send the terminator twice, and text after it."""
    await begin(a)
    await a.event(**chunk({}, finish="stop"))
    await a.event(**{**chunk({}), "choices": [], "usage": USAGE})
    await a.piece(b"data: [DONE]\n\ndata: [DONE]\n\n")
    await a.text("after the end")
    await a.send(b"0\r\n\r\n")


async def error_first(a: Attempt) -> None:
    """Send an error in place of the first event."""
    await a.head_of_stream()
    await a.event(error={"message": "slow down", "type": "rate_limit_error", "code": 429})
    await a.piece(b"data: [DONE]\n\n")
    await a.send(b"0\r\n\r\n")


async def error_later(a: Attempt) -> None:
    """Send an error in mid-stream."""
    await begin(a)
    await a.event(error={"message": "overloaded", "type": "server_error", "code": 503})
    await a.send(b"0\r\n\r\n")


async def limit_later(a: Attempt) -> None:
    """Say in mid-stream that the rate limit is reached."""
    await begin(a)
    await a.event(error={"message": "slow down", "type": "rate_limit_error", "code": 429})
    await a.send(b"0\r\n\r\n")


async def no_id(a: Attempt) -> None:
    """Give the answer no id."""
    if not a.stream:
        await a.whole(200, answer(id=None))
        return
    await a.head_of_stream()
    for part in (
        chunk({"role": "assistant", "content": "fine"}),
        chunk({}, finish="stop"),
        {**chunk({}), "choices": []},
    ):
        await a.event(**{**part, "id": None}, **({} if part["choices"] else {"usage": USAGE}))
    await a.piece(b"data: [DONE]\n\n")
    await a.send(b"0\r\n\r\n")


async def torrent(a: Attempt) -> None:
    """Send as fast as the peer takes it, for a gigabyte."""
    await begin(a)
    piece = b"data: " + json.dumps(chunk({"content": "x" * 60_000})).encode() + b"\n\n"
    try:
        for _ in range(16_000):
            await a.piece(piece)
            a.sent += len(piece)
    except ConnectionError:
        a.closed_at = a.closed_at or time.monotonic()


async def usage_twice(a: Attempt) -> None:
    """Say what was used three times: in part, whole, and less than that."""
    await begin(a)
    await a.text("more", usage={"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13})
    await a.event(**chunk({}, finish="stop"))
    for _ in range(2):
        await a.event(**{**chunk({}), "choices": [], "usage": USAGE})
    await a.piece(b"data: [DONE]\n\n")
    await a.send(b"0\r\n\r\n")


async def good_once(a: Attempt) -> None:
    """Answer well, and close the connection a little later without having said so."""
    await good(a)
    await asyncio.sleep(0.2)
    a.writer.close()


async def one_bad_event(a: Attempt) -> None:
    """Send one event that is not JSON."""
    await begin(a)
    await a.piece(b'data: {"choices": [{"ind\n\n')
    await a.text("and on")
    await a.end()


async def two_bad_events(a: Attempt) -> None:
    """Send two of them in a row."""
    await begin(a)
    await a.piece(b'data: {"choices": [{"ind\n\n')
    await a.piece(b"data: oops\n\n")
    await a.text("and on")
    await a.end()


async def html(a: Attempt) -> None:
    """Answer with a page."""
    await a.whole(200, b"<html>Sign in</html>", "content-type: text/html\r\n")


async def empty(a: Attempt) -> None:
    """Answer with nothing."""
    await a.whole(200, b"", "content-type: application/json\r\n")


async def truncated_json(a: Attempt) -> None:
    """Stop short of the announced length."""
    data = json.dumps(answer()).encode()
    await a.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (len(data) + 50))
    await a.send(data[:60])
    a.writer.close()


async def late(a: Attempt) -> None:
    """Answer well, after a second."""
    await asyncio.sleep(1)
    await good(a)


async def no_usage(a: Attempt) -> None:
    """Do not say what was used."""
    if not a.stream:
        data = answer("one two three four five")
        del data["usage"]
        await a.whole(200, data)
        return
    await begin(a)
    await a.end(usage=False)


async def absurd_usage(a: Attempt) -> None:
    """Say something impossible of what was used."""
    await a.whole(200, answer(usage={"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": 1}))


async def big_error(a: Attempt) -> None:
    """Send 114 MB with an error."""
    await a.send(b"HTTP/1.1 503 X\r\ncontent-type: text/plain\r\ncontent-length: 114000000\r\n\r\n")
    try:
        for _ in range(1000):
            await a.send(b"x" * 114_000)
    except ConnectionError:
        a.closed_at = time.monotonic()


async def big_line(a: Attempt) -> None:
    """Send an event of 4 MB."""
    await begin(a)
    await a.text("x" * 4_000_000)
    await a.end()


async def too_big_line(a: Attempt) -> None:
    """Send an event of more than 8 MiB."""
    await begin(a)
    try:
        await a.piece(b"data: " + b"x" * (8 * 1024 * 1024 + 10))
        await a.end()
    except ConnectionError:
        a.closed_at = time.monotonic()


async def tiny_chunks(a: Attempt) -> None:
    """Send a stream a byte at a time."""
    await a.head_of_stream()
    text = "".join(
        f"data: {json.dumps(chunk({'content': 'ä' + str(i)}), ensure_ascii=False)}\r\n\r\n" for i in range(200)
    )
    data = text.encode()
    a.writer.write(b"".join(b"1\r\n%b\r\n" % data[i : i + 1] for i in range(len(data))))
    await a.end()


async def odd_framing(a: Attempt) -> None:
    """Send comments, CRLF and named events."""
    await a.head_of_stream()
    await a.piece(
        b": a comment\r\n\r\nevent: message\r\ndata: " + json.dumps(chunk({"content": "odd"})).encode() + b"\r\n\r\n"
    )
    await a.end()


async def zipped(a: Attempt) -> None:
    """Compress the answer."""
    await a.whole(200, gzip.compress(json.dumps(answer("unzipped")).encode()), "content-encoding: gzip\r\n")


async def bomb(a: Attempt) -> None:
    """Compress 80 MB of nothing."""
    await a.whole(200, gzip.compress(b"\0" * 80_000_000, 1), "content-encoding: gzip\r\n")


async def redirect(a: Attempt) -> None:
    """Redirect."""
    await a.whole(302, b"", "location: http://127.0.0.1:1/steal\r\ncontent-type: text/plain\r\n")


async def hints(a: Attempt) -> None:
    """Send an informational answer first."""
    await a.send(b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n")
    await good(a)


async def echo_key(a: Attempt) -> None:
    """Repeat the credential."""
    await a.whole(
        400, {"error": {"message": "Incorrect key sk-wall-secret-0123456789abcdef", "type": "invalid_request_error"}}
    )


async def too_long(a: Attempt) -> None:
    """Say that the prompt is too long."""
    error = {
        "message": "maximum context length is 8192 tokens",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
    await a.whole(400, {"error": error})


FAULTS: dict[str, Fault] = {
    name: fault
    for name, fault in globals().items()
    if inspect.iscoroutinefunction(fault) and name not in {"watch", "begin"}
} | {
    "s400": status(400),
    "s401": status(401),
    "s402": status(402),
    "s403": status(403),
    "s404": status(404),
    "s408": status(408),
    "s409": status(409),
    "s413": status(413),
    "s422": status(422),
    "s429": status(429),
    "s429_wait1": status(429, headers="retry-after: 1\r\n"),
    "s429_wait900": status(429, headers="retry-after: 900\r\n"),
    "s429_wait2": status(429, headers="retry-after: 2\r\n"),
    "s429_wait_negative": status(429, headers="retry-after: -5\r\n"),
    "s429_past": status(429, headers="retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n"),
    "s429_garbage": status(429, headers="retry-after: soon\r\n"),
    "s500": status(500),
    "s502": status(502),
    "s503": status(503),
    "s503_final": status(503, headers="x-should-retry: false\r\n"),
    "s529": status(529),
    "filtered": status(400, {"error": {"message": "content filter", "code": "content_filter"}}),
    "credit": status(400, {"error": {"message": "Your credit balance is too low", "type": "invalid_request_error"}}),
    "quota": status(429, {"error": {"message": "quota", "type": "insufficient_quota", "code": "insufficient_quota"}}),
}
FAULTS |= PREFILL
"""Every fault by its name."""
