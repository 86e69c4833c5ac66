"""What takes down the answer of one call for a cache, decides at its end whether it is kept, and keeps it.

It is given the answer before its caller's own values are put back in it: what is kept has placeholders where the model
had them. What guardrails mask in answers is masked in what is kept, too.
"""

import asyncio
import re
from time import monotonic

import msgspec

from headgate.cache.rules import Control, refusal
from headgate.cache.shelf import Cache
from headgate.cache.types import Entry, Match, NoVector, Question
from headgate.core.call import Call
from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.ids import now as instant
from headgate.dialects.pictures import ANSWER
from headgate.pipeline.answer import cost_of
from headgate.pipeline.masked import kept
from headgate.pipeline.parts import Parts
from headgate.pipeline.reprint import text_of

MOST_FRAMES = 4096
TOOLS = re.compile(
    rb'"(?:tool_calls|function_call|functionCall)"\s*:\s*(?!null|\[\])'
    rb'|"type"\s*:\s*"(?:[a-z_]*tool_use|function_call|[a-z_]+_call|mcp_[a-z_]+|input_json_delta)"|"executableCode"'
)
"""Where an answer of any dialect calls a tool; inside of texts the quotes would be escaped."""


class Flight:
    """One call under way that others may wait for."""

    __slots__ = ("_done", "alone", "error", "failures", "landing", "waiting")

    def __init__(self, failures: int = 0) -> None:
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failures = failures
        """How many calls have failed for those who wait."""
        self.error: UpstreamFailed | None = None
        """What the last of them failed with."""
        self.landing: Entry | None = None
        """The answer, once there is one that may be shared."""
        self.alone = False
        """There was an answer, and it may not be shared: who waits asks by itself."""
        self.waiting = 0

    def failed(self, error: HeadgateError | None) -> None:
        """Take note of why there is no answer, where that is not the caller's own affair."""
        if isinstance(error, UpstreamFailed):
            self.failures += 1
            self.error = error

    async def landed(self) -> None:
        """Wait for the end, whatever it is; who stops waiting does not stop it."""
        await asyncio.shield(self._done)

    def end(self) -> None:
        """Let those who wait go on."""
        if not self._done.done():
            self._done.set_result(None)


class Tape:
    """See above. ``whole``, ``begin`` and ``add`` are told of the answer, ``end`` once of the end of its call."""

    __slots__ = (
        "_began", "_data", "_frames", "_over", "_size", "_stream", "_tenant", "cache", "complete", "control", "flight",
        "key", "match", "question", "stale",
    )  # fmt: skip

    def __init__(self, cache: Cache, tenant_id: str, key: bytes, control: Control) -> None:
        self.cache = cache
        self._tenant = tenant_id
        self.key = key
        self.control = control
        self.flight: Flight | None = None
        """Who waits for it."""
        self.question: Question | None = None
        """What it asks, where a request may be near to it."""
        self.match: Match | None = None
        self.stale: Entry | None = None
        """An answer that is to be compared with this one."""
        self._reset(stream=False)

    def whole(self, body: bytes) -> None:
        """Take a whole answer."""
        self._reset(stream=False)
        self._take(body)
        self.complete = True

    def begin(self, call: Call, first: bytes) -> None:
        """Take the beginning of a stream; of one that is gone on with, more of it."""
        if call.resume is None or call.resume.cut is None:
            self._reset(stream=True)
        self.add(first)

    def add(self, data: bytes) -> None:
        """Take more of a stream: whole events."""
        if data and not self._over:
            if len(self._frames) < MOST_FRAMES:
                self._frames.append((int((monotonic() - self._began) * 1000), len(data)))
            else:
                at, size = self._frames[-1]
                self._frames[-1] = (at, size + len(data))
            self._take(data)

    def end(self, call: Call, parts: Parts) -> None:
        """Decide what becomes of the answer, and see to it. Called once, as the call is settled."""
        flight = self.flight
        ok = self.complete and call.error is None and call.status == 200 and call.attempt is not None
        if not ok:
            if flight is not None:
                flight.failed(call.error)
            self._land()
            return
        data = b"".join(self._data)
        why = self._refusal(call, data)
        if call.cached is not None:
            verdict = "stored" if not why else "miss" if why == "no_store" else "refused"
            call.cached = msgspec.structs.replace(call.cached, verdict=verdict, reason=why)
        if self._over or (why and (flight is None or not flight.waiting)):
            self._land(alone=True)
            return
        parts.caches.begin(self._keep(call, self._entry(call, data), store=not why))

    def _refusal(self, call: Call, data: bytes) -> str:
        if any(one.startswith("max_tokens=") for one in call.defaulted):
            return "clamped"  # by what was left of somebody's budget
        if call.resume is not None and call.resume.count:
            return "resumed"
        if any(one.startswith(ANSWER) for one in call.dropped):
            return "left_out"  # who got it again would not be told what is not in it
        if self._over:
            return "too_large"
        return refusal(
            self.cache.config,
            finish=call.finish,
            size=len(data),
            tools=call.finish == "tool_calls" or TOOLS.search(data) is not None,
            operation=call.operation,
            store=not self.control.no_store,
        )

    async def _keep(self, call: Call, entry: Entry, *, store: bool) -> None:
        cache, flight = self.cache, self.flight
        try:
            if call.guard is not None:
                body = await kept(call.guard, call, entry.body, stream=entry.form == "stream")
                frames = entry.frames if len(body) == len(entry.body) else ()
                entry = msgspec.structs.replace(entry, body=body, frames=frames)
            if flight is not None:
                flight.landing = entry
                flight.end()
            if store and await cache.store.put(self._tenant, self.key, entry) and self.question is not None:
                await self._learn(call, entry)
        except NoVector:
            pass  # it was kept, and is found by those who ask the same
        finally:
            self._land(alone=True)

    async def _learn(self, call: Call, entry: Entry) -> None:
        nearest, question = self.cache.nearest, self.question
        assert nearest is not None and question is not None
        if self.match is not None and self.stale is not None:
            await nearest.verified(question, self.match, text_of(call, self.stale), text_of(call, entry))
        await nearest.add(question, entry)

    def _land(self, *, alone: bool = False) -> None:
        """Nobody waits any more; who does gets what there is, or else goes on *alone*, or as the next in line."""
        flight = self.flight
        if flight is not None:
            flight.alone = alone and flight.landing is None
            self.flight = None
            place = (self._tenant, self.key)
            if self.cache.flights.get(place) is flight:
                del self.cache.flights[place]
            flight.end()

    def _entry(self, call: Call, data: bytes) -> Entry:
        attempt, at, config = call.attempt, instant(), self.cache.config
        assert attempt is not None
        return Entry(
            call_id=call.id,
            at=at,
            expires=at + config.ttl * 1_000_000,
            form="stream" if self._stream else "whole",
            body=data,
            frames=tuple(self._frames) if self._stream and config.timing == "recorded" else (),
            usage_told=call.envelope.include_usage,
            model=call.target.name,
            provider=call.target.provider.name,
            route=call.route.name,
            key_id=call.who.id,
            finish=call.finish,
            usage=call.usage,
            cost_nano=cost_of(call.attempts),
            latency_ms=(attempt.ended_ms or attempt.started_ms) - attempt.started_ms,
        )

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self.cache.config.max_entry:
            self._over = True
            self._data.clear()
        else:
            self._data.append(data)

    def _reset(self, *, stream: bool) -> None:
        self._stream = stream
        self._data: list[bytes] = []
        self._frames: list[tuple[int, int]] = []
        self._size = 0
        self._over = self.complete = False
        self._began = monotonic()
