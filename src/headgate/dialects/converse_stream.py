"""Reads and writes ConverseStream's events: frames of JSON, the last of which is ``metadata``.

<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>
"""

from typing import Any

from headgate.core.chat import Chunk, CitationDelta, Counted, End, Request, SignatureDelta, Start, TextDelta, ToolDelta
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.converse_blocks import citation
from headgate.dialects.converse_messages_write import tool_id
from headgate.dialects.converse_reply import printed_citation, proof_text, stop_reason
from headgate.dialects.converse_tap import FrameWatch
from headgate.dialects.converse_usage import printed, reported, usage_of
from headgate.dialects.converse_words import FINISH, NAME
from headgate.dialects.event_stream import frame, write_headers
from headgate.dialects.in_turn import InTurn
from headgate.dialects.upstream import ended_with
from headgate.dialects.watch import loosely, size
from headgate.dialects.wire import ODD


class ConverseReader(FrameWatch):
    """See :class:`headgate.dialects.base.Reader`. Texts and thoughts begin without a frame of their own."""

    __slots__ = ("_at", "_begun", "_calls", "_silent")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._at = (-1, "")
        """Number and kind of the block now told."""
        self._calls: dict[int, int] = {}
        """The number of the tool call in each block that is one."""
        self._silent: set[int] = set()
        """Tool calls that have said no argument yet."""

    def feed(self, data: bytes) -> list[Chunk]:
        """Take what was read, cut anywhere; return the chunks it completes."""
        chunks: list[Chunk] = []
        if self.ended or self.failure is not None:
            return chunks
        for one in self._frames.feed(data):
            began, name = self.started, self._event(one)
            if self.failure is None:
                self._read(name, one.payload, chunks)
            if self._ending is not None:
                self._await_usage(began)
            if self.ended or self.failure is not None:
                return chunks
        self._check()
        return chunks

    def close(self) -> list[Chunk]:
        """The upstream has ended: set ``failure`` where it was cut."""
        self._broken_off()
        return []

    def _await_usage(self, began: bool) -> None:
        """A failed answer fails once its usage is told, which comes last; its end alone *began* nothing."""
        if self.ended and self._ending is not None:
            self.ended = False
            self._fail(self._ending)
        self.started = began

    def _read(self, name: str, payload: bytes, chunks: list[Chunk]) -> None:
        try:
            said = loosely(payload)
        except ODD:
            self._skip()
            return
        self._broken_in_a_row = 0
        if not isinstance(said, dict):
            return
        index = said.get("contentBlockIndex")
        at = index if isinstance(index, int) else 0
        if name == "contentBlockDelta":
            self._delta(at, said.get("delta"), chunks)
        elif name == "contentBlockStart":
            self._open(at, said.get("start"), chunks)
        elif name == "contentBlockStop":
            if at in self._silent:
                self._silent.discard(at)
                chunks.append(ToolDelta(self._calls[at], arguments="{}"))
        elif name == "messageStart" and not self._begun:
            self._begun = True
            chunks.append(Start("", self.model))
        elif name == "messageStop":
            reason = said.get("stopReason")
            native = reason if isinstance(reason, str) else "end_turn"
            finish = FINISH.get(native, "stop")
            if finish == "error":
                self._ending = ended_with(native)
                return
            self.finish = finish
            chunks.append(End(finish, native))
        elif name == "metadata":
            self._usage(said.get("usage"), chunks)

    def _open(self, at: int, start: Any, chunks: list[Chunk]) -> None:
        use = start.get("toolUse") if isinstance(start, dict) else None
        if not isinstance(use, dict) or use.get("type") is not None:
            return  # what the server did by itself is told in its texts
        id_, name = use.get("toolUseId"), use.get("name")
        number = self._calls[at] = len(self._calls)
        self._silent.add(at)
        self._at = (at, "tool")
        chunks.append(ToolDelta(number, id_ if isinstance(id_, str) else "", name if isinstance(name, str) else "", ""))

    def _delta(self, at: int, delta: Any, chunks: list[Chunk]) -> None:
        if not isinstance(delta, dict):
            return
        text, use = delta.get("text"), delta.get("toolUse")
        if isinstance(text, str):
            if text:
                self.text_bytes += size(text)
                chunks.append(TextDelta(text, new=self._new(at, "text")))
        elif isinstance(use, dict):
            said = use.get("input")
            if isinstance(said, str) and said and at in self._calls:
                self._silent.discard(at)
                self.text_bytes += size(said)
                chunks.append(ToolDelta(self._calls[at], arguments=said))
        elif isinstance(thought := delta.get("reasoningContent"), dict):
            self._think(at, thought, chunks)
        elif isinstance(cited := delta.get("citation"), dict):
            chunks.append(CitationDelta(citation(cited)))

    def _think(self, at: int, thought: dict[str, Any], chunks: list[Chunk]) -> None:
        text, signature, redacted = thought.get("text"), thought.get("signature"), thought.get("redactedContent")
        if isinstance(text, str):
            self.text_bytes += size(text)
            chunks.append(TextDelta(text, kind="thinking", new=self._new(at, "thinking")))
        if isinstance(signature, str) and signature:
            if self._new(at, "thinking"):
                chunks.append(TextDelta("", kind="thinking", new=True))  # a thought of which only the proof is told
            chunks.append(SignatureDelta(signature, source=NAME))
        if isinstance(redacted, str):
            chunks.append(SignatureDelta(redacted=redacted, source=NAME))

    def _new(self, at: int, kind: str) -> bool:
        """Tell whether a block other than the last one told begins."""
        new = self._at != (at, kind)
        self._at = (at, kind)
        return new

    def _usage(self, said: Any, chunks: list[Chunk]) -> None:
        whole = reported(said)
        usage = usage_of(whole) if whole is not None else None
        if usage is None:
            self.usage_flagged = self.usage_flagged or said is not None
            return
        self._count(usage)
        if self.usage is usage:
            chunks.append(Counted(usage))


