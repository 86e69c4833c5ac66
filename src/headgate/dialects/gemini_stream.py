"""Reads Gemini's streams, as server-sent events and as one JSON array."""

from typing import Any

import msgspec

from headgate.core.chat import (
    Audio,
    Chunk,
    CitationDelta,
    Counted,
    End,
    File,
    Image,
    PartDelta,
    SignatureDelta,
    Start,
    TextDelta,
    ToolDelta,
)
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.call_input import arguments_of
from headgate.dialects.gemini_array import Cutter
from headgate.dialects.gemini_asides import citations_in, logprobs_in
from headgate.dialects.gemini_errors import read_stream_error
from headgate.dialects.gemini_fields import Given, proof_in
from headgate.dialects.gemini_parts import Calls, minted, read_part
from headgate.dialects.gemini_reply import finish_of, queries_in, seconds, word_of
from headgate.dialects.gemini_tap import MAX_CHOICES
from headgate.dialects.gemini_usage import reported, searches_of, usage_of
from headgate.dialects.gemini_words import NAME
from headgate.dialects.reading import SseReader
from headgate.dialects.sse import LIMIT, Event
from headgate.dialects.upstream import ended_with
from headgate.dialects.watch import interrupted
from headgate.dialects.wire import ODD


class _Content(msgspec.Struct, gc=False):
    parts: list[dict[str, msgspec.Raw]] = []


class _Candidate(msgspec.Struct, gc=False):
    content: _Content | None = None


class _Raws(msgspec.Struct, gc=False):
    candidates: list[_Candidate] = []


_raws = msgspec.json.Decoder(_Raws)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class GeminiReader(SseReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_begun", "_calls", "_finished", "_queries", "_seen", "_wide")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._calls: dict[int, int] = {}
        """How many calls each candidate has made."""
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._queries: dict[int, int] = {}
        """What was searched for each candidate."""
        self._wide: set[int] = set()
        """The candidates whose text is not all ASCII: there Google's bytes are not our characters."""

    def _fail_with(self, error: Any) -> None:
        self._fail(read_stream_error(error))

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        candidates = document.get("candidates")
        if not self._begun and (candidates or document.get("responseId") or document.get("promptFeedback")):
            self._begin(document, chunks)
        raws = _parts_of(data) if b'"functionCall"' in data else []
        for position, raw in enumerate(candidates if isinstance(candidates, list) else ()):
            if isinstance(raw, dict):
                self._candidate(raw, raws[position] if position < len(raws) else [], chunks)
        feedback = document.get("promptFeedback")
        blocked = feedback.get("blockReason") if isinstance(feedback, dict) else None
        if blocked is not None and not self._finished:
            self._end("content_filter", str(blocked), 0, chunks)
        self._usage(document.get("usageMetadata"), document.get("modelVersion"), chunks)

    def _begin(self, document: dict[str, Any], chunks: list[Chunk]) -> None:
        self._begun = True
        id_, model = document.get("responseId"), document.get("modelVersion")
        self.id = id_ if isinstance(id_, str) else ""
        created = seconds(document.get("createTime"))
        chunks.append(Start(self.id, model if isinstance(model, str) and model else self.model, created))

    def _candidate(self, raw: dict[str, Any], raws: list[dict[str, msgspec.Raw]], chunks: list[Chunk]) -> None:
        index, content, reason = raw.get("index"), raw.get("content"), raw.get("finishReason")
        at = index if isinstance(index, int) and 0 <= index < MAX_CHOICES else 0
        self._seen.add(at)
        parts = content.get("parts") if isinstance(content, dict) else None
        before = len(chunks)
        for position, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict):
                self._part(part, raws[position] if position < len(raws) else {}, at, chunks)
        self._asides(raw, at, before, chunks)
        if isinstance(reason, str | int) and at not in self._finished and self.failure is None:
            finish, word = finish_of(reason, calls=at in self._calls), word_of(reason)
            if finish == "error":
                self._fail(ended_with(str(word), raw.get("finishMessage")))
            else:
                self._end(finish, word, at, chunks)

    def _part(self, part: dict[str, Any], raw: dict[str, msgspec.Raw], at: int, chunks: list[Chunk]) -> None:
        text, signature = part.get("text"), part.get("thoughtSignature")
        call = self._call(part["functionCall"], raw.get("functionCall"), at) if "functionCall" in part else None
        thought = part.get("thought") is True
        if thought and isinstance(text, str) and text:
            chunks.append(TextDelta(text, at, "thinking"))
        if isinstance(signature, str) and signature:
            proof = proof_in(signature)
            of = call.id if call is not None and proof.source == NAME else proof.of
            chunks.append(SignatureDelta(proof.signature, proof.redacted, at, proof.source, of, proof.id))
        if call is not None:
            chunks.append(call)
        elif isinstance(text, str) and text and not thought:
            chunks.append(TextDelta(text, at))
            if not text.isascii():
                self._wide.add(at)
        elif "inlineData" in part or "fileData" in part:
            self._medium(part, at, chunks)

    def _medium(self, part: dict[str, Any], at: int, chunks: list[Chunk]) -> None:
        """Read a picture, sound or document, as it is read in a whole answer."""
        named = {name: part[name] for name in ("inlineData", "fileData") if name in part}
        try:
            found = read_part(Given(wire.Raw(wire.encode(named))), str, Calls())
        except BadRequest as error:
            self._fail(interrupted(f"answered with a part that is malformed: {error.message}"))
            return
        chunks += [PartDelta(one, at) for one in found if isinstance(one, Image | Audio | File)]

    def _call(self, call: Any, raw: msgspec.Raw | None, at: int) -> ToolDelta | None:
        """Read a call, which comes whole: order of keys and digits of its arguments are the model's."""
        if not isinstance(call, dict):
            return None
        number = self._calls[at] = self._calls.get(at, -1) + 1
        name, given = call.get("name"), call.get("id")
        said = _arguments(raw, call.get("args"))
        name = name if isinstance(name, str) else ""
        id_ = given if isinstance(given, str) and given else minted(self.id, at, number, f"{name}{said}")
        return ToolDelta(number, id_, name, said, at)

    def _asides(self, raw: dict[str, Any], at: int, before: int, chunks: list[Chunk]) -> None:
        if "logprobsResult" in raw:
            logprobs = logprobs_in(raw["logprobsResult"])
            for chunk in chunks[before:]:
                if isinstance(chunk, TextDelta) and chunk.kind == "text":
                    chunk.logprobs = logprobs
                    break
            else:
                chunks.append(TextDelta("", at, logprobs=logprobs))
        if queries := queries_in(raw.get("groundingMetadata")):
            self._queries[at] = queries
        if "groundingMetadata" in raw or "citationMetadata" in raw:
            for _, citation in citations_in(raw, {}):
                if at in self._wide:
                    citation.start = citation.end = None
                chunks.append(CitationDelta(citation, at))

    def _end(self, finish: Any, word: str | None, at: int, chunks: list[Chunk]) -> None:
        self.finish = finish
        self._seen.add(at)
        self._finished.add(at)
        chunks.append(End(finish, word, choice=at))

    def _usage(self, said: Any, model: Any, chunks: list[Chunk]) -> None:
        found = reported(said)
        usage = usage_of(found) if found is not None else None
        if usage is None:
            self.usage_flagged = self.usage_flagged or (found is None and said is not None)
            return
        if self._queries:
            usage.searches = searches_of(sum(self._queries.values()), model if isinstance(model, str) else None)
        self._count(usage)
        if self.usage is usage:
            chunks.append(Counted(usage))

    def _whole(self) -> bool:
        return bool(self._finished) and self._seen <= self._finished


