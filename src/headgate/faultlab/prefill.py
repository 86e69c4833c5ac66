"""A long answer that breaks off, and upstreams that go on from a given beginning: well, or repeating some of it.

Both in OpenAI's words and in Anthropic's, by the path that was asked.
"""

import asyncio
import json
from typing import Any

from headgate.faultlab.attempt import USAGE, Attempt, chunk
from headgate.faultlab.streams import begin

ANSWER = (
    "The lighthouse keeper wrote – as every evening – three lines:\n\n"
    "| hour | wind | light |\n| --- | --- | --- |\n| 21 | NW 4 | „gut“ |\n\n"
    "Then she wound the clock, wound the clock again, and slept. 灯台 🗼 Ende."
)
ECHOED = 40
"""Characters that ``goes_on_overlapping`` says again."""


def begun(body: dict[str, Any]) -> str:
    """Return the beginning of an answer that a request ends with."""
    last = body["messages"][-1]
    if last["role"] != "assistant":
        return ""
    content = last["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def stream(a: Attempt, text: str) -> bytes:
    """Return a whole stream that says *text*, as its bytes."""
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    if "/messages" in a.path:
        message = {"id": "msg_wall", "type": "message", "role": "assistant", "model": "wall", "content": []}
        usage = {"input_tokens": 11, "output_tokens": 7}
        events: list[dict[str, Any]] = [
            {
                "type": "message_start",
                "message": {**message, "stop_reason": None, "usage": {**usage, "output_tokens": 1}},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in pieces),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ]
        return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)
    deltas = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]
    events = [*deltas, chunk({}, finish="stop"), {**chunk({}), "choices": [], "usage": USAGE}]
    return b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events) + b"data: [DONE]\n\n"


async def _say(a: Attempt, text: str, bytes_: int | None = None) -> None:
    part = stream(a, text)[:bytes_]
    await a.head_of_stream()
    if part:
        await a.piece(part)
    if bytes_ is None:
        await a.send(b"0\r\n\r\n")
    else:
        a.writer.close()


async def goes_on(a: Attempt) -> None:
    """Say the long answer, from where the request's last message leaves off."""
    await _say(a, ANSWER.removeprefix(begun(a.body)))


async def goes_on_echoing(a: Attempt) -> None:
    """Say it from its first word."""
    await _say(a, ANSWER)


async def goes_on_overlapping(a: Attempt) -> None:
    """Say some of the beginning again."""
    await _say(a, ANSWER[max(len(begun(a.body)) - ECHOED, 0) :])


async def breaks_off(a: Attempt) -> None:
    """Break off after as many bytes of the stream as the model's name says behind its last colon."""
    await _say(a, ANSWER.removeprefix(begun(a.body)), int(a.model.rpartition(":")[2]))


def _events(a: Attempt) -> bytes:
    """Return as many events of the stream as the model's name says behind its last colon."""
    events = stream(a, ANSWER.removeprefix(begun(a.body))).split(b"\n\n")
    return b"".join(event + b"\n\n" for event in events[: int(a.model.rpartition(":")[2])])


_ERROR = b'data: {"error": {"message": "overloaded", "type": "server_error", "code": "500"}}\n\n'


async def fails_after(a: Attempt) -> None:
    """Say an error in place of the rest after some events."""
    await a.head_of_stream()
    await a.piece(_events(a))
    await asyncio.sleep(0.05)  # what follows comes in a read of its own
    await a.piece(_ERROR)
    await a.send(b"0\r\n\r\n")


async def fails_with(a: Attempt) -> None:
    """Say some events and an error at once."""
    await a.head_of_stream()
    await a.piece(_events(a) + _ERROR)
    await a.send(b"0\r\n\r\n")


async def ends_after(a: Attempt) -> None:
    """End the transfer properly after some events, with nothing that says the answer is complete."""
    await a.head_of_stream()
    await a.piece(_events(a))
    await asyncio.sleep(0.05)
    await a.send(b"0\r\n\r\n")


async def calls_then_cut(a: Attempt) -> None:
    """Break off in the arguments of a call of a tool."""
    await begin(a)
    called = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "wind", "arguments": '{"place'}}
    await a.event(**chunk({"tool_calls": [called]}))
    a.writer.close()


PREFILL = {
    one.__name__: one
    for one in (
        goes_on,
        goes_on_echoing,
        goes_on_overlapping,
        breaks_off,
        fails_after,
        fails_with,
        ends_after,
        calls_then_cut,
    )
}
