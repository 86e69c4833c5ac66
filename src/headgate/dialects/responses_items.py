"""Reads the input of a request for a response: items, of which a turn of the model may have several.

Neighbouring items of the model (reasoning, a message, calls) become one message, since in every other dialect they are
one. How they were cut stands in ``extra.form``, so that they can be written again as they came.
"""

import re
from typing import Any, Literal

import msgspec

from headgate.core.chat import (
    Audio,
    Citation,
    Extra,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from headgate.dialects import wire
from headgate.dialects.fields import Fields, items, starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.opaque import unwrap
from headgate.dialects.responses_words import NAME

Raw = msgspec.Raw
_role = msgspec.json.Decoder(Literal["user", "assistant", "system", "developer"])
_said = msgspec.json.Decoder(list[dict[str, Any]])
_DATA = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)
JOIN = "\n\n"
"""Between the paragraphs of a summary."""


class Turns:
    """Collects messages, item by item."""

    __slots__ = ("_cuts", "_parts", "_paths", "messages")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._parts: list[Part] = []
        self._paths: list[str] = []
        self._cuts: list[list[Any] | None] = []
        """Of each item of the model's turn: for a message how many parts it has, its content's form and its shell."""

    def add(self, given: Fields) -> None:
        """Take one item."""
        whole = dict(given.rest)
        kind = given.text("type")
        if kind is None or kind == "message":
            self._message(given, kind)
        elif kind == "function_call_output":
            self._other("tool", [_result(given)], Extra(NAME, {}, {"at": given.at}))
        elif kind == "function_call":
            self._mine(_call(given), given.at)
        elif kind == "reasoning":
            self._mine(_thinking(given), given.at)
        elif kind == "custom_tool_call":
            id_, name = given.need("call_id", given.text("call_id")), given.need("name", given.text("name"))
            call = ToolCall(id_, name, "")
            call.extra = Extra(NAME, whole, {"part": RAW})
            self._mine(call, given.at)
        else:
            self._mine(Text("", Extra(NAME, whole, {"part": RAW})), given.at)

    def close(self) -> None:
        """End the model's turn."""
        if not self._cuts:
            return
        first = self._paths[0].partition(".")[0] if self._paths else "input"
        form = {"at": first, "parts": " ".join(self._paths), "items": wire.encode(self._cuts).decode()}
        self.messages.append(Message("assistant", self._parts, extra=Extra(NAME, {}, form)))
        self._parts, self._paths, self._cuts = [], [], []

    def _mine(self, part: Part, path: str) -> None:
        self._parts.append(part)
        self._paths.append(path)
        self._cuts.append(None)

    def _other(self, role: Role, parts: list[Part], extra: Extra) -> None:
        self.close()
        self.messages.append(Message(role, parts, extra=extra))

    def _message(self, given: Fields, kind: str | None) -> None:
        role = given.need("role", given.take("role", _role))
        form: dict[str, str] = {}
        told = given.need("content", given.raw("content"))
        parts = content(told, given.path("content"), form, "output_text" if role == "assistant" else "input_text")
        shell = ({"type": kind} if kind is not None else {}) | _named(given)
        if role != "assistant":
            form |= {"at": given.at} | ({"item": wire.encode(shell).decode()} if shell else {})
            self._other(role, parts, Extra(NAME, given.rest, form))
            return
        if given.rest and not parts:
            parts = [Text("")]
        if given.rest:  # the phase of the answer, which its first part can tell as well
            extra = parts[0].extra or Extra(NAME, {})
            extra.fields = {**extra.fields, **given.rest}
            extra.form = {**extra.form, "item": wire.encode(list(given.rest)).decode()}
            parts[0].extra = extra
        listed = form.get("content") == "list"
        self._parts += parts
        self._paths += [f"{given.at}.content[{i}]" if listed else f"{given.at}.content" for i in range(len(parts))]
        self._cuts.append([len(parts), form.get("content", "str"), shell])


def content(value: Raw, at: str, form: dict[str, str], texts: str = "input_text") -> list[Part]:
    """Read the content of a message, or what a tool answered; tell in *form* how it was spelt.

    *texts* is what a text is called there.
    """
    if starts(value, b'"'):
        said = text(value, at)
        form["content"] = "str" if said else "empty"
        return [Text(said)] if said else []
    form["content"] = "list"
    return [_part(Fields(raw, f"{at}[{i}]"), texts) for i, raw in enumerate(items(value, at))]


