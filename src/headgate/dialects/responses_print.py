"""Prints streams of responses: every event of the sequence that clients of this API expect, numbered from 0."""

from typing import Any, NamedTuple

from headgate.core.chat import (
    Chunk,
    CitationDelta,
    Counted,
    End,
    Image,
    PartDelta,
    Request,
    SignatureDelta,
    Start,
    TextDelta,
    Thinking,
    ToolDelta,
)
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.pictures import is_bytes, no_room
from headgate.dialects.responses_echo import cited, item_id, response, sealed
from headgate.dialects.responses_reply import call, finish, image_call, message, reasoning
from headgate.dialects.responses_usage import printed
from headgate.dialects.responses_words import NAME

Document = dict[str, Any]


class _Kind(NamedTuple):
    """How a kind of text is told."""

    said: str
    """Before ``.delta`` and ``.done``."""
    part: str
    """Before ``.added`` and ``.done``."""
    place: str
    """What the number of its part is called."""
    type: str
    field: str
    """Where its text stands in the part, and in the event that ends it."""


_KINDS = {
    "text": _Kind("response.output_text", "response.content_part", "content_index", "output_text", "text"),
    "refusal": _Kind("response.refusal", "response.content_part", "content_index", "refusal", "refusal"),
    "thinking": _Kind(
        "response.reasoning_summary_text",
        "response.reasoning_summary_part",
        "summary_index",
        "summary_text",
        "text",
    ),
}


class _Block:
    """One text that is being told."""

    __slots__ = ("annotations", "head", "kind", "logprobs", "middle", "pieces", "place", "tail")

    def __init__(self, kind: str, item: str, at: int, index: int) -> None:
        self.kind = _KINDS[kind]
        self.place: Document = {"item_id": item, "output_index": at, self.kind.place: index}
        self.pieces: list[str] = []
        self.annotations: list[Document] = []
        self.logprobs: list[Any] = []
        self.head, self.middle = _delta(self.kind.said, self.place)
        self.tail = b',"logprobs":[]}\n\n' if kind == "text" else b"}\n\n"

    def part(self, text: str) -> Document:
        """What stands in the item."""
        part: Document = {"type": self.kind.type, self.kind.field: text}
        if self.kind.type == "output_text":
            part |= {"annotations": self.annotations, "logprobs": self.logprobs}
        return part


class _Item:
    """A message, or a thought, that is being told."""

    __slots__ = ("at", "block", "content", "id", "kind", "proof")

    def __init__(self, kind: str, at: int, id_: str) -> None:
        self.kind = kind
        self.at = at
        self.id = id_
        self.content: list[Document] = []
        """The parts that are complete."""
        self.block: _Block | None = None
        self.proof: SignatureDelta | None = None
        """Its proof, which may come in pieces."""

    def whole(self) -> Document:
        """What it is when it is complete."""
        if self.kind == "message":
            return message(self.id, self.content)
        text = "".join([part["text"] for part in self.content])
        return reasoning(self.id, text, sealed(self.proof or Thinking(text), self.id))


class _Call:
    """A call of a function that is being told."""

    __slots__ = ("at", "call_id", "head", "id", "middle", "name", "pieces", "place")

    def __init__(self, at: int, id_: str, call_id: str, name: str) -> None:
        self.at, self.id, self.call_id, self.name = at, id_, call_id, name
        self.pieces: list[str] = []
        self.place: Document = {"item_id": id_, "output_index": at}
        self.head, self.middle = _delta("response.function_call_arguments", self.place)


def _delta(name: str, place: Document) -> tuple[bytes, bytes]:
    """Return what stands before the number of an event that tells a piece of text, and between it and the piece."""
    head = f'event: {name}.delta\ndata: {{"type":"{name}.delta","sequence_number":'
    return head.encode(), b',%b,"delta":' % wire.encode(place)[1:-1]


