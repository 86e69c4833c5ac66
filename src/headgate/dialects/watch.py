"""What is seen of a stream on its way, and the framing that every tap shares."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from headgate.core.errors import AnswerFailed, UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.sse import LIMIT, Event, Parser
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.wire import ODD

T = TypeVar("T")
ABSURD = 10**12  # tokens; no exchange has so many


class Watch:
    """The account of one stream so far: the fields of :class:`headgate.dialects.base.Tap`."""

    __slots__ = (
        "_broken_in_a_row",
        "_ending",
        "ended",
        "events",
        "failure",
        "finish",
        "id",
        "malformed",
        "model",
        "started",
        "text_bytes",
        "usage",
        "usage_flagged",
    )

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.usage_flagged = False
        self.finish: str | None = None
        self.id = ""
        """The answer's own id, of an API that tells it nowhere else."""
        self.text_bytes = 0
        self.events = 0
        self.malformed = 0
        self.model = ""
        """What a reader names as the model where the stream names none."""
        self.started = False
        self.ended = False
        self.failure: UpstreamFailed | None = None
        self._broken_in_a_row = 0
        self._ending: AnswerFailed | None = None
        """What the answer failed with, while its usage may still come: it becomes the ``failure``."""

    def _skip(self) -> None:
        """Leave an event out that is no JSON: one may be noise, two in a row are a broken stream."""
        self.malformed += 1
        self._broken_in_a_row += 1
        if self._broken_in_a_row == 2:
            self._fail(interrupted("sent two events in a row that are no JSON"))

    def _unreadable(self, name: str, data: bytes) -> None:
        """Leave an event out that is no JSON, unless its *name* says that it is an error told in plain text."""
        if name == "error":
            self._fail_with(data.decode("utf-8", "replace"))
        else:
            self._skip()

    def _decoded(self, name: str, data: bytes, decode: Callable[[bytes], T], salvaged: Callable[[Any], T]) -> T | None:
        """Decode and count an event, as well as its types allow; ``None`` where it is no JSON."""
        try:
            said = decode(data)
        except ODD:
            try:
                said = salvaged(loosely(data))
            except msgspec.DecodeError:
                self._unreadable(name, data)
                return None
        self._broken_in_a_row = 0
        self.events += 1
        return said

    def _too_large(self) -> None:
        self._fail(interrupted(f"sent an event of over {LIMIT // 2**20} MiB"))

    def _broken_off(self) -> None:
        """The upstream has ended: set ``failure`` where the answer had not."""
        if not self.ended and self.failure is None:
            self._fail(self._ending or interrupted("ended its stream before the answer was complete"))

    def _fail(self, failure: UpstreamFailed) -> None:
        if self.failure is None:
            self.failure = failure
            if isinstance(failure, AnswerFailed) and failure.usage is None:
                failure.usage = self.usage

    def _fail_once_counted(self) -> None:
        """Fail with what the answer ended with, as soon as its usage is known."""
        if self._ending is not None and self.usage is not None:
            self._fail(self._ending)

    def _fail_with(self, error: Any) -> None:
        """The stream itself reports an error."""
        self._fail(read_stream_error(error))

    def _count(self, usage: Usage) -> None:
        """Take *usage* as the last word, unless no exchange can have used so much."""
        if believable(usage):
            self.usage = usage
            if isinstance(self.failure, AnswerFailed):  # the end and the usage are one event's
                self.failure.usage = usage
        else:
            self.usage_flagged = True