def _part(given: Fields, texts: str) -> Part:
    whole = dict(given.rest)
    kind = given.need("type", given.text("type"))
    part: Part
    form: dict[str, str] = {}
    if kind in ("input_text", "output_text"):
        part = Text(given.need("text", given.text("text")))
        part.citations = _citations(given)
        if kind != texts:
            form["type"] = kind
    elif kind == "refusal":
        part = Refusal(given.need("refusal", given.text("refusal")))
    elif kind == "input_image":
        part = _image(given)
    elif kind == "input_file":
        part = _file(given)
    elif kind == "input_audio":
        sound = given.need("input_audio", given.inner("input_audio"))
        part = Audio(sound.need("data", sound.text("data")), sound.need("format", sound.text("format")))
        given.keep("input_audio", sound)
    else:
        return Text("", Extra(NAME, whole, {"part": RAW}))
    part.extra = given.extra(NAME, form)
    return part


def _image(given: Fields) -> Image:
    url, detail = given.text("image_url"), given.text("detail")
    if url is None and "file_id" not in given.rest:
        raise given.refuse("image_url", "either it or 'file_id' is needed.", "missing_required_parameter")
    found = _DATA.fullmatch(url) if url is not None else None
    if found is None:
        return Image(url=url, detail=detail)
    return Image(data=found[2], media_type=found[1], detail=detail)


def _file(given: Fields) -> File:
    name, id_ = given.text("filename"), given.text("file_id")
    url, data = given.text("file_url"), given.text("file_data")
    if id_ is None and url is None and data is None:
        raise given.refuse("file_data", "it, 'file_url' or 'file_id' is needed.", "missing_required_parameter")
    found = _DATA.fullmatch(data) if data is not None else None
    if found is not None:
        return File(url, id_, found[2], found[1], name)
    return File(url, id_, data, None, name)


def _citations(given: Fields) -> list[Citation] | None:
    """Take the annotations of a text that an earlier answer had; none at all stay where they are."""
    value = given.rest.get("annotations")
    said = given.take("annotations", _said)
    if value is not None and not said:
        given.rest["annotations"] = value
    return [citation(one) for one in said] if said else None


def citation(one: dict[str, Any]) -> Citation:
    """Read one annotation."""
    rest = dict(one)

    def take(name: str, kind: type) -> Any:
        return rest.pop(name) if type(rest.get(name)) is kind else None

    return Citation(
        url=take("url", str),
        title=take("title", str),
        start=take("start_index", int),
        end=take("end_index", int),
        source=take("file_id", str),
        extra=Extra(NAME, rest),
    )


def annotation(one: Citation) -> dict[str, Any] | None:
    """Write one annotation; ``None`` for a citation of what has no address."""
    if one.extra is not None and one.extra.dialect == NAME:
        given = {"url": one.url, "title": one.title, "start_index": one.start, "end_index": one.end}
        given["file_id"] = one.source
        return {name: value for name, value in given.items() if value is not None} | one.extra.fields
    if one.url is None:
        return None
    start, end = one.start or 0, one.end or 0
    return {"type": "url_citation", "start_index": start, "end_index": end, "url": one.url, "title": one.title or ""}


def _call(given: Fields) -> ToolCall:
    call = ToolCall(
        given.need("call_id", given.text("call_id")),
        given.need("name", given.text("name")),
        given.need("arguments", given.text("arguments")),
    )
    call.extra = given.extra(NAME, _named(given))
    return call


def _result(given: Fields) -> ToolResult:
    call_id, form = given.need("call_id", given.text("call_id")), _named(given)
    parts = content(given.need("output", given.raw("output")), given.path("output"), form)
    return ToolResult(call_id, parts, extra=given.extra(NAME, form))


def _named(given: Fields) -> dict[str, str]:
    """Take what names an item here, and means nothing elsewhere."""
    named = {"id": given.text("id"), "status": given.text("status")}
    return {name: value for name, value in named.items() if value is not None}


def _thinking(given: Fields) -> Thinking:
    """Read a reasoning item; its proof may be another dialect's, wrapped."""
    form = _named(given)
    part = Thinking(source=NAME, id=form.pop("id", None))
    for name in ("summary", "content"):
        value = given.rest.get(name)
        said = given.take(name, _said)
        if said is not None and value is not None:
            form[name] = wire.one_line(value)
            part.text = part.text or JOIN.join(one["text"] for one in said if isinstance(one.get("text"), str))
    part.signature = given.text("encrypted_content")
    foreign = unwrap(part.signature) if part.signature is not None else None
    if foreign is not None:
        part.signature, part.redacted, part.source = foreign.signature, foreign.redacted, foreign.source or None
        part.of, part.id = foreign.of, foreign.id
    part.extra = given.extra(NAME, form)
    return part
