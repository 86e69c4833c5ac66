"""Where text stands in Responses. Its streams repeat every text: as it grows, when it is done, and in the whole."""

from collections.abc import Iterator
from typing import Any

import msgspec

from headgate.dialects.openai_text import PLACES, described
from headgate.dialects.text import (
    FORMAL,
    NO_EVENT,
    OPAQUE,
    PROSE,
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

DELTAS: dict[str, tuple[Place, str, bool]] = {
    "response.output_text": ("output", "text", False),
    "response.refusal": ("output", "refusal", False),
    "response.function_call_arguments": ("tool_argument", "arguments", True),
    "response.custom_tool_call_input": ("tool_argument", "input", False),
    "response.mcp_call_arguments": ("tool_argument", "arguments", True),
    "response.reasoning_text": ("thinking", "text", False),
    "response.reasoning_summary_text": ("thinking", "text", False),
    "response.code_interpreter_call_code": ("tool_argument", "code", False),
    "response.audio_transcript": ("output", "transcript", False),
}
"""Event without ``.delta`` or ``.done`` -> where its text belongs, what ``.done`` calls it, whether it is JSON."""
WHO = ("output_index", "content_index", "summary_index")


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: str | None = None
    output_index: Any = None
    content_index: Any = None
    summary_index: Any = None


_events = msgspec.json.Decoder(list[_Event]).decode


def _grown(event: _Event) -> Quick | None:
    if not event.delta or event.type[-6:] != ".delta":
        return None
    known = DELTAS.get(event.type[:-6])
    if known is None:
        return None
    lane = (event.type[:-6], event.output_index, event.content_index, event.summary_index)
    return lane, ("delta",), known[0], event.delta, known[2]


class ResponsesWalker(Slow):
    """See :class:`headgate.dialects.text.Walker`."""

    repeats = True

    def request(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        yield from field(document, "instructions", (), "system")
        yield from texts(document.get("input") if isinstance(document.get("input"), str) else None, ("input",), "user")
        for i, item in rows(document.get("input")):
            yield from _item(item, ("input", i), PLACES.get(str(item.get("role")), "user"))
        yield from strings(inner(document, "prompt").get("variables"), ("prompt", "variables"), "user")
        yield from described(document)
        yield from formed(inner(inner(document, "text"), "format"), ("text", "format"))

    def reply(self, document: Any, path: Path = ()) -> Iterator[Piece]:
        """See ``Walker``."""
        for i, item in rows(document.get("output")):
            yield from _item(item, (*path, "output", i), "output")
        yield from texts(document.get("instructions"), (*path, "instructions"), "output")
        yield from field(document, "output_text", path, "output")

    def event(self, document: Any) -> Event:
        """See ``Walker``."""
        kind = document.get("type")
        if not isinstance(kind, str):
            return NO_EVENT
        name, _, step = kind.rpartition(".")
        known = DELTAS.get(name)
        if known is not None:
            place, whole, json = known
            lane = (name, *[document.get(one) for one in WHO])
            if step == "delta":
                pieces = list(field(document, "delta", (), place, json=json))
                for piece in pieces:
                    piece.lane = lane
                return Event(pieces)
            return Event(list(field(document, whole, (), place, json=json)), [lane])
        if "response" in document:
            ends: list[tuple[Any, ...]] = [()] if step in ("completed", "incomplete", "failed") else []
            return Event(list(self.reply(inner(document, "response"), ("response",))), ends)
        if "item" in document:
            return Event(list(_item(inner(document, "item"), ("item",), "output")))
        if "part" in document:
            thought = "summary" in kind or inner(document, "part").get("type") == "reasoning_text"
            return Event(list(_part(inner(document, "part"), ("part",), "thinking" if thought else "output")))
        return Event(list(strings(document.get("annotation"), ("annotation",), "output", aside=True)))

    def quick(self, documents: list[bytes]) -> list[Quick | None]:
        """See ``Walker``."""
        try:
            events = _events(b"[%b]" % b",".join(documents))
        except ODD:
            return [None] * len(documents)
        return [_grown(event) for event in events] if len(events) == len(documents) else [None] * len(documents)

    def beside(self, path: Path) -> tuple[Path, ...]:
        """See ``Walker``."""
        return ((*path[:-1], "logprobs"),)


def _item(item: dict[str, Any], path: Path, place: Place) -> Iterator[Piece]:
    kind = item.get("type", "message")
    if kind == "message":
        content = item.get("content")
        yield from texts(content if isinstance(content, str) else None, (*path, "content"), place)
        for i, part in rows(content):
            yield from _part(part, (*path, "content", i), place)
    elif kind == "reasoning":
        for name in ("summary", "content"):
            for i, part in rows(item.get(name)):
                yield from loose(part, (*path, name, i), "thinking")
    elif kind == "mcp_list_tools":
        for i, tool in rows(item.get("tools")):
            yield from tool_of(tool, (*path, "tools", i))
    elif str(kind).endswith("_output"):
        yield from loose(item, path, "tool_result")
    else:  # calls of tools, each kind with its own names
        yield from field(item, "arguments", path, "tool_argument", json=True)
        for name, value in item.items():
            if name in FORMAL or name == "arguments" or name.endswith("_id"):
                continue
            result: Place = "document" if kind == "file_search_call" else "tool_result"
            for piece in strings(value, (*path, name), result if name in RESULTS else "tool_argument"):
                if name in PROSE or not OPAQUE.match(piece.text):
                    yield piece


RESULTS = frozenset(("output", "outputs", "results", "result", "error", "logs"))
"""Names under which a call has what came of it."""


def _part(part: dict[str, Any], path: Path, place: Place) -> Iterator[Piece]:
    yield from loose(part, path, place, ("annotations",))
    yield from strings(part.get("annotations"), (*path, "annotations"), place, aside=True)