_EVENT = {":content-type": "application/json", ":message-type": "event"}
_KINDS = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)
_BLOCKS = {kind: write_headers({":event-type": kind, **_EVENT}) for kind in _KINDS}


class ConverseWriter:
    """Prints chunks for a Converse client. The API tells no id and no model; ``id`` and ``created`` are unused."""

    __slots__ = ("_begun", "_blocks", "_calls", "_end", "_open", "_turn", "_usage", "created", "id")

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._begun = False
        self._turn = InTurn()
        self._blocks = 0
        self._open: tuple[str, int] | None = None
        """Kind and number of the block now open."""
        self._calls: dict[int, int] = {}
        """The number of a tool call to that of its block."""
        self._end: End | None = None
        self._usage: Usage | None = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the frames for *chunks*; the first choice only, as this API has no others."""
        out: list[bytes] = []
        for chunk in self._turn.order(chunks):
            if isinstance(chunk, Start):
                self._start(out)
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            elif isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, ToolDelta):
                self._tool(chunk, out)
            elif isinstance(chunk, SignatureDelta):
                self._proof(chunk, out)
            elif isinstance(chunk, CitationDelta):
                at = self._block("text", False, out)
                _delta(at, {"citation": printed_citation(chunk.citation)}, out)
            elif isinstance(chunk, End):
                self._end = chunk
                self._close(out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return what was held, the reason, and the usage, which is the last frame."""
        end = self._end or End("stop")
        out = [self.write([end])]
        self._start(out)
        reason = stop_reason(end.finish, end.native, end.stop_sequence, bool(self._calls))
        _event("messageStop", {"stopReason": reason}, out)
        _event("metadata", {"usage": printed(self._usage or Usage())}, out)
        return b"".join(out)

    def _start(self, out: list[bytes]) -> None:
        """Begin the message, unless it has begun."""
        if not self._begun:
            self._begun = True
            _event("messageStart", {"role": "assistant"}, out)

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        if not chunk.text:
            return
        if chunk.kind == "thinking":
            at = self._block("thinking", chunk.new, out)
            _delta(at, {"reasoningContent": {"text": chunk.text}}, out)
        else:
            at = self._block("text", chunk.new, out)
            _delta(at, {"text": chunk.text}, out)

    def _proof(self, chunk: SignatureDelta, out: list[bytes]) -> None:
        if chunk.redacted is not None and chunk.source == NAME:
            at = self._block("thinking", True, out)
            _delta(at, {"reasoningContent": {"redactedContent": chunk.redacted}}, out)
            self._close(out)
            return
        proof = proof_text(chunk.source, chunk.signature, chunk.redacted, chunk.of, chunk.id)
        if proof is not None:
            at = self._block("thinking", chunk.of is not None, out)
            _delta(at, {"reasoningContent": {"signature": proof}}, out)

    def _tool(self, chunk: ToolDelta, out: list[bytes]) -> None:
        at = self._calls.get(chunk.index)
        if at is None:
            at = self._calls[chunk.index] = self._block("tool", True, out)
            use = {"toolUseId": tool_id(chunk.id or ""), "name": chunk.name or ""}
            _event("contentBlockStart", {"start": {"toolUse": use}, "contentBlockIndex": at}, out)
        if chunk.arguments:  # of a call already closed too, should a server say more: clients go by the index
            _delta(at, {"toolUse": {"input": chunk.arguments}}, out)

    def _block(self, kind: str, new: bool, out: list[bytes]) -> int:
        """Return the number of the open block if it is of *kind*, else of a new one."""
        if self._open is not None and self._open[0] == kind and not new:
            return self._open[1]
        self._start(out)
        self._close(out)
        at = self._blocks
        self._blocks += 1
        self._open = kind, at
        return at

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            _event("contentBlockStop", {"contentBlockIndex": self._open[1]}, out)
            self._open = None


def _event(kind: str, fields: dict[str, Any], out: list[bytes]) -> None:
    out.append(frame(_BLOCKS[kind], wire.encode(fields)))


def _delta(at: int, fields: dict[str, Any], out: list[bytes]) -> None:
    _event("contentBlockDelta", {"contentBlockIndex": at, "delta": fields}, out)
