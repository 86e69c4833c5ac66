"""What an upstream can do wrong once a stream has begun, each as a few lines."""

import asyncio
import json
import time

from headgate.faultlab.attempt import HOLD, USAGE, Attempt, chunk, watch


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


async def role_then_error(a: Attempt) -> None:
    """Say whose turn it is, and then send an error."""
    await a.head_of_stream()
    await a.event(**chunk({"role": "assistant", "content": ""}))
    await asyncio.sleep(0.1)
    await a.event(error={"message": "slow down", "type": "rate_limit_error", "code": 429})
    await a.send(b"0\r\n\r\n")


async def role_then_silence(a: Attempt) -> None:
    """Say whose turn it is, and nothing else."""
    await a.head_of_stream()
    await a.event(**chunk({"role": "assistant", "content": ""}))
    await watch(a, HOLD)


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
