"""Where text stands in Chat Completions, and in the older completions."""

import re
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
    Run,
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

PLACES: dict[str, Place] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "tool": "tool_result",
    "function": "tool_result",
}
THOUGHTS = ("reasoning_content", "reasoning")


OF_MESSAGE = frozenset((
    "role", "content", "refusal", "reasoning_content", "reasoning", "reasoning_details", "tool_calls",
    "function_call", "audio", "annotations", "tool_call_id", "prefix",
))  # fmt: skip
"""What a message has in places that are known."""
OF_CHOICE = frozenset((
    "index", "delta", "message", "finish_reason", "native_finish_reason", "stop_reason", "content_filter_results",
    "content_filter_offsets", "text", "token_ids", "prompt_token_ids",
))  # fmt: skip
"""What a choice has so, or what is no text."""
OF_CALL = frozenset(("function", "custom", "index"))
CONTENT: Path = ("choices", 0, "delta", "content")


class _Delta(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What is known of it. One with anything else is looked at by itself."""

    role: Any = None
    content: str | None = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    annotations: Any = None
    audio: Any = None


class _Choice(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: Any = None
    native_finish_reason: Any = None
    stop_reason: Any = None
    logprobs: Any = None
    content_filter_results: Any = None
    content_filter_offsets: Any = None
    seed: Any = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] = []


_UNSAID = re.compile(rb'["\\\x00-\x09\x0b-\x1f]')
_ESCAPE = re.compile(rb"\\[^\n]")
_strings = msgspec.json.Decoder(list[str]).decode
_chunks = msgspec.json.Decoder(list[_Chunk]).decode


def _content(choices: list[_Choice]) -> Quick | None:
    if len(choices) != 1:
        return None
    choice = choices[0]
    delta = choice.delta
    if delta is None or not delta.content or choice.finish_reason is not None:
        return None
    if delta.refusal or delta.reasoning_content or delta.reasoning or delta.tool_calls or delta.function_call:
        return None
    if delta.annotations or delta.reasoning_details or delta.audio:
        return None
    return (choice.index, "content"), CONTENT, "output", delta.content, False


def _alike(data: bytes) -> Run | None:
    """Return the run of events that differ in nothing but what they say, as most of one read do, without decoding each.

    Exact: the first is decoded, and what the others say holds nothing that could end its string.
    """
    first = data.find(b"\n\n") + 2
    begin = data.find(b'"content":', 0, first) + 10
    begin += data[begin : begin + 1] == b" "
    end = data.find(b'"', begin + 1, first)
    before, after = data[: begin + 1], data[end:first]
    if len(data) < 4 * first or data[begin : begin + 1] != b'"' or end < 0 or b"\\" in before or b"\\" in after:
        return None
    if before.count(b'"content"') != 1 or b'"content"' in after or data[-len(after) :] != after:
        return None
    said = data[len(before) : -len(after)].split(after + before)
    joined = b"\n".join(said)
    if _UNSAID.search(_ESCAPE.sub(b"", joined) if b"\\" in joined else joined) or b"" in said:
        return None
    try:
        content = _content(_chunks(b"[%b]" % data[6:first])[0].choices)
        told = _strings(b'["%b"]' % b'","'.join(said))
    except ODD:
        return None
    if content is None or content[3] != told[0] or joined.count(b"\n") != len(said) - 1 or "" in told:
        return None
    return content[0], CONTENT, "output", told


class ChatWalker:
    """See :class:`headgate.dialects.text.Walker`."""

    repeats = False

    def request(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        for i, message in rows(document.get("messages")):
            path: Path = ("messages", i)
            place = PLACES.get(str(message.get("role")), "user")
            yield from _content_of(message, path, place)
            yield from _said(message, path, place)
            if place != "tool_result":  # there it is what was called
                yield from field(message, "name", path, place)
            yield from strings(message.get("annotations"), (*path, "annotations"), place, aside=True)
        yield from texts(inner(document, "prediction").get("content"), ("prediction", "content"), "assistant")
        yield from described(document)
        form = inner(inner(document, "response_format"), "json_schema")
        yield from formed(form, ("response_format", "json_schema"))

    def reply(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        for i, choice in rows(document.get("choices")):
            yield from _whole(inner(choice, "message"), ("choices", i, "message"))
            yield from field(choice, "text", ("choices", i), "output")
            yield from loose(choice, ("choices", i), "output", OF_CHOICE, aside=True)

    def event(self, document: Any) -> Event:
        """See ``Walker``."""
        choices = document.get("choices")
        if not choices:
            return NO_EVENT
        event = Event([], [])
        for i, choice in rows(choices):
            index, path = choice.get("index", i), ("choices", i, "delta")
            delta = inner(choice, "delta")
            for piece in (*_content_of(delta, path, "output"), *_said(delta, path, "output")):
                piece.lane = (index, *_lane(piece, delta))
                event.pieces.append(piece)
            event.pieces += strings(delta.get("annotations"), (*path, "annotations"), "output", aside=True)
            event.pieces += loose(choice, ("choices", i), "output", OF_CHOICE, aside=True)
            event.pieces += _whole(
                inner(choice, "message"), ("choices", i, "message")
            )  # some tell it so far, each time
            for piece in field(choice, "text", ("choices", i), "output"):
                piece.lane = (index, "text")
                event.pieces.append(piece)
            if choice.get("finish_reason") is not None:
                event.ends.append((index,))
        return event

    def quick(self, documents: list[bytes]) -> list[Quick | None]:
        """See ``Walker``."""
        try:
            chunks = _chunks(b"[%b]" % b",".join(documents))
        except ODD:
            return [None] * len(documents)
        return (
            [_content(chunk.choices) for chunk in chunks] if len(chunks) == len(documents) else [None] * len(documents)
        )

    def run(self, data: bytes) -> Run | None:
        """See ``Walker``."""
        if data[:7] != b"data: {" or data[-3:] != b"}\n\n":
            return None
        alike = _alike(data)
        if alike is not None:
            return alike
        inner_ = data[6:-2].replace(b"\n\ndata: ", b",")
        if b"\n" in inner_:
            return None
        try:
            chunks = _chunks(b"[%b]" % inner_)
        except ODD:
            return None
        found = [_content(chunk.choices) for chunk in chunks]
        first = found[0]
        if first is None or None in found:
            return None
        lane = first[0]
        told = [one[3] for one in found if one is not None and one[0] == lane]
        return (lane, CONTENT, "output", told) if len(told) == len(found) else None

    def beside(self, path: Path) -> tuple[Path, ...]:
        """See ``Walker``."""
        return ((*path[:2], "logprobs"),) if path[0] == "choices" else ()


class CompletionsWalker(Slow):
    """See :class:`headgate.dialects.text.Walker`."""

    repeats = False

    def request(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        yield from texts(document.get("prompt"), ("prompt",), "user")
        yield from field(document, "suffix", (), "user")

    def reply(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        for i, choice in rows(document.get("choices")):
            yield from field(choice, "text", ("choices", i), "output")

    def event(self, document: Any) -> Event:
        """See ``Walker``."""
        event = Event([], [])
        for i, choice in rows(document.get("choices")):
            index = choice.get("index", i)
            for piece in field(choice, "text", ("choices", i), "output"):
                piece.lane = (index,)
                event.pieces.append(piece)
            if choice.get("finish_reason") is not None:
                event.ends.append((index,))
        return event

    def beside(self, path: Path) -> tuple[Path, ...]:
        """See ``Walker``."""
        return ((*path[:2], "logprobs"),) if path[0] == "choices" else ()


def _whole(message: dict[str, Any], path: Path) -> Iterator[Piece]:
    """The message of an answer."""
    yield from _content_of(message, path, "output")
    yield from _said(message, path, "output")
    yield from strings(message.get("annotations"), (*path, "annotations"), "output", aside=True)


def _content_of(message: dict[str, Any], path: Path, place: Place) -> Iterator[Piece]:
    """The content of a message: a text, or parts of any kind."""
    content, here = message.get("content"), (*path, "content")
    if not isinstance(content, list):
        yield from texts(content, here, place)
        return
    for i, part in enumerate(content):
        thought = isinstance(part, dict) and part.get("type") == "thinking"
        yield from loose(part, (*here, i), "thinking" if thought else place)


def _said(message: dict[str, Any], path: Path, place: Place) -> Iterator[Piece]:
    """What a message has besides its content."""
    yield from field(message, "refusal", path, place)
    for name in THOUGHTS:
        yield from field(message, name, path, "thinking")
    for i, detail in rows(message.get("reasoning_details")):
        yield from field(detail, "text", (*path, "reasoning_details", i), "thinking")
        yield from field(detail, "summary", (*path, "reasoning_details", i), "thinking")
    for i, call in rows(message.get("tool_calls")):
        here = (*path, "tool_calls", i)
        yield from field(inner(call, "function"), "arguments", (*here, "function"), "tool_argument", json=True)
        yield from field(inner(call, "custom"), "input", (*here, "custom"), "tool_argument")
        yield from loose(call, here, "tool_argument", OF_CALL)
    yield from field(inner(message, "audio"), "transcript", (*path, "audio"), place)
    yield from loose(message, path, place, OF_MESSAGE)
    yield from field(inner(message, "function_call"), "arguments", (*path, "function_call"), "tool_argument", json=True)


def _lane(piece: Piece, delta: dict[str, Any]) -> tuple[Any, ...]:
    """What a piece of a delta goes on with: it is named by where it stands, a call of a tool by its number."""
    where = piece.path[3:]
    if where[0] == "tool_calls":
        call = delta["tool_calls"][where[1]]
        return ("tool_calls", call.get("index", where[1]), *where[2:])
    return where


def described(document: Any) -> Iterator[Piece]:
    """What the tools of a request are said to do, and what their arguments are said to be."""
    for i, tool in rows(document.get("tools")):
        yield from tool_of(tool, ("tools", i))
        yield from tool_of(inner(tool, "function"), ("tools", i, "function"))
        yield from tool_of(inner(tool, "custom"), ("tools", i, "custom"))
    for i, function in rows(document.get("functions")):
        yield from tool_of(function, ("functions", i))
