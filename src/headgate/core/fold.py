"""Chunks to a reply, and a reply to chunks: a whole answer and its stream say the same."""

from collections.abc import Iterable
from typing import Any

from headgate.core.chat import (
    Audio,
    Choice,
    Chunk,
    CitationDelta,
    Counted,
    End,
    File,
    Image,
    Part,
    PartDelta,
    Refusal,
    Reply,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)

_KINDS: dict[str, type[Text] | type[Thinking] | type[Refusal]] = {
    "text": Text,
    "thinking": Thinking,
    "refusal": Refusal,
}


class _Folded:
    """One choice in the making. Pieces of text are joined once, at the end."""

    __slots__ = ("_calls", "_pieces", "choice")

    def __init__(self, index: int) -> None:
        self.choice = Choice(index, [])
        self._pieces: list[list[str]] = []
        self._calls: dict[int, int] = {}
        """The number of a tool call to its place among the parts."""

    def add(self, chunk: TextDelta | SignatureDelta | CitationDelta | ToolDelta | PartDelta | End) -> None:
        if isinstance(chunk, TextDelta):
            self._text(chunk)
        elif isinstance(chunk, ToolDelta):
            self._tool(chunk)
        elif isinstance(chunk, SignatureDelta):
            self._signature(chunk)
        elif isinstance(chunk, CitationDelta):
            self._cite(chunk)
        elif isinstance(chunk, PartDelta):
            self._begin(chunk.part)
        else:
            choice = self.choice
            choice.finish, choice.native, choice.stop_sequence = chunk.finish, chunk.native, chunk.stop_sequence

    def whole(self) -> Choice:
        for part, pieces in zip(self.choice.parts, self._pieces, strict=True):
            if isinstance(part, ToolCall):
                part.arguments = "".join(pieces)
            elif isinstance(part, Text | Thinking | Refusal):
                part.text = "".join(pieces)
        return self.choice

    def _begin(self, part: Part) -> None:
        self.choice.parts.append(part)
        self._pieces.append([])

    def _text(self, chunk: TextDelta) -> None:
        if chunk.logprobs is not None:
            self.choice.logprobs = _joined(self.choice.logprobs, chunk.logprobs)
        if not chunk.text and not chunk.new:
            return
        kind, parts = _KINDS[chunk.kind], self.choice.parts
        last = parts[-1] if parts else None
        over = isinstance(last, Thinking) and (last.signature is not None or last.redacted is not None)
        if chunk.new or over or type(last) is not kind:
            self._begin(kind(text=""))
        self._pieces[-1].append(chunk.text)

    def _signature(self, chunk: SignatureDelta) -> None:
        last = self.choice.parts[-1] if self.choice.parts else None
        unproven = last if isinstance(last, Thinking) and last.redacted is None and last.of == chunk.of else None
        if chunk.redacted is not None and (unproven is None or chunk.id is None or unproven.signature is not None):
            unproven = None  # with an id it would be of the very item that was just told
        if unproven is None or unproven.id not in (None, chunk.id):
            unproven = Thinking(of=chunk.of)
            self._begin(unproven)
        unproven.source, unproven.id = chunk.source, chunk.id
        if chunk.redacted is not None:
            unproven.redacted = chunk.redacted
        else:
            unproven.signature = (unproven.signature or "") + (chunk.signature or "")

    def _cite(self, chunk: CitationDelta) -> None:
        last = next((part for part in reversed(self.choice.parts) if isinstance(part, Text)), None)
        if last is None:
            last = Text("")
            self._begin(last)
        last.citations = [*(last.citations or ()), chunk.citation]

    def _tool(self, chunk: ToolDelta) -> None:
        at = self._calls.get(chunk.index)
        if at is None:
            at = self._calls[chunk.index] = len(self.choice.parts)
            self._begin(ToolCall("", "", ""))
        call = self.choice.parts[at]
        assert isinstance(call, ToolCall)
        call.id = call.id or chunk.id or ""
        call.name = call.name or chunk.name or ""
        self._pieces[at].append(chunk.arguments)


def fold(chunks: Iterable[Chunk]) -> Reply:
    """Return the whole reply that *chunks* are the stream of."""
    reply = Reply(id="", model="", choices=[])
    choices: dict[int, _Folded] = {}
    for chunk in chunks:
        if isinstance(chunk, Start):
            reply.id, reply.model, reply.created = chunk.id, chunk.model, chunk.created
            reply.usage = chunk.usage
        elif isinstance(chunk, Counted):
            reply.usage = chunk.usage
        else:
            folded = choices.get(chunk.choice)
            if folded is None:
                folded = choices[chunk.choice] = _Folded(chunk.choice)
            folded.add(chunk)
    reply.choices = [choices[index].whole() for index in sorted(choices)]
    return reply


def unfold(reply: Reply) -> list[Chunk]:
    """Return the stream of *reply*; whether a format has room for its pictures is its writer's to say."""
    chunks: list[Chunk] = [Start(reply.id, reply.model, reply.created)]
    for choice in reply.choices:
        chunks += _chunks(choice)
    if reply.usage is not None:
        chunks.append(Counted(reply.usage))
    return chunks


def _chunks(choice: Choice) -> list[Chunk]:
    at = choice.index
    chunks: list[Chunk] = []
    before: Part | None = None
    calls = 0
    if choice.logprobs is not None:
        chunks.append(TextDelta("", at, logprobs=choice.logprobs))
    for part in choice.parts:
        if isinstance(part, ToolCall):
            chunks.append(ToolDelta(calls, part.id, part.name, part.arguments, at))
            calls += 1
        elif isinstance(part, Thinking):
            chunks += _thought(part, at, before)
        elif isinstance(part, Text | Refusal):
            new = not part.text or type(part) is type(before)
            chunks.append(TextDelta(part.text, at, "text" if isinstance(part, Text) else "refusal", new))
            if isinstance(part, Text):
                chunks += [CitationDelta(one, at) for one in part.citations or ()]
        elif isinstance(part, Image | Audio | File):
            chunks.append(PartDelta(part, at))
        before = part
    if choice.finish is not None:
        chunks.append(End(choice.finish, choice.native, choice.stop_sequence, at))
    return chunks


def _thought(part: Thinking, at: int, before: Part | None) -> list[Chunk]:
    proof = SignatureDelta(part.signature, part.redacted, at, part.source, part.of, part.id)
    proven = part.signature is not None or part.redacted is not None
    if part.of is not None or (part.redacted is not None and part.id is None):
        return [proof]
    text = TextDelta(part.text, at, "thinking", not part.text or isinstance(before, Thinking))
    return [text, proof] if proven else [text]


def _joined(one: Any, other: Any) -> Any:
    """Join log probabilities: objects of lists, one entry a token."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {
        name: (one.get(name) or []) + (other.get(name) or [])
        if isinstance(one.get(name) or other.get(name), list)
        else other.get(name, one.get(name))
        for name in {**one, **other}
    }
