"""What models proved of their thoughts before tool calls, for callers of Chat Completions who do not send it back.

Who goes on after a tool call has to repeat the thought that led to it, signature and all. That format has no common
field for it, and most clients drop what stands in ``reasoning_details``. So it is kept for a while under the ids of
the calls, each tenant's its own, and put back for the very model at the very provider that thought it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.chat import (
    Choice,
    Chunk,
    Message,
    Part,
    Request,
    SignatureDelta,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)
from headgate.core.fold import fold

LIFE = 3600.0
"""Seconds since it was kept or last put back."""
MOST_BYTES = 64 * 1024 * 1024
LARGEST = 1024 * 1024
"""Bytes before one call; larger ones are not kept. Nor is more than that heard of one stream."""
OVERHEAD = 500
"""Bytes that each takes besides its texts, about."""


class _Kept(msgspec.Struct, gc=False):
    target: str
    thoughts: list[Thinking]
    size: int
    until: float


class Thoughts:
    """Those of one process, the least recently used going first where there is no room."""

    __slots__ = ("_clock", "_kept", "_size")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        """By tenant and id of the tool call."""
        self._size = 0

    def keep(self, call: Call, choices: Iterable[Choice]) -> None:
        """Keep the proofs that stand before the tool calls of an answer to *call*."""
        for choice in choices:
            before: list[Thinking] = []
            for part in choice.parts:
                if isinstance(part, Thinking):
                    if part.source is not None and (part.signature is not None or part.redacted is not None):
                        before.append(part)
                elif isinstance(part, ToolCall) and before:
                    self._put((call.who.tenant_id, part.id), call.target.name, before)
                    before = []

    def put_back(self, call: Call, target: Any, request: Request) -> Request:
        """Return *request*, of *call*, as *target* must be told it: with its own thoughts that its caller left out."""
        if not self._kept:
            return request
        source = call.spoken.name if call.spoken.name != call.dialect.name else None
        tenant = call.who.tenant_id
        messages = [self._whole(one, source, tenant, target.name) for one in request.messages]
        if all(one is other for one, other in zip(messages, request.messages, strict=True)):
            return request
        return msgspec.structs.replace(request, messages=messages)

    def _whole(self, message: Message, source: str | None, tenant: str, target: str) -> Message:
        if message.role != "assistant" or any(isinstance(part, Thinking) and part.source for part in message.parts):
            return message
        parts: list[Part] = []
        called = changed = False
        for part in message.parts:
            if isinstance(part, ToolCall):
                found = self._find((tenant, part.id), target)
                if found and source in (None, found[0].source):
                    at = len(parts) if called else 0  # a turn begins with them, whatever was said before the call
                    parts[at:at] = found
                    changed = True
                called = True
            parts.append(part)
        if not changed:
            return message
        proven = [one for one in parts if not isinstance(one, Thinking) or one.source is not None]  # in its place
        return msgspec.structs.replace(message, parts=proven)

    def _find(self, key: tuple[str, str], target: str) -> list[Thinking]:
        found = self._kept.get(key)
        if found is None or found.target != target:
            return []
        if found.until < self._clock():
            self._drop(key)
            return []
        found.until = self._clock() + LIFE
        self._kept.move_to_end(key)
        return found.thoughts

    def _put(self, key: tuple[str, str], target: str, thoughts: list[Thinking]) -> None:
        size = OVERHEAD + sum(len(one.text) + len(one.signature or "") + len(one.redacted or "") for one in thoughts)
        if size > LARGEST:
            return
        self._drop(key)
        self._kept[key] = _Kept(target, thoughts, size, self._clock() + LIFE)
        self._size += size
        while self._size > MOST_BYTES or next(iter(self._kept.values())).until < self._clock():
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str]) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._size -= found.size


class Listener:
    """Hears the chunks of one answer, and keeps its proofs once it is told; of one that is too long, none."""

    __slots__ = ("_call", "_heard", "_room")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._heard: list[Chunk] | None = []
        self._room = LARGEST

    def hear(self, chunks: list[Chunk]) -> None:
        """Take in what counts of *chunks*."""
        heard = self._heard
        if heard is None:
            return
        for chunk in chunks:
            if isinstance(chunk, TextDelta):
                if chunk.kind != "thinking":
                    continue
                size = len(chunk.text)
            elif isinstance(chunk, SignatureDelta):
                size = len(chunk.signature or "") + len(chunk.redacted or "")
            elif isinstance(chunk, ToolDelta) and chunk.id is not None:
                size = len(chunk.arguments)
            else:
                continue
            heard.append(chunk)
            self._room -= size + 1  # so that empty ones end too
        if self._room < 0:
            self._heard = None

    def end(self) -> None:
        """Keep what was heard, where there is a proof among it."""
        if self._heard and any(isinstance(chunk, SignatureDelta) for chunk in self._heard):
            self._call.thoughts.keep(self._call, fold(self._heard).choices)
