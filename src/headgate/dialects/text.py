"""Where text stands in a document of a dialect: each piece with its path, so that it alone can be written again."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

import msgspec

Path = tuple[str | int, ...]
Place = Literal["system", "user", "assistant", "tool_result", "tool_argument", "document", "output", "thinking"]
LONG_NUMBER = 10**6
"""A number of seven digits or more may be somebody's; it is looked at as text."""
DEEPEST = 64


class Piece(msgspec.Struct):
    """One piece of text. ``json``: it is JSON itself. ``lane``: what it goes on with, in a stream; ``None``: whole."""

    path: Path
    text: str
    place: Place
    json: bool = False
    lane: tuple[Any, ...] | None = None


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


def strings(value: Any, path: Path, place: Place, depth: int = 0) -> Iterator[Piece]:
    """Yield every text in a JSON value, and every long number."""
    if isinstance(value, str):
        if value:
            yield Piece(path, value, place)
    elif isinstance(value, bool) or depth > DEEPEST:
        return
    elif isinstance(value, int):
        if abs(value) >= LONG_NUMBER:
            yield Piece(path, str(value), place)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from strings(one, (*path, i), place, depth + 1)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from strings(one, (*path, name), place, depth + 1)


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
