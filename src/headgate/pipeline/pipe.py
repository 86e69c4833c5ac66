"""What an upstream's bytes go through on their way to the caller: watched as they are, or read and printed anew."""

from collections.abc import Awaitable
from time import monotonic

from headgate.core.call import NO_OPTIONS, Call
from headgate.core.chat import Chunk, Start
from headgate.core.errors import UpstreamFailed
from headgate.dialects.base import Dialect, Reader, Tap, Writer
from headgate.dialects.pictures import fitting, has_no_room, no_room
from headgate.pipeline.parts import neutral
from headgate.pipeline.resume import Continued
from headgate.pipeline.shape import Shaper
from headgate.pipeline.thoughts import Listener
from headgate.transport.base import Inbound

MOST_HELD = 1 << 20
"""Bytes of an answer that are held while it has not begun: more pass on, whatever they are."""
NAMELESS = frozenset(("openai-chat", "openai-completions"))
"""Dialects of which there are servers that give their answers no id."""


class Translation:
    """A reader and a writer that together look like a :class:`Tap`; between them the answer may be shaped."""

    __slots__ = ("_full", "_listener", "_own_id", "_reader", "_shaper", "_writer")

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        shaper: Shaper | None = None,
        listener: Listener | None = None,
        *,
        own_id: bool = True,
    ) -> None:
        """*own_id* prints the gateway's id: some servers give none, or every answer the same."""
        self._full: UpstreamFailed | None = None
        self._listener = listener
        self._own_id = own_id
        self._reader = reader
        self._writer = writer
        self._shaper = shaper

    def feed(self, data: bytes) -> bytes:
        """Translate what these bytes complete."""
        reader = self._reader
        chunks = reader.feed(data)
        if self._own_id:
            for chunk in chunks:
                if isinstance(chunk, Start):
                    chunk.id, self._own_id = "", False
        if self._listener is not None:
            self._listener.hear(chunks)
        out = self._print(chunks)
        return out + self._end() if reader.ended and self.failure is None else out

    def close(self) -> bytes:
        """End the stream as the caller's dialect does, unless it was cut."""
        reader = self._reader
        if reader.ended:
            return b""
        chunks = reader.close()
        if self._listener is not None:
            self._listener.hear(chunks)
        out = self._print(chunks)
        return out + self._end() if self.failure is None else out

    def _print(self, chunks: list[Chunk]) -> bytes:
        """Print *chunks*, up to the first that the caller's format has no room for: nothing is left out in silence."""
        said = fitting(chunks, getattr(self._writer, "room", has_no_room))
        if len(said) < len(chunks) and self._reader.failure is None:
            self._full = no_room(self._reader.usage if self._reader.ended else None)
        return self._writer.write(said if self._shaper is None else self._shaper.feed(said))

    def _end(self) -> bytes:
        if self._listener is not None:
            self._listener.end()
        rest = b"" if self._shaper is None else self._writer.write(self._shaper.close())
        return rest + self._writer.close()

    @property
    def failure(self) -> UpstreamFailed | None:
        """Why it cannot go on: the upstream failed, or the caller's format has no room for what it says."""
        return self._full or self._reader.failure

    @failure.setter
    def failure(self, failure: UpstreamFailed | None) -> None:
        self._full = failure

    @property
    def final(self) -> bytes | None:
        """The whole answer, once it has been told, where the caller's dialect tells it."""
        found: bytes | None = getattr(self._writer, "final", None)
        return found

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]  # what was seen is the reader's to tell
        return getattr(self._reader, name)


def begun(call: Call, spoken: Dialect, inbound: Inbound, timeout: float) -> Awaitable[tuple[Tap, bytes]]:
    """Wait for the event that proves the answer is real; return what the stream goes through, and all up to there."""
    if spoken is not call.dialect or call.resume is not None or reshaped(call):
        resumed = call.resume is not None and call.resume.cut is not None
        return first_event(printed(call, spoken), inbound, timeout, resumed=resumed)
    tap = spoken.tap(hide_usage=not call.envelope.include_usage)
    return first_event(tap, inbound, timeout, call if spoken.name in NAMELESS else None)


def printed(call: Call, spoken: Dialect) -> Translation:
    """What reads an upstream's stream, and prints it for the caller."""
    resume, own_id = call.resume, spoken is not call.dialect
    reader = spoken.reader()
    reader.model = call.target.model
    if resume is not None and resume.cut is not None:
        return Translation(Continued(reader, resume), resume.writer, resume.shaper)
    writer: Writer = call.dialect.writer(neutral(call))
    writer.id, writer.created = call.id, call.at // 1_000_000
    shaper = Shaper(call.options.format, call.options.chunk) if reshaped(call) else None
    listener = Listener(call) if call.thoughts is not None else None
    if resume is None:
        return Translation(reader, writer, shaper, listener, own_id=own_id)
    resume.begin(writer, shaper)
    return Translation(Continued(reader, resume), writer, shaper, listener, own_id=own_id)


def nameless(data: bytes) -> bool:
    """Whether the events of *data*, the first of a stream, have no id: their caller gets ours."""
    return b'"id":"' not in data and b'"id": "' not in data and b"\n\n" in data and b"{" in data


def reshaped(call: Call) -> bool:
    """Whether the answer is wanted in another shape; then even one of the caller's own dialect is read and printed."""
    options = call.options
    return options is not NO_OPTIONS and options.shaped and call.operation == "chat"


async def first_event(
    pipe: Tap, inbound: Inbound, timeout: float, named: Call | None = None, *, resumed: bool = False
) -> tuple[Tap, bytes]:
    """Wait for the event that proves the answer is real; return everything up to it.

    Where its events have no id, and that of *named* is to stand in for it, it is read and printed instead. Of an answer
    gone on with (*resumed*) what came with a failure is returned too: whoever goes on next begins after it.
    """
    until = monotonic() + timeout
    pending = b""
    while not pipe.started and not pipe.ended and len(pending) < MOST_HELD:
        data = await inbound.read(max(until - monotonic(), 0.001))
        if named is not None and not pending and nameless(data):
            pipe = printed(named, named.spoken or named.dialect)
        pending += pipe.feed(data) if data else pipe.close()
        if pipe.failure is not None:
            if resumed and pending:
                break
            raise pipe.failure
        if not data and not pipe.started:
            raise UpstreamFailed(
                "The provider ended its stream before it began.", status=502, code="upstream_invalid_response"
            )
    return pipe, pending
