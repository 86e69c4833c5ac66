"""What an upstream can do wrong in place of an answer, or with a whole one, each as a few lines."""

import asyncio
import gzip
import json
import time
from typing import Any

from headgate.faultlab.attempt import HOLD, USAGE, Attempt, Fault, answer, chunk, watch
from headgate.faultlab.streams import begin


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


async def trickle(a: Attempt) -> None:
    """A whole answer that comes a byte at a time, for longer than anybody should wait."""
    await a.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    await keep_sending(a, 600, b" ", 0.1)


async def keep_sending(a: Attempt, count: int, piece: bytes, pause: float = 0.0) -> None:
    """Send *piece* so many times, *pause* seconds after each, until the other side leaves."""
    try:
        for _ in range(count):
            await a.send(piece)
            await asyncio.sleep(pause)
    except ConnectionError:
        a.closed_at = time.monotonic()


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


async def good_once(a: Attempt) -> None:
    """Answer well, and close the connection a little later without having said so."""
    await good(a)
    await asyncio.sleep(0.2)
    a.writer.close()


async def html(a: Attempt) -> None:
    """Answer with a page."""
    await a.whole(200, b"<html>Sign in</html>", "content-type: text/html\r\n")


async def empty(a: Attempt) -> None:
    """Answer with nothing."""
    await a.whole(200, b"", "content-type: application/json\r\n")


async def half_silent(a: Attempt) -> None:
    """Send the head of a whole answer and its first byte, and nothing else."""
    await a.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{")
    await watch(a, HOLD)


async def trickled_error(a: Attempt) -> None:
    """Send an error a byte a second, for longer than anybody should wait."""
    await a.send(b"HTTP/1.1 503 X\r\ncontent-type: text/plain\r\ncontent-length: 60000\r\n\r\n")
    await keep_sending(a, 200, b"x", 1)


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


async def s503_late(a: Attempt) -> None:
    """Say that it is down, after a second."""
    await asyncio.sleep(1)
    await STATUSES["s503"](a)


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
    await keep_sending(a, 1000, b"x" * 114_000)


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


STATUSES: dict[str, Fault] = {
    "s400": status(400),
    "s401": status(401),
    "s402": status(402),
    "s403": status(403),
    "no_access": status(403, {"error": {"message": "You do not have access to model `x`", "code": "model_not_found"}}),
    "flagged": status(403, {"error": {"message": "Your input was flagged for violence", "code": 403}}),
    "s404": status(404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}),
    "s404_item": status(404, {"error": {"message": "Item with id 'rs_model' not found.", "param": "input"}}),
    "s408": status(408),
    "traced": status(400, headers="x-debug-trace-id: up-1\r\n"),
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
