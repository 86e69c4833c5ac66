"""Reads the content blocks of Converse messages. A block is an object of one field, named after its kind."""

import base64
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from headgate.core.chat import (
    Audio,
    Cache,
    Citation,
    Extra,
    File,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from headgate.dialects import wire
from headgate.dialects.converse_words import DOCUMENT_TYPES, IMAGE_TYPES, NAME
from headgate.dialects.fields import Fields, items, starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.opaque import unwrap

Raw = msgspec.Raw
Form = dict[str, str]
_objects = msgspec.json.Decoder(list[dict[str, Any]])


class _Point(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


_point = msgspec.json.Decoder(_Point)


def read_blocks(value: Raw, at: str) -> list[Part]:
    """Read the blocks at the path *at*; a cache marker becomes the ``cache`` of the part before it."""
    parts: list[Part] = []
    for index, raw in enumerate(items(value, at)):
        given = Fields(raw, f"{at}[{index}]")
        cache = cache_point(given)
        last = parts[-1] if parts else None
        if cache is not None and isinstance(last, Text | Image | File | ToolCall | ToolResult) and last.cache is None:
            last.cache = cache
        else:
            parts.append(_block(given))
    return parts


def cache_point(given: Fields) -> Cache | None:
    """Return for how long a block tells to cache; ``None`` for one of another kind, or with more to it."""
    value = given.rest.get("cachePoint")
    if value is None or len(given.rest) != 1:
        return None
    try:
        return wire.typed(_point, value).ttl or ""
    except msgspec.DecodeError:
        return None


def _block(given: Fields) -> Part:
    whole = dict(given.rest)
    kind = next(iter(whole), "")
    read = _KINDS.get(kind)
    form: Form = {}
    part = read(given, form) if read is not None and len(whole) == 1 else None
    if part is None:
        return Text("", Extra(NAME, whole, {"part": RAW}))
    part.extra = given.extra(NAME, form)
    return part


def _text(given: Fields, form: Form) -> Part:
    return Text(given.need("text", given.text("text")))


def _inner(given: Fields, kind: str) -> Fields:
    """Take the object that a block of *kind* is."""
    return given.need(kind, given.inner(kind))


def _bytes(given: Fields, kind: str) -> tuple[str, str] | None:
    """Take an object's ``format`` and bytes; ``None`` where its bytes are not in the request."""
    inner = _inner(given, kind)
    source = inner.need("source", inner.inner("source"))
    data = source.text("bytes")
    if data is None:
        return None
    format_ = inner.need("format", inner.text("format"))
    inner.keep("source", source)
    given.keep(kind, inner)
    return format_, data


def _image(given: Fields, form: Form) -> Part | None:
    found = _bytes(given, "image")
    if found is None:
        return None
    format_, data = found
    return Image(data=data, media_type=IMAGE_TYPES.get(format_, f"image/{format_}"))


def _audio(given: Fields, form: Form) -> Part | None:
    found = _bytes(given, "audio")
    return Audio(found[1], found[0]) if found is not None else None


def _document(given: Fields, form: Form) -> Part | None:
    inner = _inner(given, "document")
    source = inner.need("source", inner.inner("source"))
    format_, data, said = inner.text("format"), source.text("bytes"), source.text("text")
    if (data is None) == (said is None):
        return None
    if said is not None:
        form["source"] = "text"
        data = base64.b64encode(said.encode("utf-8", "surrogatepass")).decode()
    if format_ is None:
        form["format"] = "absent"
    elif format_ not in DOCUMENT_TYPES:
        form["format"] = format_
    usual = "text/plain" if said is not None else None
    file = File(data=data, media_type=DOCUMENT_TYPES.get(format_ or "", usual))
    file.name = inner.need("name", inner.text("name"))
    inner.keep("source", source)
    given.keep("document", inner)
    return file


def _tool_use(given: Fields, form: Form) -> Part | None:
    inner = _inner(given, "toolUse")
    if "type" in inner.rest:
        return None  # a tool of the server's own
    id_, name = inner.need("toolUseId", inner.text("toolUseId")), inner.need("name", inner.text("name"))
    value = inner.need("input", inner.raw("input"))
    given.keep("toolUse", inner)
    if starts(value, b'"'):  # what a model wrote that was no JSON
        form["input"] = "text"
        return ToolCall(id_, name, text(value, inner.path("input")))
    return ToolCall(id_, name, wire.one_line(value))


def _tool_result(given: Fields, form: Form) -> Part | None:
    inner = _inner(given, "toolResult")
    if "type" in inner.rest:
        return None
    result = ToolResult(inner.need("toolUseId", inner.text("toolUseId")), [])
    content = inner.need("content", inner.raw("content"))
    at = inner.path("content")
    result.parts = [_block(Fields(raw, f"{at}[{i}]")) for i, raw in enumerate(items(content, at))]
    status = inner.text("status")
    if status == "error":
        result.is_error = True
    elif status is not None:
        form["status"] = status
    given.keep("toolResult", inner)
    return result


def _json(given: Fields, form: Form) -> Part:
    form["part"] = "json"
    return Text(wire.one_line(given.need("json", given.raw("json"))))


def _reasoning(given: Fields, form: Form) -> Part | None:
    inner = _inner(given, "reasoningContent")
    redacted, said = inner.text("redactedContent"), inner.inner("reasoningText")
    if (redacted is None) == (said is None):
        return None
    given.keep("reasoningContent", inner)
    if said is None:
        return Thinking(redacted=redacted, source=NAME)
    part = Thinking(said.need("text", said.text("text")), said.text("signature"), source=NAME)
    if said.rest:
        given.rest["reasoningContent"] = {"reasoningText": said.rest}  # type: ignore[assignment]  # prints the same
    proof = unwrap(part.signature) if part.signature is not None else None
    if proof is not None:
        part.signature, part.redacted, part.source = proof.signature, proof.redacted, proof.source or None
        part.of, part.id = proof.of, proof.id
    return part


def _cited(given: Fields, form: Form) -> Part:
    inner = _inner(given, "citationsContent")
    content, cited = inner.take("content", _objects), inner.take("citations", _objects)
    said = [one.get("text") for one in content or ()]
    part = Text("".join(one for one in said if isinstance(one, str)))
    form["part"] = "citations"
    if content != [{"text": part.text}]:
        form["content"] = wire.encode(content).decode()  # in several pieces, or in none
    part.citations = None if cited is None else [citation(one) for one in cited]
    given.keep("citationsContent", inner)
    return part


def citation(said: dict[str, Any]) -> Citation:
    """Read one citation; what is said of a place in a document stays in its ``extra``."""
    location = said.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    url = web.get("url") if isinstance(web, dict) else None
    quotes = said.get("sourceContent")
    quote = [one.get("text") for one in quotes if isinstance(one, dict)] if isinstance(quotes, list) else []
    title, source = said.get("title"), said.get("source")
    return Citation(
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        quote="".join(one for one in quote if isinstance(one, str)) or None,
        source=source if isinstance(source, str) else None,
        extra=Extra(NAME, said),
    )


_KINDS: dict[str, Callable[[Fields, Form], Part | None]] = {
    "text": _text,
    "json": _json,
    "image": _image,
    "audio": _audio,
    "document": _document,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "citationsContent": _cited,
}
