"""Prints chunks for a Gemini client, as server-sent events and as one JSON array."""

from typing import Any

import msgspec

from headgate.core.chat import (
    Chunk,
    Citation,
    CitationDelta,
    Counted,
    End,
    PartDelta,
    Request,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ToolDelta,
)
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.call_input import as_object
from headgate.dialects.gemini_asides import logprobs_of
from headgate.dialects.gemini_reply_write import asides_of, blocks, call_block, proof_of, reason_of
from headgate.dialects.gemini_usage import printed
from headgate.dialects.gemini_words import NAME
from headgate.dialects.pictures import Medium


class _Call(msgspec.Struct):
    id: str
    name: str
    pieces: list[str]


class _Choice(msgspec.Struct):
    """What is held of one answer: the last piece of a thought, for its proof, and calls that are not whole."""

    thought: str = ""
    pending: str | None = None
    """The signature of the next part."""
    calls: dict[int, _Call] = {}
    proofs: dict[str, str] = {}
    said: list[str] = []
    citations: list[Citation] = []
    refused: bool = False
    end: End | None = None


class GeminiWriter:
    """Prints server-sent events. ``id`` stands in where the upstream gives none.

    A call is told once its arguments are whole, and the reason to end at the very end, together with the usage.
    """

    __slots__ = ("_choices", "_model", "_tail", "_usage", "created", "id")

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._model = request.model
        self._tail = b""
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*."""
        out: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, Start):
                self.id, self._model = chunk.id or self.id, chunk.model or self._model
                self._tail = b""
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            else:
                choice = self._choices.get(chunk.choice)
                if choice is None:
                    choice = self._choices[chunk.choice] = _Choice()
                self._take(chunk, choice, out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return the reasons to end, the last with the usage."""
        out: list[bytes] = []
        numbers = sorted(self._choices) or [0]
        for number in numbers:
            choice = self._choices.get(number) or _Choice()
            self._flush(choice, number, out)
            end = choice.end or End("stop")
            candidate: dict[str, Any] = {
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": reason_of(end.finish, end.native, refused=choice.refused),
                "index": number,
            }
            if end.stop_sequence is not None:
                candidate["finishMessage"] = f"Stopped at the sequence {end.stop_sequence!r}."
            if choice.citations:
                candidate.update(asides_of(None, [Text("".join(choice.said), citations=choice.citations)]))
            last = number == numbers[-1] and self._usage is not None
            self._event(candidate, out, printed(self._usage) if last and self._usage is not None else None)
        return b"".join(out) + self._terminator()

    def _take(self, chunk: Any, choice: _Choice, out: list[bytes]) -> None:
        if isinstance(chunk, TextDelta):
            self._text(chunk, choice, out)
        elif isinstance(chunk, ToolDelta):
            self._tool(chunk, choice, out)
        elif isinstance(chunk, SignatureDelta):
            self._proof(chunk, choice, out)
        elif isinstance(chunk, CitationDelta):
            choice.citations.append(chunk.citation)
        elif isinstance(chunk, PartDelta):
            self._medium(chunk, choice, out)
        elif isinstance(chunk, End):
            self._flush(choice, chunk.choice, out)
            choice.end = chunk

    def _text(self, chunk: TextDelta, choice: _Choice, out: list[bytes]) -> None:
        if chunk.kind == "thinking":
            if chunk.text:
                self._tell_thought(choice, chunk.choice, out)
                choice.thought = chunk.text
            return
        if not chunk.text and chunk.logprobs is None:
            return
        if choice.thought or choice.calls:
            self._tell_thought(choice, chunk.choice, out)
            if all(as_object("".join(call.pieces) or "{}") is not None for call in choice.calls.values()):
                self._tell_calls(choice, chunk.choice, out)
        choice.refused = choice.refused or chunk.kind == "refusal"
        choice.said.append(chunk.text)
        if choice.pending is not None or chunk.logprobs is not None:
            part: dict[str, Any] = {"text": chunk.text}
            if choice.pending is not None:
                part["thoughtSignature"], choice.pending = choice.pending, None
            candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": chunk.choice}
            if chunk.logprobs is not None:
                candidate["logprobsResult"] = logprobs_of(chunk.logprobs)
            self._event(candidate, out)
            return
        document = b'{"candidates":[{"content":{"parts":[{"text":%b}],"role":"model"},"index":%d}]%b'
        out.append(self._frame(document % (wire.encode(chunk.text), chunk.choice, self._tail or self._end_of())))

    def _tool(self, chunk: ToolDelta, choice: _Choice, out: list[bytes]) -> None:
        self._tell_thought(choice, chunk.choice, out)
        call = choice.calls.get(chunk.index)
        if call is None:
            call = choice.calls[chunk.index] = _Call(chunk.id or "", chunk.name or "", [])
        call.pieces.append(chunk.arguments)

    def _proof(self, chunk: SignatureDelta, choice: _Choice, out: list[bytes]) -> None:
        part = Thinking("", chunk.signature, chunk.redacted, chunk.source, None, chunk.of, chunk.id)
        if chunk.source != NAME:
            part.text, choice.thought = choice.thought, ""
            self._parts(blocks([part]), chunk.choice, out)
            return
        proof = proof_of(part)
        if proof is not None and chunk.of is not None:
            choice.proofs[chunk.of] = proof
        elif proof is not None:
            choice.pending = (choice.pending or "") + proof

    @staticmethod
    def room(part: Medium) -> bool:
        """Whether there is room for a part that is no text: there is for each."""
        return True

    def _medium(self, chunk: PartDelta, choice: _Choice, out: list[bytes]) -> None:
        """Tell a picture, or another part that comes whole."""
        self._tell_thought(choice, chunk.choice, out)
        (part,) = blocks([chunk.part])
        if choice.pending is not None:
            part["thoughtSignature"], choice.pending = choice.pending, None
        self._parts([part], chunk.choice, out)

    def _flush(self, choice: _Choice, number: int, out: list[bytes]) -> None:
        self._tell_thought(choice, number, out)
        self._tell_calls(choice, number, out)
        if choice.pending is not None:
            self._parts([{"text": "", "thoughtSignature": choice.pending}], number, out)
            choice.pending = None

    def _tell_thought(self, choice: _Choice, number: int, out: list[bytes]) -> None:
        if choice.thought:
            self._parts([{"text": choice.thought, "thought": True}], number, out)
            choice.thought = ""

    def _tell_calls(self, choice: _Choice, number: int, out: list[bytes]) -> None:
        if not choice.calls:
            return
        parts = []
        for _, call in sorted(choice.calls.items()):
            part: dict[str, Any] = {"functionCall": call_block(call.id, call.name, "".join(call.pieces), {})}
            signature = choice.proofs.pop(call.id, None) or choice.pending
            if signature is not None:
                part["thoughtSignature"] = signature
                choice.pending = None
            parts.append(part)
        choice.calls = {}
        self._parts(parts, number, out)

    def _parts(self, parts: list[dict[str, Any]], number: int, out: list[bytes]) -> None:
        self._event({"content": {"parts": parts, "role": "model"}, "index": number}, out)

    def _event(self, candidate: dict[str, Any], out: list[bytes], usage: dict[str, int] | None = None) -> None:
        tail = self._tail or self._end_of()
        if usage is not None:
            tail = b',"usageMetadata":%b%b' % (wire.encode(usage), tail)
        out.append(self._frame(b'{"candidates":[%b]%b' % (wire.encode(candidate), tail)))

    def _end_of(self) -> bytes:
        """Return how every event ends."""
        known = {"modelVersion": self._model, "responseId": self.id}
        fields = wire.encode({name: value for name, value in known.items() if value})[1:]
        self._tail = b"," + fields if fields != b"}" else fields
        return self._tail

    def _frame(self, document: bytes) -> bytes:
        return b"data: %b\n\n" % document

    def _terminator(self) -> bytes:
        return b""


class ArrayWriter(GeminiWriter):
    """Prints one JSON array."""

    __slots__ = ("_begun",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._begun = False

    def _frame(self, document: bytes) -> bytes:
        begun, self._begun = self._begun, True
        return (b",\r\n" if begun else b"[") + document

    def _terminator(self) -> bytes:
        return b"]"
