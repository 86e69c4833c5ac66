"""Where text stands in a document of a dialect: each piece with its path, so that it alone can be written again."""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Literal, Protocol

import msgspec

Path = tuple[str | int, ...]
Place = Literal["system", "user", "assistant", "tool_result", "tool_argument", "document", "output", "thinking"]
LONG_NUMBER = 10**6
"""A number of seven digits or more may be somebody's; it is looked at as text."""
DEEPEST = 64
KEY = -1
"""The last part of a path that leads to a name in an object, not to the value under it."""
FORMAL = frozenset((
    "type", "id", "object", "status", "role", "model", "name", "signature", "thoughtSignature", "thought_signature",
    "encrypted_content", "encrypted_index", "cache_control", "caller", "extra_content", "format", "media_type",
    "mimeType", "mime_type", "logprobs", "url", "uri", "image_url", "video_url", "file_url", "fileUri", "file_uri",
    "b64_json", "file_data",
))  # fmt: skip
"""Names under which formats have what is no text: kinds, references, links, signatures, data."""
MEDIA = frozenset(("media_type", "mimeType", "mime_type", "format"))
"""Names beside ``data`` where that is no text."""
PROSE = frozenset((
    "text", "content", "input", "output", "code", "diff", "logs", "stdout", "stderr", "title", "query",
    "transcript", "documents", "thinking",
))  # fmt: skip
"""Names under which everything is text, whatever it looks like."""
OPAQUE = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,|[A-Za-z0-9+/_-]{512,}={0,2}\Z", re.ASCII)
"""Data written as text."""
NAMED = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
"""Of a JSON schema, what holds schemas under names that are the caller's own."""
STATED = frozenset(("enum", "const", "default", "examples", "example"))
"""Of a JSON schema, what holds values."""
SCHEMAS = (
    "parameters", "parametersJsonSchema", "parameters_json_schema", "input_schema", "output_schema",
    "response", "responseJsonSchema", "response_json_schema",
)  # fmt: skip
"""Under what name a tool has the schema of what it takes, or gives."""
STRUCTURE = frozenset((
    "type", "format", "pattern", "required", "$ref", "$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor",
    "$vocabulary", "propertyOrdering", "property_ordering", "contentEncoding", "contentMediaType",
    "dependentRequired",
))  # fmt: skip
"""Of a JSON schema, what is no text."""


class Piece(msgspec.Struct):
    """One piece of text. ``json``: it is JSON itself. ``lane``: what it goes on with, in a stream; ``None``: whole.

    ``aside``: it is none of what was said, but tells of it: a name in an object, a schema, a passage repeated.
    """

    path: Path
    text: str
    place: Place
    json: bool = False
    lane: tuple[Any, ...] | None = None
    aside: bool = False


class Event(msgspec.Struct):
    """What an event of a stream brings: pieces, and the lanes that it ends (those that begin so; ``()``: all)."""

    pieces: list[Piece]
    ends: list[tuple[Any, ...]] = []


Quick = tuple[tuple[Any, ...], Path, Place, str, bool]
"""Lane, path, place, text, and whether it is JSON."""


Run = tuple[tuple[Any, ...], Path, Place, list[str]]
"""Lane, path, place, and the text of each event."""


class Walker(Protocol):
    """Finds the text of one dialect. Documents are decoded JSON; what is not as the format has it is passed over."""

    repeats: bool
    """Its streams tell a text again, whole, when it is done."""

    def request(self, document: Any) -> Iterator[Piece]:
        """Yield the text of a request."""
        ...

    def reply(self, document: Any) -> Iterator[Piece]:
        """Yield the text of a whole answer."""
        ...

    def event(self, document: Any) -> Event:
        """Return the text of one event of a stream."""
        ...

    def quick(self, documents: list[bytes]) -> list[Quick | None]:
        """Return what each event of a read brings where that is one piece and nothing ends; ``None`` for any other.

        Most events are so, and a stream has thousands: they are decoded together, as far as that takes.
        """
        ...

    def run(self, data: bytes) -> Run | None:
        """Return what a read brings if all its events are one line and one piece of the same lane, else ``None``."""
        ...

    def beside(self, path: Path) -> tuple[Path, ...]:
        """Return where else what stands at *path* is told, in a form that cannot be rewritten: it has to go."""
        ...


NO_EVENT = Event([])


class Slow:
    """The part of a walker that looks at every event by itself."""

    def quick(self, documents: list[bytes]) -> list[Quick | None]:
        """See ``Walker``."""
        return [None] * len(documents)

    def run(self, data: bytes) -> Run | None:
        """See ``Walker``."""
        return None