class ArrayReader(GeminiReader):
    """Reads a stream that is one JSON array."""

    __slots__ = ("_cutter",)

    def __init__(self) -> None:
        super().__init__()
        self._cutter = Cutter()

    def feed(self, data: bytes) -> list[Chunk]:
        """Take what was read, cut anywhere; return the chunks it completes."""
        chunks: list[Chunk] = []
        if self.ended or self.failure is not None:
            return chunks
        for element in self._cutter.feed(data)[0]:
            self._read(Event("", element, element), element, chunks)
            if self.failure is not None:
                return chunks
        if self._cutter.overflow:
            self._fail(interrupted(f"sent an event of over {LIMIT // 2**20} MiB"))
        elif self._cutter.ended:
            self._finish()
        return chunks

    def close(self) -> list[Chunk]:
        """The upstream has ended: set ``failure`` where the answer was cut."""
        if not self.ended and self.failure is None:
            self._finish()
        return []

    def _finish(self) -> None:
        if self._whole():
            self.ended = True
        else:
            self._fail(interrupted("ended its stream before the answer was complete"))


def _parts_of(data: bytes) -> list[list[dict[str, msgspec.Raw]]]:
    """The parts of each candidate with their values as they stand: order of keys and digits are the model's."""
    try:
        return [one.content.parts if one.content is not None else [] for one in wire.typed(_raws, data).candidates]
    except ODD:
        return []


def _arguments(raw: msgspec.Raw | None, decoded: Any) -> str:
    if raw is not None:
        try:
            args = wire.typed(_members, raw).get("args")
        except ODD:
            args = None
        if args is not None:
            return arguments_of(args)
    return wire.encode(decoded).decode("utf-8", "replace") if decoded is not None else "{}"
