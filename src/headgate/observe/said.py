"""From the bytes of a call to what was said: documents of its dialect, assembled where they were streamed."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from headgate.core.chat import Reply, ToolCall
from headgate.core.fold import fold
from headgate.dialects import DIALECTS
from headgate.dialects.base import Dialect
from headgate.dialects.walkers import WALKERS

JSON = "application/json"
MOST_TEXT = 262_144
"""Characters of the text of one side."""
MOST_CALLS = 256


class Said(msgspec.Struct):
    """One side of a call. Exactly one of ``document`` and ``raw`` is set where anything was said."""

    size: int
    """So many bytes there were, kept or not."""
    cut: bool = False
    document: Any = None
    """Decoded JSON."""
    raw: bytes | None = None
    """What is no JSON, or was cut."""


def request_of(data: bytes, size: int, limit: int, media: str = JSON) -> Said:
    """Return what a caller said by a request of *size* bytes, of which no more than *limit* are left."""
    said = Said(size, size > limit)
    _read(said, data, media)
    return said


def answer_of(dialect: str, data: bytes, size: int, limit: int, *, streamed: bool) -> Said:
    """Return what was answered, by a stream or whole, in *size* bytes, of which no more than *limit* are left."""
    said = Said(size, size > limit)
    if streamed:
        _assemble(said, DIALECTS.get(dialect), data)
    else:
        _read(said, data, JSON)
    return said


def asked_text(dialect: str, document: Any) -> str:
    """Return the text of a request's document."""
    walker = WALKERS.get(dialect)
    if walker is None or not isinstance(document, dict):
        return ""
    return _joined(piece.text for piece in walker.request(document) if not piece.aside)


def answered_text(dialect: str, document: Any) -> str:
    """Return the text of an answer's document, or of the error that it is."""
    walker = WALKERS.get(dialect)
    if not isinstance(document, dict):
        return ""
    text = ""
    if walker is not None:
        pieces = walker.reply(document)
        text = _joined(piece.text for piece in pieces if piece.place != "tool_argument" and not piece.aside)
    if not text and isinstance(error := document.get("error"), dict):
        text = str(error.get("message") or "")[:MOST_TEXT]
    return text


def tool_calls(dialect: str, document: Any) -> list[dict[str, str]]:
    """Return what the model wants to have called, by an answer's document."""
    spoken = DIALECTS.get(dialect)
    try:
        reply = spoken.read_reply(json.dumps(document).encode()) if spoken is not None and document else None
    except Exception:  # an error, a list of vectors: there are no calls in it
        return []
    if not isinstance(reply, Reply):
        return []
    calls = [part for choice in reply.choices for part in choice.parts if isinstance(part, ToolCall)]
    return [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in calls[:MOST_CALLS]]


def plain(data: bytes | None) -> tuple[str | None, bool]:
    """Return bytes as a text, and whether they are none but were put into base64."""
    if data is None:
        return None, False
    try:
        return data.decode(), False
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3:  # a cut through a character
            return data[: error.start].decode(), False
        return b64encode(data).decode(), True


def replaced(value: Any, by: Mapping[str, str]) -> Any:
    """Return JSON *value* with each text that is a key of *by* replaced, wherever it stands in a string."""
    if isinstance(value, str):
        for original, other in by.items():
            for form in {original, json.dumps(original)[1:-1], json.dumps(original, ensure_ascii=False)[1:-1]}:
                value = value.replace(form, other)
        return value
    if isinstance(value, list):
        return [replaced(one, by) for one in value]
    if isinstance(value, dict):
        return {replaced(name, by): replaced(one, by) for name, one in value.items()}
    return value


def _read(said: Said, data: bytes, media: str) -> None:
    if not data:
        return
    try:
        said.document = json.loads(data) if media in (JSON, "") else None
    except (ValueError, RecursionError):
        said.document = None
    if said.document is None:
        said.raw = data


def _assemble(said: Said, dialect: Dialect | None, data: bytes) -> None:
    """Put the events of a stream together to the answer that it would have been whole."""
    try:
        if dialect is None:
            raise ValueError("nobody knows how to read this")
        reader = dialect.reader()
        chunks = reader.feed(data)
        if not reader.ended:
            chunks += reader.close()
        reply = fold(chunks)
        if not reply.choices:
            raise ValueError("nothing was said that can be read: sound, or an error")
        reply.usage = reply.usage or reader.usage
        said.document = json.loads(dialect.write_reply(_printable(reply)))
    except Exception:  # whatever a stream was like, it is kept
        said.raw = data or None


def _printable(reply: Reply) -> Reply:
    for choice in reply.choices:
        choice.finish = choice.finish or "stop"  # of a stream that was cut nobody knows
    return reply


def _joined(texts: Iterator[str]) -> str:
    found, room = [], MOST_TEXT
    for text in texts:
        if room <= 0:
            break
        found.append(text[:room])
        room -= len(text) + 1
    return "\n".join(found)
