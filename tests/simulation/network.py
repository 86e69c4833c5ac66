"""Two providers that answer, refuse, break off or are silent; and what they know of each call."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from headgate.core.errors import UpstreamFailed
from headgate.core.money import Price, Usage
from headgate.transport.base import Outbound
from tests.simulation.clock import Loop

PRICES = {"a": Price(input=1_000_000, output=2_000_000), "b": Price(input=3_000_000, output=4_000_000)}
CONFIG = b"""providers:
  a: {kind: openai-compatible, base_url: "http://a.example/v1", price: {input: 1, output: 2}}
  b: {kind: openai-compatible, base_url: "http://b.example/v1", price: {input: 3, output: 4}}
routes:
  fast: {targets: [a/m, b/m], min_output: 4}
limits: {user: {}, end_user: {}, models: {a/m: {rpm: 8}}}
"""


@dataclass
class Served:
    """What a provider did with one request."""

    call: int
    provider: str
    at: float
    asked: int
    """``max_tokens`` as it came."""
    outcome: str = "silent"
    owner: str = ""
    done: float = 0.0
    """When its answer had been read; 0 if nobody did."""
    usage: Usage = field(default_factory=Usage)


class Reply:
    """``Inbound``."""

    def __init__(self, loop: Loop, status: int, headers: list[tuple[bytes, bytes]], pieces: list[bytes | None]) -> None:
        self.status, self.headers = status, headers
        self._loop, self._pieces = loop, pieces
        self.one: Served | None = None
        """Whose answer it is, where it matters when it was read."""

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    async def read(self, timeout: float) -> bytes:
        if not self._pieces:
            if self.one is not None:
                self.one.done = self._loop.now
            return b""
        await asyncio.sleep(0.01)
        piece = self._pieces.pop(0)
        if piece is None:
            raise UpstreamFailed("It broke off.", status=502, code="upstream_stream_interrupted", billed="uncertain")
        return piece

    async def read_all(self, timeout: float, limit: int, whole: float = 0.0) -> bytes:
        found = b""
        while piece := await self.read(timeout):
            found += piece
        return found

    def close(self) -> None:
        pass


class Network:
    """The one sender of all processes. One simulation at a time has it."""

    def __init__(self) -> None:
        self.loop: Loop
        self.dice: Random
        self.served: list[Served] = []

    def begin(self, loop: Loop, dice: Random, asked: Callable[[Served], None]) -> None:
        """*asked* is told of every request."""
        self.loop, self.dice, self.served, self.asked = loop, dice, [], asked

    def get(self, **_: Any) -> "Network":
        return self

    async def close(self) -> None:
        pass

    async def send(self, out: Outbound) -> Reply:
        provider, dice = out.origin.host[0], self.dice
        body = json.loads(out.body)
        one = Served(int(body["messages"][0]["content"]), provider, self.loop.now, body["max_tokens"])
        self.asked(one)
        self.served.append(one)
        fate = dice.random()
        if fate < 0.05:
            one.outcome = "unreachable"
            raise UpstreamFailed("No connection.", status=502, code="upstream_connect_error", same_target=True)
        await asyncio.sleep(dice.choice((0.02, 0.2, 1.0, 4.0)))
        if fate < 0.10:
            await asyncio.sleep(out.headers_timeout)
            raise UpstreamFailed("No answer.", status=504, code="upstream_timeout", billed="uncertain")
        if fate < 0.16:
            one.outcome = "busy"
            error = b'{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}'
            reply = Reply(self.loop, 429, [(b"retry-after", b"30"), (b"content-type", b"application/json")], [error])
            reply.one = one
            return reply
        if fate < 0.20:
            one.outcome = "fault"
            return Reply(self.loop, 500, [], [b'{"error":{"message":"oops","type":"server_error"}}'])
        one.usage = Usage(input=dice.randint(1, len(out.body) // 4), output=dice.randint(1, one.asked))
        one.outcome = "cut" if fate < 0.25 else "whole"
        told = {"prompt_tokens": one.usage.input, "completion_tokens": one.usage.output}
        told["total_tokens"] = one.usage.total
        if body.get("stream"):
            return Reply(self.loop, 200, [(b"content-type", b"text/event-stream")], self._stream(told, one))
        message = {"role": "assistant", "content": "ok"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": told}
        whole = json.dumps(answer).encode()
        pieces: list[bytes | None] = [whole] if one.outcome == "whole" else [whole[:40], None]
        return Reply(self.loop, 200, [(b"content-type", b"application/json")], pieces)

    def _stream(self, told: dict[str, int], one: Served) -> list[bytes | None]:
        base = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        delta = {**base, "choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": None}]}
        stop = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        events = [json.dumps(each).encode() for each in (delta, stop, {**base, "choices": [], "usage": told})]
        pieces: list[bytes | None] = [b"data: %b\n\n" % event for event in events]
        return [*pieces, b"data: [DONE]\n\n"] if one.outcome == "whole" else [pieces[0], None]
