"""Where text stands in Messages."""

from collections.abc import Iterator
from typing import Any

import msgspec

from headgate.dialects.text import (
    NO_EVENT,
    Event,
    Path,
    Piece,
    Place,
    Quick,
    Slow,
    field,
    formed,
    inner,
    loose,
    rows,
    strings,
    texts,
    tool_of,
)
from headgate.dialects.wire import ODD


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    index: int | None = None
    delta: _Delta | None = None


_events = msgspec.json.Decoder(list[_Event]).decode
GROWS: dict[str, tuple[str, Place]] = {
    "text_delta": ("text", "output"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "tool_argument"),
}


def _grown(event: _Event) -> Quick | None:
    if event.type != "content_block_delta" or event.delta is None:
        return None
    known = GROWS.get(event.delta.type)
    if known is None:
        return None
    name, place = known
    text = getattr(event.delta, name)
    return ((event.index, name), ("delta", name), place, text, name == "partial_json") if text else None


class MessagesWalker(Slow):
    """See :class:`headgate.dialects.text.Walker`."""

    repeats = False

    def request(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        yield from texts(document.get("system"), ("system",), "system")
        for i, message in rows(document.get("messages")):
            role = message.get("role")
            place: Place = "assistant" if role == "assistant" else "system" if role == "system" else "user"
            content, path = message.get("content"), ("messages", i, "content")
            if isinstance(content, str):
                yield from texts(content, path, place)
            for j, block in rows(content):
                yield from _block(block, (*path, j), place)
        for i, tool in rows(document.get("tools")):
            yield from tool_of(tool, ("tools", i))
        yield from formed(inner(document, "output_format"), ("output_format",))
        form = inner(inner(document, "output_config"), "format")
        yield from formed(form, ("output_config", "format"))

    def reply(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        for i, block in rows(document.get("content")):
            yield from _block(block, ("content", i), "output")

    def event(self, document: Any) -> Event:
        """See ``Walker``."""
        kind, index = document.get("type"), document.get("index")
        if kind == "content_block_delta":
            return Event(list(_delta(inner(document, "delta"), index)))
        if kind == "content_block_start":
            pieces = list(_block(inner(document, "content_block"), ("content_block",), "output"))
            for piece in pieces:
                if piece.path[1:] in (("text",), ("thinking",)):
                    piece.lane = (index, piece.path[1])
            return Event(pieces)
        if kind == "message_start":
            message = inner(document, "message")
            return Event([Piece(("message", *p.path), p.text, p.place) for p in self.reply(message)])
        if kind == "content_block_stop":
            return Event([], [(index,)])
        if kind in ("message_delta", "message_stop"):
            return Event([], [()])
        return NO_EVENT

    def quick(self, documents: list[bytes]) -> list[Quick | None]:
        """See ``Walker``."""
        try:
            events = _events(b"[%b]" % b",".join(documents))
        except ODD:
            return [None] * len(documents)
        return [_grown(event) for event in events] if len(events) == len(documents) else [None] * len(documents)

    def beside(self, path: Path) -> tuple[Path, ...]:
        """See ``Walker``."""
        return ()


OF_DELTA = frozenset(("text", "thinking", "partial_json", "citation"))


def _delta(delta: dict[str, Any], index: Any) -> Iterator[Piece]:
    for name, place in (("text", "output"), ("thinking", "thinking"), ("partial_json", "tool_argument")):
        value = delta.get(name)
        if isinstance(value, str) and value:
            yield Piece(("delta", name), value, place, name == "partial_json", (index, name))  # type: ignore[arg-type]
    yield from loose(inner(delta, "citation"), ("delta", "citation"), "output", aside=True)
    for piece in loose(delta, ("delta",), "output", OF_DELTA):
        piece.lane = (index, *piece.path[1:])
        yield piece


def _block(block: dict[str, Any], path: Path, place: Place) -> Iterator[Piece]:
    """The text of a block, of a kind that is known or not: there are new ones every few months."""
    kind = str(block.get("type"))
    if kind.endswith("tool_use"):
        yield from strings(block.get("input"), (*path, "input"), "tool_argument", names=True)
    elif kind.endswith("tool_result"):
        yield from loose(block.get("content"), (*path, "content"), "tool_result")
    elif kind in ("document", "search_result"):
        yield from loose(block, path, "document")
    elif kind == "thinking":
        yield from field(block, "thinking", path, "thinking")
    elif kind != "redacted_thinking":
        yield from loose(block, path, place, ("citations",))
        yield from loose(block.get("citations"), (*path, "citations"), place, aside=True)