def rows(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects in a list, each with its place."""
    if isinstance(value, list):
        for i, one in enumerate(value):
            if isinstance(one, dict):
                yield i, one


def inner(value: Any, name: str) -> dict[str, Any]:
    """Return the object that *value* has under *name*; an empty one where it has none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def texts(value: Any, path: Path, place: Place) -> Iterator[Piece]:
    """Yield a text, or the texts in a list of parts that have one under ``text``."""
    if isinstance(value, str):
        if value:
            yield Piece(path, value, place)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            if isinstance(one, str):
                yield from texts(one, (*path, i), place)
            elif isinstance(one, dict) and isinstance(one.get("text"), str):
                yield from texts(one["text"], (*path, i, "text"), place)


def strings(
    value: Any, path: Path, place: Place, depth: int = 0, *, names: bool = False, aside: bool = False
) -> Iterator[Piece]:
    """Yield every text in a JSON value, and every long number; with *names* those in its objects too."""
    if isinstance(value, str):
        if value:
            yield Piece(path, value, place, aside=aside)
    elif isinstance(value, bool) or depth > DEEPEST:
        return
    elif isinstance(value, int):
        if abs(value) >= LONG_NUMBER:
            yield Piece(path, str(value), place, aside=aside)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from strings(one, (*path, i), place, depth + 1, names=names, aside=aside)
    elif isinstance(value, dict):
        for name, one in value.items():
            if names and name:
                yield Piece((*path, name, KEY), name, place, aside=True)
            yield from strings(one, (*path, name), place, depth + 1, names=names, aside=aside)


def loose(
    value: Any, path: Path, place: Place, but: Container[str] = (), depth: int = 0, *, aside: bool = False
) -> Iterator[Piece]:
    """Yield what may be text in a value whose form is not known in full: all that its names do not tell to be none.

    *but* are names in *value* itself whose values are seen to elsewhere.
    """
    if isinstance(value, str):
        if value and (not OPAQUE.match(value) or _name(path) in PROSE):
            yield Piece(path, value, place, aside=aside)
    elif depth > DEEPEST:
        return
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from loose(one, (*path, i), place, (), depth + 1, aside=aside)
    elif isinstance(value, dict):
        data = value.get("type") != "text" and not value.keys().isdisjoint(MEDIA)
        for name, one in value.items():
            if name in FORMAL or name in but or name.endswith(("_id", "_ids", "Id")) or (data and name == "data"):
                continue
            yield from loose(one, (*path, name), place, (), depth + 1, aside=aside)


def _name(path: Path) -> str:
    """The name that a value stands under, itself or in a list."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def schema(value: Any, path: Path, depth: int = 0) -> Iterator[Piece]:
    """Yield what a JSON schema says in words, and the values that it states. The model reads them."""
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        for i, one in enumerate(value):
            yield from schema(one, (*path, i), depth + 1)
    elif isinstance(value, dict):
        for name, one in value.items():
            here = (*path, name)
            if name in STRUCTURE:
                continue
            if name in NAMED and isinstance(one, dict):
                for inside, of in one.items():
                    yield from schema(of, (*here, inside), depth + 1)
            elif name in STATED or isinstance(one, str):
                yield from strings(one, here, "system", aside=True)
            else:
                yield from schema(one, here, depth + 1)


def tool_of(tool: dict[str, Any], path: Path) -> Iterator[Piece]:
    """What one is said to do, in whatever form; its arguments stand under one of these names."""
    for name in ("description", "server_description"):
        yield from field(tool, name, path, "system")
    for name in SCHEMAS:
        yield from schema(tool.get(name), (*path, name))
    yield from strings(tool.get("input_examples"), (*path, "input_examples"), "system")
    yield from field(inner(tool, "format"), "definition", (*path, "format"), "system")  # a grammar


def formed(form: dict[str, Any], path: Path) -> Iterator[Piece]:
    """What is said of the form that an answer is to have."""
    yield from field(form, "description", path, "system")
    yield from schema(form.get("schema"), (*path, "schema"))


def field(value: Mapping[str, Any], name: str, path: Path, place: Place, *, json: bool = False) -> Iterator[Piece]:
    """Yield the text under *name*."""
    found = value.get(name)
    if isinstance(found, str) and found:
        yield Piece((*path, name), found, place, json)


def wants_json(document: Any) -> bool:
    """Whether a request of any dialect asks for an answer that is JSON."""
    forms = (
        inner(document, "response_format").get("type"),
        inner(inner(document, "text"), "format").get("type"),
        inner(document, "output_format").get("type"),
        inner(inner(document, "output_config"), "format").get("type"),
    )
    if any(isinstance(form, str) and form.startswith("json") for form in forms):
        return True
    config = inner(document, "generationConfig") or inner(document, "generation_config")
    kind = config.get("responseMimeType", config.get("response_mime_type"))
    return kind == "application/json"


def tokens_in(document: Any) -> str | None:
    """Return the name of the field in which a request has numbers of tokens, which nobody here can read."""
    for name in ("input", "prompt"):
        value = document.get(name)
        if isinstance(value, list) and any([isinstance(one, int | list) for one in value]):
            return name
    return None