class SseTap(Watch):
    """Watches a relayed event stream: whole events out as they came, an unfinished one held.

    A read that looks as every provider's do is checked in one go by :meth:`_quickly`; anything else is read by the
    standard, event by event.
    """

    __slots__ = ("_held", "_held_size", "_parser", "_tail")

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []
        self._held_size = 0
        self._tail = b""
        """The last byte held."""
        self._parser: Parser | None = None
        """Set once a carriage return was seen: from then on lines may end in any way."""

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return the whole events that may be forwarded."""
        if self.ended or self.failure is not None:
            return b""
        if self._parser is None:
            if 13 in data:
                self._parser = Parser()
                data = self._release(data)
            elif self._held or data[-2:] != b"\n\n":
                data = self._cut(data)
                if not data:
                    return b""
        if self._parser is not None:
            return self._exactly(self._parser, data)
        out = self._quickly(data) if len(data) <= LIMIT else None
        if out is None:
            parser = Parser()
            out = self._exactly(parser, data)
            if not self.ended:
                out += parser.rest()  # an empty line too many
        return out

    def close(self) -> bytes:
        """The upstream has ended: return what completes the stream, or set ``failure`` where it was cut."""
        if self.ended or self.failure is not None:
            return b""
        out = b""
        if self._held or (self._parser is not None and self._parser.pending):
            out = self.feed(b"\n\n")  # the last event may lack its empty line; half an event is no JSON
        if self.ended or self.failure is not None:
            return out
        end = self._completion() if self._ending is None else None
        if end is None:
            self._broken_off()
            return out
        self.ended = True
        return out + end

    def _cut(self, data: bytes) -> bytes:
        """Return the whole events of what is held and *data*, and hold the rest."""
        if self._tail == b"\n" and data[:1] == b"\n":
            end = max(data.rfind(b"\n\n") + 2, 1)
        else:
            end = data.rfind(b"\n\n") + 2
            if end == 1:
                self._hold(data)
                return b""
        whole = self._release(data[:end])
        if end < len(data):
            self._hold(data[end:])
        return whole

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._held.append(data)
        self._held_size += len(data)
        self._tail = data[-1:]
        if self._held_size > LIMIT and len(b"".join(self._held).rstrip(b"\n")) > LIMIT:
            self._held.clear()
            self._too_large()

    def _release(self, data: bytes) -> bytes:
        if self._held:
            self._held.append(data)
            data = b"".join(self._held)
            self._held.clear()
            self._held_size = 0
            self._tail = b""
        return data

    def _exactly(self, parser: Parser, data: bytes) -> bytes:
        """Read event by event; return those that may be forwarded."""
        kept = []
        for event in parser.feed(data):
            if self._take(event):
                kept.append(event.raw)
            if self.ended or self.failure is not None:
                return b"".join(kept)
        if parser.overflow:
            self._too_large()
        return b"".join(kept)

    def _quickly(self, data: bytes) -> bytes | None:
        """Check whole events together, return what may be forwarded; ``None``, and nothing changed, if any is odd."""
        raise NotImplementedError

    def _take(self, event: Event) -> bool:
        """Account for one event; tell whether it may be forwarded."""
        raise NotImplementedError

    def _completion(self) -> bytes | None:
        """Return what a stream lacks that ended without its terminator; ``None`` where the answer itself is cut."""
        raise NotImplementedError


class NamedTap(SseTap, Generic[T]):
    """Watches events that each have a name and a line of data, as Anthropic's and OpenAI's responses have."""

    __slots__ = ("_many",)

    def __init__(self, many: Callable[[bytes], list[T]]) -> None:
        """*many* decodes an array of events."""
        super().__init__()
        self._many = many

    def _quickly(self, data: bytes) -> bytes | None:
        lines = data.split(b"\n")
        count = len(lines) // 3
        if len(lines) != 3 * count + 1 or any(lines[2::3]):
            return None
        if count == 1:
            if lines[0][:7] != b"event: " or lines[1][:6] != b"data: ":
                return None
            inner = lines[1][6:]
        else:
            names = b"\n" + b"\n".join(lines[:-1:3])
            fields = b"\n" + b"\n".join(lines[1::3])
            if names.count(b"\nevent: ") != count or fields.count(b"\ndata: ") != count:
                return None
            inner = fields[7:].replace(b"\ndata: ", b",")
        try:
            events = self._many(b"[%b]" % inner)
        except ODD:
            return None
        if len(events) != count or not self._account(events):
            return None
        self._broken_in_a_row = 0
        self.events += count
        return data

    def _account(self, events: list[T]) -> bool:
        """Account for *events*; false, and nothing changed, if one has to be looked at alone."""
        raise NotImplementedError


def believable(usage: Usage) -> bool:
    """Tell whether an exchange can have used so much."""
    rare = (  # of whole numbers joined bit by bit, one below zero makes all so, and none can be larger than all
        usage.cache_write_1h | usage.audio_input | usage.audio_cached | usage.audio_output | usage.image_input
        | usage.image_output | usage.images | usage.searches | usage.characters | usage.milliseconds
    )  # fmt: skip
    return (
        0 <= usage.input < ABSURD
        and 0 <= usage.output < ABSURD
        and 0 <= usage.cached < ABSURD
        and 0 <= usage.cache_write < ABSURD
        and 0 <= usage.reasoning < ABSURD
        and 0 <= rare < ABSURD
    )


def interrupted(what: str) -> UpstreamFailed:
    """The failure of a stream that cannot be gone on with."""
    return UpstreamFailed(
        f"The provider {what}.",
        status=502,
        code="upstream_stream_interrupted",
        same_target=True,
        billed="uncertain",
    )


def loosely(data: bytes) -> Any:
    """Decode an event that its type did not fit, bad UTF-8 replaced; raise ``msgspec.DecodeError`` for no JSON.

    What is nested too deep to be read is none.
    """
    try:
        return wire.decode(data)
    except UnicodeDecodeError:
        return wire.decode(data.decode("utf-8", "replace").encode())
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deep") from None


def size(text: str) -> int:
    """UTF-8 bytes of *text*."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def texts(value: Any) -> list[str]:
    """Every generated string below *value*: what stands under a name that carries text."""
    found, left = [], [value]  # no recursion: what could be decoded may be nested deeper than Python calls
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, list):
            left += reversed(one)
        elif isinstance(one, dict):
            left += [inner for name, inner in reversed(one.items()) if name in _TEXTUAL]
    return found


_TEXTUAL = frozenset(
    {"content", "text", "thinking", "reasoning", "reasoning_content", "refusal"}
    | {"tool_calls", "function", "arguments", "partial_json"}
)
