"""A sender that never sends: it answers in this process what a server with OpenAI's wire format would."""

from asyncio import get_running_loop, sleep
from collections.abc import Callable, Iterator
from itertools import islice
from math import inf
from time import monotonic, time

import msgspec

from headgate.core.errors import UpstreamFailed
from headgate.dialects.wire import typed
from headgate.providers.sandbox import replies, wire
from headgate.providers.sandbox.answer import Refused, answer, continued, prompt_tokens, seed_of
from headgate.providers.sandbox.behaviour import ERRORS, NORMAL, Behaviour, behaviour
from headgate.providers.sandbox.pieces import count
from headgate.providers.sandbox.thinking import check, think
from headgate.providers.sandbox.vectors import DIMENSIONS, MAX_DIMENSIONS, packed, vector
from headgate.transport import failures
from headgate.transport.base import Inbound, Origin, Outbound

JSON = (b"content-type", b"application/json")
SSE = (b"content-type", b"text/event-stream; charset=utf-8")
BATCH = 32
"""Events in one read of a stream that is not slowed down."""
MAX_CHOICES = 128
MAX_INPUTS = 2048
TURN = 16
"""Vectors made before others on the event loop get a turn."""
MODELS = ("chat", "embed", "moderate", "rerank", "image", "speech", "transcribe")
TASKS = frozenset(
    b"/moderations /rerank /images/generations /audio/speech /audio/transcriptions /audio/translations".split()
)
"""Paths of what is answered by ``tasks``."""