class ResponsesWriter:
    """Prints chunks for a client of the Responses API. Ids are the gateway's own, made of ``id``."""

    __slots__ = (
        *("_calls", "_end", "_open", "_output", "_request", "_response", "_seq", "_usage"),
        *("created", "final", "id"),
    )
    room = staticmethod(is_bytes)

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self.final: bytes | None = None
        """The whole response, once it has been told."""
        self._request = request
        self._seq = 0
        self._response: Document = {}
        self._output: list[Document] = []
        """Every item so far; one that is open as it was when it was added."""
        self._open: _Item | None = None
        self._calls: dict[int, _Call] = {}
        """They stay open to the end: servers mix them."""
        self._end: End | None = None
        self._usage: Usage | None = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*; the first choice only, as this API has no others."""
        out: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta):
                if chunk.choice == 0:
                    self._text(chunk, out)
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            elif isinstance(chunk, Start):
                self._usage = chunk.usage or self._usage
                self._start(chunk, out)
            elif chunk.choice == 0:
                self._start(None, out)
                if isinstance(chunk, ToolDelta):
                    self._tool(chunk, out)
                elif isinstance(chunk, SignatureDelta):
                    self._prove(chunk, out)
                elif isinstance(chunk, CitationDelta):
                    self._cite(chunk, out)
                elif isinstance(chunk, PartDelta):
                    self._image(chunk, out)
                else:
                    self._end = chunk
                    self._finish(out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return the event that ends the stream: the whole response."""
        out: list[bytes] = []
        self._start(None, out)
        self._finish(out)
        told = self._response | {"output": self._output}
        finish(told, self._end.finish if self._end is not None else "stop")
        told["usage"] = printed(self._usage) if self._usage is not None else None
        self.final = wire.encode(told)
        self._event(f"response.{told['status']}", {"response": wire.Raw(self.final)}, out)
        return b"".join(out)

    def _event(self, name: str, fields: Document, out: list[bytes]) -> None:
        body = wire.encode({"type": name, "sequence_number": self._seq, **fields})
        out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), body))
        self._seq += 1

    def _start(self, chunk: Start | None, out: list[bytes]) -> None:
        if self._response:
            return
        id_, model, created = (chunk.id, chunk.model, chunk.created) if chunk is not None else ("", "", 0)
        own = f"resp_{self.id.replace('-', '')}" if self.id else id_
        self._response = response(own, model, created or self.created, self._request)
        for name in ("response.created", "response.in_progress"):
            self._event(name, {"response": self._response}, out)

    def _add(self, item: Document, out: list[bytes]) -> None:
        self._event("response.output_item.added", {"output_index": len(self._output), "item": item}, out)
        self._output.append(item)

    def _done(self, at: int, item: Document, out: list[bytes]) -> None:
        self._output[at] = item
        self._event("response.output_item.done", {"output_index": at, "item": item}, out)

    def _item(self, kind: str, new: bool, out: list[bytes], named: str | None = None) -> _Item:
        """Return the open item if it is of *kind*, else a new one, *named* where its provider has named it."""
        one = self._open
        if one is not None and one.kind == kind and not new:
            return one
        self._close(out)
        self._start(None, out)
        id_ = named or item_id("msg" if kind == "message" else "rs", self._response["id"], len(self._output))
        self._open = _Item(kind, len(self._output), id_)
        self._add(message(id_, [], "in_progress") if kind == "message" else reasoning(id_, "", None), out)
        return self._open

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        one, thought = self._open, chunk.kind == "thinking"
        block = one.block if one is not None else None
        if block is None or chunk.new or chunk.logprobs is not None or block.kind is not _KINDS[chunk.kind]:
            if not chunk.text and chunk.logprobs is None and not (thought and chunk.new):
                return
            proven = one is not None and one.proof is not None
            one = self._item("thinking" if thought else "message", thought and (chunk.new or proven), out)
            block = self._block(one, chunk, out)
        if chunk.logprobs is not None and block.kind.type == "output_text":
            said = chunk.logprobs.get("content") if isinstance(chunk.logprobs, dict) else None
            block.logprobs += said or []
            self._event("response.output_text.delta", {**block.place, "delta": chunk.text, "logprobs": said or []}, out)
        elif chunk.text:
            out.append(b"%b%d%b%b%b" % (block.head, self._seq, block.middle, wire.encode(chunk.text), block.tail))
            self._seq += 1
        block.pieces.append(chunk.text)

    def _block(self, one: _Item, chunk: TextDelta, out: list[bytes]) -> _Block:
        """Return the open block of *one* if the chunk goes on with it, else a new one."""
        block = one.block
        if block is not None and block.kind is _KINDS[chunk.kind] and not chunk.new:
            return block
        self._close_block(one, out)
        block = one.block = _Block(chunk.kind, one.id, one.at, len(one.content))
        self._event(f"{block.kind.part}.added", {**block.place, "part": block.part("")}, out)
        return block

    def _close_block(self, one: _Item, out: list[bytes]) -> None:
        block = one.block
        if block is None:
            return
        text = "".join(block.pieces)
        whole: Document = {**block.place, block.kind.field: text}
        if block.kind.type == "output_text":
            whole["logprobs"] = block.logprobs
        self._event(f"{block.kind.said}.done", whole, out)
        part = block.part(text)
        self._event(f"{block.kind.part}.done", {**block.place, "part": part}, out)
        one.content.append(part)
        one.block = None

    def _close(self, out: list[bytes]) -> None:
        """End the open item."""
        one = self._open
        if one is not None:
            self._close_block(one, out)
            self._done(one.at, one.whole(), out)
            self._open = None

    def _prove(self, chunk: SignatureDelta, out: list[bytes]) -> None:
        """Give the thought that was just told its proof; what has none before it is a thought by itself."""
        one = self._open if self._open is not None and self._open.kind == "thinking" else None
        proof = one.proof if one is not None else None
        if proof is not None and proof.id == chunk.id and proof.signature and chunk.signature:
            proof.signature += chunk.signature
            return
        if one is None or proof is not None or chunk.of is not None or (chunk.redacted is not None and not chunk.id):
            one = self._item("thinking", True, out, chunk.id if chunk.source == NAME else None)
        else:
            self._close_block(one, out)
        one.proof = SignatureDelta(chunk.signature, chunk.redacted, 0, chunk.source, chunk.of, chunk.id)

    def _cite(self, chunk: CitationDelta, out: list[bytes]) -> None:
        one = self._item("message", False, out)
        block = self._block(one, TextDelta(""), out) if one.block is None else one.block
        found = cited(chunk.citation)
        fields = {**block.place, "annotation_index": len(block.annotations), "annotation": found}
        self._event("response.output_text.annotation.added", fields, out)
        block.annotations.append(found)

    def _tool(self, chunk: ToolDelta, out: list[bytes]) -> None:
        one = self._calls.get(chunk.index)
        if one is None:
            self._close(out)
            at = len(self._output)
            id_ = item_id("fc", self._response["id"], at)
            one = self._calls[chunk.index] = _Call(at, id_, chunk.id or "", chunk.name or "")
            self._add(call(id_, one.call_id, one.name, "", "in_progress"), out)
        if chunk.arguments:
            one.pieces.append(chunk.arguments)
            out.append(b"%b%d%b%b}\n\n" % (one.head, self._seq, one.middle, wire.encode(chunk.arguments)))
            self._seq += 1

    def _image(self, chunk: PartDelta, out: list[bytes]) -> None:
        """Tell a picture, which comes whole."""
        if not isinstance(chunk.part, Image) or chunk.part.data is None:
            raise no_room()
        self._close(out)
        at = len(self._output)
        item = image_call(item_id("ig", self._response["id"], at), chunk.part)
        self._add({**item, "status": "in_progress", "result": None}, out)
        self._done(at, item, out)

    def _finish(self, out: list[bytes]) -> None:
        """End every item."""
        self._close(out)
        for one in self._calls.values():
            arguments = "".join(one.pieces)
            self._event("response.function_call_arguments.done", {**one.place, "arguments": arguments}, out)
            self._done(one.at, call(one.id, one.call_id, one.name, arguments), out)
        self._calls = {}
