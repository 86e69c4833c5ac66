"""Reads and writes Messages streams, <https://docs.anthropic.com/en/docs/build-with-claude/streaming>."""

from typing import Any

from headgate.core.chat import (
    Chunk,
    CitationDelta,
    Counted,
    End,
    Request,
    SignatureDelta,
    Start,
    TextDelta,
    Thinking,
    ToolDelta,
)
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.anthropic_pieces import citation, cited, proof
from headgate.dialects.anthropic_reply import reported, stop_reason, whole_block
from headgate.dialects.anthropic_usage import Reported, printed, usage_of
from headgate.dialects.anthropic_words import FINISH, NAME
from headgate.dialects.call_input import arguments_of
from headgate.dialects.in_turn import InTurn
from headgate.dialects.reading import SseReader

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class MessagesReader(SseReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_begun", "_calls", "_fresh", "_kinds", "_reported", "_silent")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._reported: Reported | None = None
        self._kinds: dict[int, str] = {}
        """The kind of each block by its index."""
        self._calls: dict[int, int] = {}
        """The number of the tool call in each block that is one."""
        self._silent: dict[int, str] = {}
        """Tool calls that have said no argument yet, with what their start said."""
        self._fresh: set[int] = set()
        """Text blocks of which nothing was said yet."""

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        kind = document.get("type")
        index = document.get("index")
        at = index if isinstance(index, int) else 0
        if kind == "message_start":
            self._start(document.get("message"), chunks)
        elif kind == "content_block_start":
            self._open(at, document.get("content_block"), data, chunks)
        elif kind == "content_block_delta":
            self._delta(at, document.get("delta"), chunks)
        elif kind == "content_block_stop":
            if at in self._silent:
                chunks.append(ToolDelta(self._calls[at], arguments=self._silent.pop(at)))
        elif kind == "message_delta":
            self._end(document.get("delta"), chunks)
            self._usage(document.get("usage"), chunks)
        elif kind == "message_stop":
            self.ended = True

    def _start(self, message: Any, chunks: list[Chunk]) -> None:
        if not isinstance(message, dict):
            return
        self._usage(message.get("usage"), [])
        if not self._begun:  # some servers splice a second one in
            self._begun = True
            id_, model = message.get("id"), message.get("model")
            start = Start(id_ if isinstance(id_, str) else "", model if isinstance(model, str) else "")
            start.usage = self.usage
            chunks.append(start)

    def _open(self, at: int, block: Any, data: bytes, chunks: list[Chunk]) -> None:
        if not isinstance(block, dict):
            return
        kind = str(block.get("type"))
        self._kinds[at] = kind
        if kind == "tool_use":
            self._calls[at] = len(self._calls)
            given = block.get("input")
            raw = wire.members(wire.members(data)["content_block"]).get("input") if given else None
            self._silent[at] = arguments_of(raw) if raw is not None else "{}"
            chunks += whole_block(block, self._calls[at], "")
        elif kind == "text" and not block.get("text"):
            self._fresh.add(at)
        else:
            chunks += whole_block(block, 0, "")

    def _delta(self, at: int, delta: Any, chunks: list[Chunk]) -> None:
        if not isinstance(delta, dict):
            return
        kind = delta.get("type")
        if kind == "text_delta":
            text = str(delta.get("text") or "")
            if text:
                chunks.append(TextDelta(text, new=at in self._fresh))
                self._fresh.discard(at)
        elif kind == "thinking_delta":
            chunks.append(TextDelta(str(delta.get("thinking") or ""), kind="thinking"))
        elif kind == "signature_delta":
            chunks.append(SignatureDelta(str(delta.get("signature") or ""), source=NAME))
        elif kind == "citations_delta" and isinstance(delta.get("citation"), dict):
            if at in self._fresh:  # it comes before the text that it backs
                self._fresh.discard(at)
                chunks.append(TextDelta("", new=True))
            chunks.append(CitationDelta(citation(delta["citation"])))
        elif kind == "input_json_delta" and at in self._calls:
            text = str(delta.get("partial_json") or "")
            if text:
                self._silent.pop(at, None)
                chunks.append(ToolDelta(self._calls[at], arguments=text))

    def _end(self, delta: Any, chunks: list[Chunk]) -> None:
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        if isinstance(reason, str):
            stopped = delta.get("stop_sequence")
            self.finish = FINISH.get(reason, "stop")
            chunks.append(End(FINISH.get(reason, "stop"), reason, stopped if isinstance(stopped, str) else None))

    def _usage(self, said: Any, chunks: list[Chunk]) -> None:
        part = reported(said)
        if part is None:
            self.usage_flagged = self.usage_flagged or said is not None
            return
        self._reported = part.after(self._reported)
        usage = usage_of(self._reported)
        if usage is not None:
            self._count(usage)
            if self.usage is usage:
                chunks.append(Counted(usage))

    def _whole(self) -> bool:
        return self.finish is not None


class MessagesWriter:
    """Prints chunks for a Messages client. ``id`` stands in where the upstream gives none."""

    __slots__ = (
        *("_begun", "_blocks", "_calls", "_end", "_model", "_open", "_refused", "_sealed", "_turn", "_usage"),
        *("created", "id"),
    )

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._model = request.model
        self._begun = False
        self._turn = InTurn()
        self._blocks = 0
        self._open: tuple[str, int] | None = None
        """Kind and number of the block now open."""
        self._calls: dict[int, int] = {}
        """The number of a tool call to that of its block."""
        self._refused = False
        self._sealed: Thinking | None = None
        """Another dialect's proof of the block now open."""
        self._end: End | None = None
        self._usage: Usage | None = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*; the first choice only, as this API has no others."""
        out: list[bytes] = []
        for chunk in self._turn.order(chunks):
            if isinstance(chunk, Start):
                self._start(chunk, out)
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            elif isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, ToolDelta):
                self._tool(chunk, out)
            elif isinstance(chunk, SignatureDelta):
                self._proof(chunk, out)
            elif isinstance(chunk, CitationDelta):
                at = self._block("text", {"text": ""}, False, out)
                _delta(at, b'"citations_delta","citation":' + wire.encode(cited(chunk.citation)), out)
            elif isinstance(chunk, End):
                self._end = chunk
                self._close(out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return what was held, the reason, the usage and the terminator."""
        end = self._end or End("stop")
        out = [self.write([end])]
        self._start(None, out)
        reason = stop_reason(end.finish, end.native, end.stop_sequence, bool(self._calls), self._refused)
        _event(
            "message_delta",
            {
                "delta": {"stop_reason": reason, "stop_sequence": end.stop_sequence},
                "usage": printed(self._usage or Usage()),
            },
            out,
        )
        return b"".join(out) + STOP

    def _start(self, chunk: Start | None, out: list[bytes]) -> None:
        """Begin the message, unless it has begun: clients fail where anything comes before that."""
        if self._begun:
            return
        self._begun = True
        begun = chunk or Start("", self._model)
        message: dict[str, Any] = {
            "id": begun.id or self.id,
            "type": "message",
            "role": "assistant",
            "model": begun.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": printed(begun.usage or self._usage or Usage()),
        }
        _event("message_start", {"message": message}, out)

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        if chunk.kind == "thinking":
            if chunk.text or chunk.new:
                at = self._block("thinking", {"thinking": "", "signature": ""}, chunk.new, out)
                if chunk.text:
                    _delta(at, b'"thinking_delta","thinking":' + wire.encode(chunk.text), out)
                    if self._sealed is None:
                        self._sealed = Thinking(chunk.text)  # of another dialect, as long as no proof tells otherwise
            return
        if not chunk.text:
            if chunk.new:
                self._close(out)  # what comes next is another block
            return
        self._refused = self._refused or chunk.kind == "refusal"
        at = self._block("text", {"text": ""}, chunk.new, out)
        _delta(at, b'"text_delta","text":' + wire.encode(chunk.text), out)

    def _proof(self, chunk: SignatureDelta, out: list[bytes]) -> None:
        part = Thinking("", chunk.signature, chunk.redacted, chunk.source, None, chunk.of, chunk.id)
        own = chunk.source == NAME
        if own and chunk.redacted is None:
            at = self._block("thinking", {"thinking": "", "signature": ""}, False, out)
            _delta(at, b'"signature_delta","signature":' + wire.encode(chunk.signature or ""), out)
            self._sealed = None
        elif self._proves(chunk):
            if self._sealed is not None and self._sealed.signature:
                part.signature = self._sealed.signature + (chunk.signature or "")
            self._sealed = part  # it may come in pieces, and is wrapped whole
        elif opaque := proof(part):
            self._block("redacted_thinking", {"data": opaque}, True, out)
            self._close(out)

    def _proves(self, chunk: SignatureDelta) -> bool:
        """Tell whether a proof belongs to the block now open."""
        thinking = self._open is not None and self._open[0] == "thinking" and chunk.source != NAME
        return thinking and chunk.of is None and (chunk.redacted is None or chunk.id is not None)

    def _tool(self, chunk: ToolDelta, out: list[bytes]) -> None:
        at = self._calls.get(chunk.index)
        if at is None:
            at = self._block("tool_use", {"id": chunk.id or "", "name": chunk.name or "", "input": {}}, True, out)
            self._calls[chunk.index] = at
        if chunk.arguments:  # of a call already closed too, should a server say more: clients go by the index
            _delta(at, b'"input_json_delta","partial_json":' + wire.encode(chunk.arguments), out)

    def _block(self, kind: str, fields: dict[str, Any], new: bool, out: list[bytes]) -> int:
        """Return the number of the open block if it is of *kind*, else of a new one."""
        if self._open is not None and self._open[0] == kind and not new:
            return self._open[1]
        self._start(None, out)
        self._close(out)
        at = self._blocks
        self._blocks += 1
        self._open = kind, at
        _event("content_block_start", {"index": at, "content_block": {"type": kind, **fields}}, out)
        return at

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            if self._sealed is not None:
                opaque, self._sealed = proof(self._sealed), None
                _delta(self._open[1], b'"signature_delta","signature":' + wire.encode(opaque), out)
            _event("content_block_stop", {"index": self._open[1]}, out)
            self._open = None


def _event(name: str, fields: dict[str, Any], out: list[bytes]) -> None:
    out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), wire.encode({"type": name, **fields})))


def _delta(at: int, fields: bytes, out: list[bytes]) -> None:
    out.append(
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":%b}}\n\n'
        % (at, fields)
    )