class Answered:
    """A response of the sandbox; see ``Inbound``."""

    __slots__ = ("_at", "_begun", "_left", "_parts", "_rate", "_stall", "headers", "origin", "status")

    def __init__(
        self, origin: Origin, status: int, headers: list[tuple[bytes, bytes]], parts: Iterator[bytes], how: Behaviour
    ) -> None:
        self.origin = origin
        self.status = status
        self.headers = headers
        self._parts = parts
        self._rate = how.rate
        self._left = how.cut if how.cut is not None else -1
        self._stall = how.stall if how.stall is not None else -1
        self._begun = 0.0
        self._at = 0

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of *name* (given in lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    async def read(self, timeout: float) -> bytes:
        """Return the next events: many at once, or each in its time where a rate was asked for."""
        if self._at == self._stall:
            await sleep(timeout)
            raise failures.too_slow(self.origin, "data", timeout)
        if self._rate:
            await self._wait(timeout)
            return self._next(1)
        if self._at >= BATCH:
            await sleep(0)  # a stream that is never waited for would keep everybody else waiting
        return self._next(BATCH)

    async def read_all(self, timeout: float, limit: int, whole: float = inf) -> bytes:
        """Return the whole body."""
        parts: list[bytes] = []
        size = 0
        until = monotonic() + whole
        while data := await self.read(min(timeout, max(until - monotonic(), 0.001))):
            parts.append(data)
            size += len(data)
            if size > limit:
                self.close()
                raise failures.invalid(self.origin, f"its body is longer than {limit} bytes")
        return b"".join(parts)

    def close(self) -> None:
        """Drop what was not read."""
        self._parts = iter(())
        self._stall = -1

    def _next(self, most: int) -> bytes:
        if self._stall >= 0:
            most = min(most, self._stall - self._at)
        if self._left >= 0:
            most = min(most, self._left - self._at)
        made = list(islice(self._parts, most))
        self._at += len(made)
        return b"".join(made)

    async def _wait(self, timeout: float) -> None:
        """Wait until the next event is due at the rate that was asked for."""
        now = get_running_loop().time()
        self._begun = self._begun or now
        due = self._begun + self._at / self._rate - now
        if due > timeout:
            await sleep(timeout)
            raise failures.too_slow(self.origin, "data", timeout)
        if due > 0:
            await sleep(due)


class SandboxSender:
    """Makes answers up; see ``Sender``. *clock* gives the seconds since 1970 that answers are dated with."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock

    async def send(self, out: Outbound) -> Inbound:
        """Answer *out* by its path."""
        path = out.head.split(b" ", 2)[1]
        try:
            if path.endswith(b"/chat/completions"):
                return await self._chat(out)
            if path.endswith(b"/embeddings"):
                return await self._embed(out)
            if path.removeprefix(b"/v1") in TASKS:
                from headgate.providers.sandbox.tasks import perform  # few ask for these, and every start would pay

                return await perform(out, path, int(self._clock()))
            if path.endswith(b"/models"):
                return whole(out, 200, self._models())
        except Refused as refused:
            return _refused(out, refused.message, refused.param)
        except msgspec.ValidationError as error:
            message, _, where = str(error).partition(" - at `$")
            return _refused(out, message + ".", where.strip("`.") or None)
        except msgspec.DecodeError as error:
            return _refused(out, f"The body is not JSON: {error}.", None)
        return whole(out, 404, replies.error(f"No such path: {path.decode('latin-1')}.", "not_found_error", None))

    async def close(self) -> None:
        """Nothing is open."""

    async def _chat(self, out: Outbound) -> Inbound:
        chat = typed(wire.chat, out.body)
        how = behaviour(chat.metadata)
        if how is not NORMAL and (failed := await misbehave(out, how)):
            return failed
        _check(chat)
        prompt = prompt_tokens(chat)
        chat, said = continued(chat)
        seed = seed_of(chat)
        thoughts = think(chat)
        answers = [answer(chat, seed, index, how.text, said) for index in range(chat.n or 1)]
        for made in answers:
            made.thought = thoughts
            made.tokens += len(thoughts)
        head = replies.headed(seed, int(self._clock()), chat.model)
        if chat.stream:
            events = replies.events(head, chat, prompt, answers)
            return Answered(out.origin, 200, [SSE, _id(seed)], events, how)
        if how.rate:
            await _pass(out, "response headers", sum(a.tokens for a in answers) / how.rate)
        body = replies.whole(head, prompt, answers)
        if how.cut is not None:
            body = body[: len(body) // 2]
        return whole(out, 200, body, _id(seed), Behaviour(stall=0) if how.stall is not None else NORMAL)

    async def _embed(self, out: Outbound) -> Inbound:
        asked = typed(wire.embed, out.body)
        how = behaviour(asked.metadata)
        if how is not NORMAL and (failed := await misbehave(out, how)):
            return failed
        size = DIMENSIONS if asked.dimensions is None else asked.dimensions
        if not 1 <= size <= MAX_DIMENSIONS:
            raise Refused(f"dimensions is from 1 to {MAX_DIMENSIONS}.", "dimensions")
        if asked.encoding_format not in (None, "float", "base64"):
            raise Refused("encoding_format is float or base64.", "encoding_format")
        texts = _texts(asked.input)
        if not 1 <= len(texts) <= MAX_INPUTS:
            raise Refused(f"input is from 1 to {MAX_INPUTS} texts.", "input")
        data = []
        for index, text in enumerate(texts):
            if index and index % TURN == 0:
                await sleep(0)
            values = vector(text, size)
            shown = packed(values) if asked.encoding_format == "base64" else values
            data.append({"object": "embedding", "index": index, "embedding": shown})
        used = sum(map(count, texts))
        tokens = {"prompt_tokens": used, "total_tokens": used}
        return whole(out, 200, wire.encode({"object": "list", "data": data, "model": asked.model, "usage": tokens}))

    def _models(self) -> bytes:
        made = int(self._clock())
        data = [{"id": name, "object": "model", "created": made, "owned_by": "sandbox"} for name in MODELS]
        return wire.encode({"object": "list", "data": data})


def _check(chat: wire.Chat) -> None:
    check(chat)
    if not chat.messages:
        raise Refused("messages is empty; send at least one.", "messages")
    if chat.n is not None and not 1 <= chat.n <= MAX_CHOICES:
        raise Refused(f"n is from 1 to {MAX_CHOICES}.", "n")
    for name in ("max_tokens", "max_completion_tokens"):
        value = getattr(chat, name)
        if value is not None and value < 1:
            raise Refused(f"{name} is at least 1.", name)


def _texts(given: str | list[str | int | list[int]]) -> list[str]:
    """Return the texts to embed; tokens stand for themselves, as this model has no vocabulary to read them with."""
    if isinstance(given, str):
        return [given]
    if given and all(isinstance(item, int) for item in given):
        return [" ".join(map(str, given))]
    return [
        item if isinstance(item, str) else " ".join(map(str, item if isinstance(item, list) else [item]))
        for item in given
    ]


async def misbehave(out: Outbound, how: Behaviour) -> Inbound | None:
    """Wait, stay silent or fail, as asked; ``None`` where an answer is to follow."""
    if how.silent:
        await _pass(out, "response headers", float("inf"))
    if how.latency:
        await _pass(out, "response headers", how.latency)
    if not how.status:
        return None
    kind, code, message = ERRORS[how.status]
    soon = [(b"retry-after", b"1")] if how.status in (429, 503, 529) else []
    return Answered(out.origin, how.status, [JSON, *soon], iter((replies.error(message, kind, code),)), NORMAL)


async def _pass(out: Outbound, waited_for: str, seconds: float) -> None:
    """Let time pass, as far as the caller's patience goes."""
    if seconds > out.headers_timeout:
        await sleep(out.headers_timeout)
        raise _late(out, waited_for)
    await sleep(seconds)


def _late(out: Outbound, waited_for: str) -> UpstreamFailed:
    return failures.too_slow(out.origin, waited_for, out.headers_timeout)


def _id(seed: bytes) -> tuple[bytes, bytes]:
    return (b"x-request-id", b"req_" + seed.hex().encode())


def whole(
    out: Outbound, status: int, body: bytes, request_id: tuple[bytes, bytes] | None = None, how: Behaviour = NORMAL
) -> Inbound:
    """Return a JSON document as an answer."""
    headers = [JSON, request_id] if request_id else [JSON]
    return Answered(out.origin, status, headers, iter((body,)), how)


def _refused(out: Outbound, message: str, param: str | None) -> Inbound:
    return whole(out, 400, replies.error(message, "invalid_request_error", "invalid_value", param))
