"""What the taps of OpenAI's two streams of chunks share: a line of data for each, and ``[DONE]`` at the end."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from headgate.dialects.openai_usage import usage_of
from headgate.dialects.sse import Event
from headgate.dialects.upstream import ended_with
from headgate.dialects.watch import SseTap, loosely
from headgate.dialects.wire import ODD

DONE = b"data: [DONE]\n\n"


class Chunk(Protocol):
    """What both kinds of chunks have."""

    choices: Any
    usage: Any
    error: Any


C = TypeVar("C", bound=Chunk)


class ChunkTap(SseTap, Generic[C]):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ("_hide_usage", "_many", "_one", "_salvaged")

    def __init__(
        self,
        hide_usage: bool,
        one: Callable[[bytes], C],
        many: Callable[[bytes], list[C]],
        salvaged: Callable[[Any], C],
    ) -> None:
        """*one* and *many* decode a chunk and an array of them, *salvaged* reads what it can of any document."""
        super().__init__()
        self._hide_usage = hide_usage
        self._one = one
        self._many = many
        self._salvaged = salvaged

    def _quickly(self, data: bytes) -> bytes | None:
        if data[:6] != b"data: " or self._ending is not None:
            return None
        parts = data[6:-2].split(b"\n\ndata: ")
        done = parts[-1] == b"[DONE]"
        if data.count(b"\n") != 2 * len(parts):
            return None
        if done:
            parts.pop()
        try:
            chunks = [self._one(parts[0])] if len(parts) == 1 else self._many(b"[%b]" % b",".join(parts))
        except ODD:
            return None
        if len(chunks) != len(parts):
            return None
        counted = self._account(chunks)
        if counted is None:
            return None
        if not self.started:
            self.started = any(map(_begins, parts))
        self._broken_in_a_row = 0
        self.events += len(chunks)
        if counted and self._hide_usage:
            kept = [part for part, chunk in zip(parts, chunks, strict=True) if chunk.choices or chunk.usage is None]
            if len(kept) != len(parts):
                data = b"".join([b"data: %b\n\n" % part for part in kept]) + (DONE if done else b"")
        if done:
            self.ended = True
        return data

    def _take(self, event: Event) -> bool:
        data = event.data
        if data is None:
            return True
        if data.strip() == b"[DONE]":
            if self._ending is not None:
                self._fail(self._ending)
                return False
            self.ended = True
            return True
        chunk = self._decoded(event.name, data, self._one, self._salvaged)
        if chunk is None:
            return False
        if self._account([chunk]) is None:
            if chunk.error is not None:
                self._fail_with(chunk.error)
            else:
                self._failing(chunk)
            return False
        if self._ending is not None:
            self._fail_once_counted()
            return False
        if not self.started:
            self.started = _begins(data)
        return not (self._hide_usage and chunk.usage is not None and not chunk.choices)

    def _failing(self, chunk: C) -> None:
        """Take note that the answer ends with a failure; what it used is told with it, or in a chunk of its own."""
        self._ending = ended_with("error")
        usage = usage_of(chunk.usage) if chunk.usage is not None else None
        if usage is not None:
            self._count(usage)
        self._fail_once_counted()

    def _account(self, chunks: list[C]) -> int | None:
        """Account for *chunks*, return how many tell of usage; ``None``, and nothing changed, if one is an error."""
        raise NotImplementedError


def _begins(data: bytes) -> bool:
    """Whether a chunk is of the answer itself, and not only of whose turn it is; in fields that we do not know, too."""
    try:
        document = loosely(data)
    except msgspec.DecodeError:
        return False
    choices = document.get("choices") if isinstance(document, dict) else None
    return isinstance(choices, list) and any(_says(choice) for choice in choices if isinstance(choice, dict))


def _says(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    if choice.get("text") or choice.get("finish_reason") is not None:
        return True
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")
