"""An upstream that commits one fault on demand, chosen by the model's name, and keeps its own account of every attempt.

Raw sockets, because no framework resets before its headers or stops a chunked body short. It runs on a thread of its own,
so that a test may block.
"""

import asyncio
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

Fault = Callable[["Attempt"], Awaitable[None]]


class Attempt:
    """One request as the wall saw it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes) -> None:
        self.reader, self.writer, self.head = reader, writer, head
        self.raw, self.body = body, json.loads(body)
        self.model: str = self.body["model"]
        self.stream = bool(self.body.get("stream"))
        self.at = time.monotonic()
        self.closed_at: float | None = None

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, body: bytes | dict[str, Any], headers: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "" if "content-type" in headers else "content-type: application/json\r\n"
        await self.send(f"HTTP/1.1 {status} X\r\n{kind}{headers}content-length: {len(data)}\r\n\r\n".encode() + data)

    async def head_of_stream(self) -> None:
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def piece(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, **fields: Any) -> None:
        await self.piece(b"data: " + json.dumps(fields).encode() + b"\n\n")

    async def text(self, text: str, **more: Any) -> None:
        await self.event(**chunk({"content": text}, **more))

    async def end(self, *, done: bool = True, usage: bool = True) -> None:
        await self.event(**chunk({}, finish="stop"))
        if usage:
            await self.event(**{**chunk({}), "choices": [], "usage": USAGE})
        if done:
            await self.piece(b"data: [DONE]\n\n")
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-wall",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "wall",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


def answer(text: str = "fine", **more: Any) -> dict[str, Any]:
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
    if not a.stream:
        await a.whole(200, answer())
        return
    await a.head_of_stream()
    await a.event(**chunk({"role": "assistant", "content": ""}))
    for word in ("fi", "ne"):
        await a.text(word)
    await a.end()


async def good_claude(a: Attempt) -> None:
    usage = {"input_tokens": 11, "output_tokens": 7}
    message = {"id": "msg_wall", "type": "message", "role": "assistant", "model": "wall", "stop_sequence": None}
    content = [{"type": "text", "text": "fine"}]
    await a.whole(200, {**message, "content": content, "stop_reason": "end_turn", "usage": usage})


def status(code: int, body: bytes | dict[str, Any] = b"", headers: str = "") -> Fault:
    async def commit(a: Attempt) -> None:
        await a.whole(code, body or {"error": {"message": f"status {code}", "type": "x", "code": "y"}}, headers)

    return commit


async def reset(a: Attempt) -> None:
    a.reset()


async def never(a: Attempt) -> None:
    await watch(a, 120)


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
    await a.head_of_stream()
    await a.event(**chunk({"role": "assistant", "content": ""}))
    await a.text("some text ")
    await asyncio.sleep(0.1)  # what follows comes in a read of its own, so that this much has been passed on before it


async def cut(a: Attempt) -> None:
    await begin(a)
    a.writer.close()


async def cut_by_reset(a: Attempt) -> None:
    await begin(a)
    await asyncio.sleep(0.05)
    a.reset()


async def clean_end_without_finish(a: Attempt) -> None:
    await begin(a)
    await a.send(b"0\r\n\r\n")


async def stall(a: Attempt) -> None:
    await begin(a)
    await watch(a, 120)


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
    await begin(a)
    await a.end(done=False)


async def double_done(a: Attempt) -> None:
    await begin(a)
    await a.event(**chunk({}, finish="stop"))
    await a.event(**{**chunk({}), "choices": [], "usage": USAGE})
    await a.piece(b"data: [DONE]\n\ndata: [DONE]\n\n")
    await a.text("after the end")
    await a.send(b"0\r\n\r\n")


async def error_first(a: Attempt) -> None:
    await a.head_of_stream()
    await a.event(error={"message": "slow down", "type": "rate_limit_error", "code": 429})
    await a.piece(b"data: [DONE]\n\n")
    await a.send(b"0\r\n\r\n")


async def error_later(a: Attempt) -> None:
    await begin(a)
    await a.event(error={"message": "overloaded", "type": "server_error", "code": 503})
    await a.send(b"0\r\n\r\n")


async def one_bad_event(a: Attempt) -> None:
    await begin(a)
    await a.piece(b'data: {"choices": [{"ind\n\n')
    await a.text("and on")
    await a.end()


async def two_bad_events(a: Attempt) -> None:
    await begin(a)
    await a.piece(b'data: {"choices": [{"ind\n\n')
    await a.piece(b"data: oops\n\n")
    await a.text("and on")
    await a.end()


async def html(a: Attempt) -> None:
    await a.whole(200, b"<html>Sign in</html>", "content-type: text/html\r\n")


async def empty(a: Attempt) -> None:
    await a.whole(200, b"", "content-type: application/json\r\n")


async def truncated_json(a: Attempt) -> None:
    data = json.dumps(answer()).encode()
    await a.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (len(data) + 50))
    await a.send(data[:60])
    a.writer.close()


async def no_usage(a: Attempt) -> None:
    if not a.stream:
        data = answer("one two three four five")
        del data["usage"]
        await a.whole(200, data)
        return
    await begin(a)
    await a.end(usage=False)


async def absurd_usage(a: Attempt) -> None:
    await a.whole(200, answer(usage={"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": 1}))


async def big_error(a: Attempt) -> None:
    await a.send(b"HTTP/1.1 503 X\r\ncontent-type: text/plain\r\ncontent-length: 114000000\r\n\r\n")
    try:
        for _ in range(1000):
            await a.send(b"x" * 114_000)
    except ConnectionError:
        a.closed_at = time.monotonic()


async def big_line(a: Attempt) -> None:
    await begin(a)
    await a.text("x" * 4_000_000)
    await a.end()


async def too_big_line(a: Attempt) -> None:
    await begin(a)
    try:
        await a.piece(b"data: " + b"x" * (8 * 1024 * 1024 + 10))
        await a.end()
    except ConnectionError:
        a.closed_at = time.monotonic()


async def tiny_chunks(a: Attempt) -> None:
    await a.head_of_stream()
    text = "".join(
        f"data: {json.dumps(chunk({'content': 'ä' + str(i)}), ensure_ascii=False)}\r\n\r\n" for i in range(200)
    )
    data = text.encode()
    a.writer.write(b"".join(b"1\r\n%b\r\n" % data[i : i + 1] for i in range(len(data))))
    await a.end()


async def odd_framing(a: Attempt) -> None:
    await a.head_of_stream()
    await a.piece(
        b": a comment\r\n\r\nevent: message\r\ndata: " + json.dumps(chunk({"content": "odd"})).encode() + b"\r\n\r\n"
    )
    await a.end()


async def zipped(a: Attempt) -> None:
    await a.whole(200, gzip.compress(json.dumps(answer("unzipped")).encode()), "content-encoding: gzip\r\n")


async def bomb(a: Attempt) -> None:
    await a.whole(200, gzip.compress(b"\0" * 200_000_000), "content-encoding: gzip\r\n")


async def redirect(a: Attempt) -> None:
    await a.whole(302, b"", "location: http://127.0.0.1:1/steal\r\ncontent-type: text/plain\r\n")


async def hints(a: Attempt) -> None:
    await a.send(b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n")
    await good(a)


async def echo_key(a: Attempt) -> None:
    await a.whole(
        400, {"error": {"message": "Incorrect key sk-wall-secret-0123456789abcdef", "type": "invalid_request_error"}}
    )


async def too_long(a: Attempt) -> None:
    error = {
        "message": "maximum context length is 8192 tokens",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
    await a.whole(400, {"error": error})


FAULTS: dict[str, Fault] = {
    name: fault
    for name, fault in globals().items()
    if asyncio.iscoroutinefunction(fault) and name not in {"watch", "begin"}
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
    "s429_garbage": status(429, headers="retry-after: soon\r\n"),
    "s500": status(500),
    "s502": status(502),
    "s503": status(503),
    "s529": status(529),
    "filtered": status(400, {"error": {"message": "content filter", "code": "content_filter"}}),
    "quota": status(429, {"error": {"message": "quota", "type": "insufficient_quota", "code": "insufficient_quota"}}),
}


class Wall:
    """The server. ``first_<fault>`` commits the fault at the first attempt of each run and answers well afterwards."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def seen(self, model: str) -> list[Attempt]:
        return [a for a in self.attempts if a.model == model]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=64 * 1024 * 1024)
            self.port: int = server.sockets[0].getsockname()[1]
            self._ready.set()

        self._loop.create_task(serve())
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        attempt: Attempt | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
                )
                attempt = Attempt(reader, writer, head, await reader.readexactly(length))
                self.attempts.append(attempt)
                await self._fault(attempt)(attempt)
        except asyncio.IncompleteReadError:
            pass
        except ConnectionError:  # the peer may leave while an answer begins, before anything watches for it
            if attempt is not None and attempt.closed_at is None:
                attempt.closed_at = time.monotonic()
        finally:
            self.writers.discard(writer)
            writer.close()

    def _fault(self, attempt: Attempt) -> Fault:
        name = attempt.model.partition(":")[0]  # what follows a colon only tells tests apart
        if name.startswith("first_"):
            return FAULTS[name[6:]] if len(self.seen(attempt.model)) == 1 else good
        return FAULTS.get(name, good)
