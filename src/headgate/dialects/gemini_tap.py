"""Watches a relayed Gemini stream, <https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent>.

Nothing says that a stream has ended but the end of the connection: what came before it must have a reason to end.
"""

from typing import Any

import msgspec

from headgate.dialects import wire
from headgate.dialects.gemini_array import Cutter
from headgate.dialects.gemini_errors import read_stream_error
from headgate.dialects.gemini_reply import Feedback, finish_of
from headgate.dialects.gemini_usage import Grounding, Reported, reported, searches_of, usage_of
from headgate.dialects.sse import LIMIT, Event
from headgate.dialects.watch import SseTap, Watch, interrupted, loosely, size
from headgate.dialects.wire import ODD

MAX_CHOICES = 1024


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    functionCall: msgspec.Raw | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False):
    content: _Content | None = None
    finishReason: str | int | None = None
    index: int = 0
    groundingMetadata: Grounding | None = None


class _Chunk(msgspec.Struct, gc=False):
    candidates: list[_Candidate] | None = None
    usageMetadata: Reported | None = None
    promptFeedback: Feedback | None = None
    modelVersion: str | None = None
    responseId: str | None = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk).decode


class Seen:
    """Which candidates there are, and which of them have a reason to end."""

    __slots__ = ("_calls", "_finished", "_open", "_queries")

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._calls = False
        self._queries: dict[int, int] = {}
        """What was searched for each candidate."""

    @property
    def whole(self) -> bool:
        """Every answer that was begun has ended, and there is one."""
        return bool(self._finished) and self._open <= self._finished

    def take(self, data: bytes, watch: Watch) -> bool:
        """Account for one document in *watch*; tell whether it may be forwarded."""
        try:
            chunk = _chunk(data)
        except ODD:
            try:
                chunk = _salvaged(loosely(data))
            except msgspec.DecodeError:
                watch._skip()
                return False
        watch._broken_in_a_row = 0
        watch.events += 1
        if chunk.error is not None:
            watch._fail(read_stream_error(chunk.error))
            return False
        watch.id = watch.id or chunk.responseId or ""
        for candidate in chunk.candidates or ():
            self._candidate(candidate, watch)
        if chunk.promptFeedback is not None and chunk.promptFeedback.blockReason is not None:
            watch.started, watch.finish = True, "content_filter"
            self._finished.add(0)
        usage = usage_of(chunk.usageMetadata) if chunk.usageMetadata is not None else None
        if usage is not None:
            if self._queries:
                usage.searches = searches_of(sum(self._queries.values()), chunk.modelVersion)
            watch._count(usage)
        return True

    def _candidate(self, candidate: _Candidate, watch: Watch) -> None:
        if len(self._open) < MAX_CHOICES:
            self._open.add(candidate.index)
        parts = candidate.content.parts if candidate.content is not None else None
        for part in parts or ():
            if part.text != "":
                watch.started = True
            if part.text:
                watch.text_bytes += size(part.text)
            elif part.functionCall is not None:
                self._calls = True
                watch.text_bytes += len(part.functionCall)
        grounding = candidate.groundingMetadata
        if grounding is not None and grounding.webSearchQueries and candidate.index in self._open:
            self._queries[candidate.index] = len(grounding.webSearchQueries)
        if candidate.finishReason is not None:
            watch.started = True
            watch.finish = finish_of(candidate.finishReason, calls=self._calls)
            if candidate.index in self._open:
                self._finished.add(candidate.index)


class GeminiTap(SseTap):
    """See :class:`headgate.dialects.base.Tap`. Usage comes with every event, each time the whole so far."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        super().__init__()
        self._seen = Seen()

    def _quickly(self, data: bytes) -> bytes | None:
        return None  # Google ends its lines in CRLF, so there is no quicker way to read them

    def _take(self, event: Event) -> bool:
        return event.data is None or self._seen.take(event.data, self)

    def _completion(self) -> bytes | None:
        return b"" if self._seen.whole else None


class ArrayTap(Watch):
    """Watches a stream that is one JSON array: whole elements out as they came, an unfinished one held."""

    __slots__ = ("_cutter", "_seen")

    def __init__(self) -> None:
        super().__init__()
        self._cutter = Cutter()
        self._seen = Seen()

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return the whole elements that may be forwarded."""
        if self.ended or self.failure is not None:
            return b""
        found, out = self._cutter.feed(data)
        for element in found:
            if not self._seen.take(element, self):
                if self.failure is None:
                    self._fail(interrupted("sent an element of its answer that is no object of the right kind"))
                return out[: out.find(element)].rstrip(b", \t\r\n")
        if self._cutter.overflow:
            self._fail(interrupted(f"sent an event of over {LIMIT // 2**20} MiB"))
        elif self._cutter.ended:
            self._end()
        return out

    def close(self) -> bytes:
        """The upstream has ended: close the array, or set ``failure`` where the answer was cut."""
        if not self.ended and self.failure is None:
            self._end()
            return b"]" if self.ended else b""
        return b""

    def _end(self) -> None:
        if self._seen.whole:
            self.ended = True
        else:
            self._fail(interrupted("ended its stream before the answer was complete"))


def _salvaged(document: Any) -> _Chunk:
    """Read what can be read of an event whose fields have other types than Google's."""
    if isinstance(document, list) and document:
        document = document[0]  # errors come wrapped so
    if not isinstance(document, dict):
        return _Chunk()
    found = []
    candidates = document.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict):
            found.append(_salvaged_candidate(candidate))
    said = document.get("usageMetadata")
    usage = reported(said)
    if usage is None and said is not None:
        usage = Reported(-1)  # said, and not to be believed
    feedback = document.get("promptFeedback")
    blocked = feedback.get("blockReason") if isinstance(feedback, dict) else None
    feedback = Feedback(str(blocked)) if blocked is not None else None
    return _Chunk(found, usage, feedback, error=document.get("error"))


def _salvaged_candidate(candidate: dict[str, Any]) -> _Candidate:
    content, reason, index = candidate.get("content"), candidate.get("finishReason"), candidate.get("index")
    parts = content.get("parts") if isinstance(content, dict) else None
    read = []
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            text, call = part.get("text"), part.get("functionCall")
            raw = wire.Raw(wire.encode(call)) if call is not None else None
            read.append(_Part(text if isinstance(text, str) else None, raw))
    return _Candidate(
        _Content(read),
        reason if isinstance(reason, str) else None,
        index if isinstance(index, int) and 0 <= index < MAX_CHOICES else 0,
    )
