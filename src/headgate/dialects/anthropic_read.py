"""Reads Messages requests, <https://docs.anthropic.com/en/api/messages>, of both API versions; also those to count."""

import base64
from typing import Annotated, Literal

import msgspec

from headgate.core.chat import (
    Cache,
    Citation,
    Extra,
    File,
    Format,
    Image,
    Message,
    Part,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from headgate.dialects import wire
from headgate.dialects.anthropic_pieces import citation, thought
from headgate.dialects.anthropic_words import NAME, THINKING, TIERS
from headgate.dialects.call_input import WRAPPED, unwrapped
from headgate.dialects.envelope import no_content
from headgate.dialects.fields import Fields, items, starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.json_guard import top_level
from headgate.dialects.schemas import promised

Raw = msgspec.Raw
Meta = msgspec.Meta
_role = msgspec.json.Decoder(Literal["user", "assistant", "system"])
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_top = msgspec.json.Decoder(Annotated[int, Meta(ge=0)])
_MARKERS = ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "5m"}, {"type": "ephemeral", "ttl": "1h"})
_MODES = {"auto": "auto", "none": "none", "any": "required", "tool": "named"}


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    raw_messages = given.messages()
    choice, parallel = _tool_choice(given)
    config = given.inner("output_config")
    request = Request(
        model=given.need("model", given.text("model")),
        messages=_system(given, form)
        + [_message(Fields(raw, f"messages[{i}]"), i) for i, raw in enumerate(raw_messages)],
        max_tokens=given.count("max_tokens"),
        temperature=given.take("temperature", _share),
        top_p=given.take("top_p", _share),
        top_k=given.take("top_k", _top),
        stop=given.names("stop_sequences"),
        tools=_tools(given),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        format=_format(config, "format") or _format(given, "output_format", form),
        effort=config.text("effort") if config is not None else None,
        service_tier=_tier(given),
        user=_user(given, form),
        stream=_stream(given, form),
        stream_usage=True,
    )
    if config is not None:
        given.keep("output_config", config)
        if not config.rest and request.format is None and request.effort is None:
            form["output_config"] = "empty"
    _think(given, request, form)
    request.extra = Extra(NAME, given.rest, form)
    return request


def _think(given: Fields, request: Request, form: dict[str, str]) -> None:
    value = given.raw("thinking")
    if value is None:
        return
    config = Fields(value, "thinking")
    kind = config.need("type", config.text("type"))
    if kind not in THINKING:
        given.rest["thinking"] = value
        return
    form["thinking"] = kind
    request.thinking = THINKING[kind]
    request.thinking_budget = config.count("budget_tokens")
    display = wire.decode(config.rest.get("display", wire.NULL))
    if display in ("summarized", "omitted"):
        del config.rest["display"]
        request.thoughts = display == "summarized"
    given.keep("thinking", config)


def _tier(given: Fields) -> str | None:
    tier = given.text("service_tier")
    return "default" if tier == TIERS["default"] else tier


def _system(given: Fields, form: dict[str, str]) -> list[Message]:
    value = given.raw("system")
    if value is None:
        return []
    form["system"] = "str" if starts(value, b'"') else "list"
    spelt: dict[str, str] = {}
    parts = _content(value, "system", spelt)
    return [Message("system", parts, extra=Extra(NAME, {}, spelt) if spelt else None)]


def _stream(given: Fields, form: dict[str, str]) -> bool:
    value = given.flag("stream")
    if value is not None:
        form["stream"] = "given"
    return value is True


def _user(given: Fields, form: dict[str, str]) -> str | None:
    metadata = given.inner("metadata")
    if metadata is None:
        return None
    user = metadata.text("user_id")
    given.keep("metadata", metadata)
    if user is None and not metadata.rest:
        form["metadata"] = "empty"
    return user


def _tools(given: Fields) -> list[Tool] | None:
    raws = given.items("tools")
    return None if raws is None else [_tool(Fields(raw, f"tools[{i}]")) for i, raw in enumerate(raws)]


def _tool(given: Fields) -> Tool:
    whole = dict(given.rest)
    kind = given.text("type")
    if kind not in (None, "custom"):  # a tool of the server's own
        return Tool(given.text("name") or kind or "", extra=Extra(NAME, whole, {"tool": RAW}))
    tool = Tool(
        given.need("name", given.text("name")),
        given.text("description"),
        given.need("input_schema", given.document("input_schema")),
        given.flag("strict"),
    )
    tool.cache = _cache(given)
    tool.extra = given.extra(NAME, {"type": kind} if kind else None)
    return tool


def _tool_choice(given: Fields) -> tuple[ToolChoice | None, bool | None]:
    choice = given.inner("tool_choice")
    if choice is None:
        return None, None
    kind = choice.need("type", choice.text("type"))
    if kind not in _MODES:
        raise choice.refuse("type", f"expected one of {', '.join(_MODES)}, got {kind[:50]!r}.")
    name = choice.need("name", choice.text("name")) if kind == "tool" else None
    serial = choice.flag("disable_parallel_tool_use")
    given.keep("tool_choice", choice)
    return ToolChoice(_MODES[kind], name), None if serial is None else not serial  # type: ignore[arg-type]


def _format(given: Fields | None, name: str, form: dict[str, str] | None = None) -> Format | None:
    value = given.raw(name) if given is not None else None
    if given is None or value is None:
        return None
    spec = Fields(value, given.path(name))
    if spec.need("type", spec.text("type")) == "json_schema":
        schema = spec.need("schema", spec.document("schema"))
        if not spec.rest:
            if form is not None:
                form["format"] = name
            return Format("json_schema", schema=schema, strict=promised(schema))
    given.rest[name] = value
    return None


def _message(given: Fields, index: int) -> Message:
    role = given.need("role", given.take("role", _role))
    content = given.raw("content")
    if content is None:
        raise no_content(index)
    form: dict[str, str] = {}
    parts = _content(content, given.path("content"), form)
    return Message(role, parts, extra=given.extra(NAME, form))


def _content(value: Raw, at: str, form: dict[str, str]) -> list[Part]:
    if starts(value, b'"'):
        return [Text(text(value, at))]
    form["content"] = "list"
    return [_block(Fields(raw, f"{at}[{i}]")) for i, raw in enumerate(items(value, at))]


def _block(given: Fields) -> Part:
    whole = dict(given.rest)
    kind = given.need("type", given.text("type"))
    part: Part
    form: dict[str, str] = {}
    if kind == "text":
        part = Text(given.need("text", given.text("text")))
        part.citations = _citations(given)
    elif kind == "image":
        part = _image(given)
    elif kind == "document":
        part = _document(given, form)
    elif kind == "thinking":
        said = given.need("thinking", given.text("thinking"))
        part = thought(said, given.text("signature"), None)
    elif kind == "redacted_thinking":
        part = thought("", None, given.need("data", given.text("data")))
    elif kind == "tool_use":
        part = _tool_use(given, form)
    elif kind == "tool_result":
        part = _tool_result(given, form)
    else:
        return Text("", Extra(NAME, whole, {"part": RAW}))
    if given.rest and isinstance(part, Text | Image | File | ToolCall | ToolResult):
        part.cache = _cache(given)
    part.extra = given.extra(NAME, form)
    return part


def _cache(given: Fields) -> Cache | None:
    marker = wire.decode(given.rest.get("cache_control", wire.NULL))
    if marker not in _MARKERS:
        return None
    del given.rest["cache_control"]
    return marker.get("ttl", "")  # type: ignore[no-any-return]  # it is one of the three


def _citations(given: Fields) -> list[Citation] | None:
    value = given.rest.get("citations")
    if value is None or not starts(value, b"[") or not (found := wire.decode(value)):
        return None
    if not all(isinstance(one, dict) for one in found):
        raise given.refuse("citations", "expected objects.", "invalid_type")
    del given.rest["citations"]
    return [citation(one) for one in found]


def _image(given: Fields) -> Image:
    value = given.need("source", given.raw("source"))
    source = Fields(value, given.path("source"))
    kind = source.need("type", source.text("type"))
    if kind == "base64":
        image = Image(
            data=source.need("data", source.text("data")),
            media_type=source.need("media_type", source.text("media_type")),
        )
    elif kind == "url":
        image = Image(url=source.need("url", source.text("url")))
    else:  # a file in the account of the provider
        given.rest["source"] = value
        return Image()
    given.keep("source", source)
    return image


def _document(given: Fields, form: dict[str, str]) -> File:
    value = given.need("source", given.raw("source"))
    source = Fields(value, given.path("source"))
    kind = source.need("type", source.text("type"))
    file = File(name=given.text("title"))
    if kind == "base64":
        file.data = source.need("data", source.text("data"))
        file.media_type = source.need("media_type", source.text("media_type"))
    elif kind == "text":
        said = source.need("data", source.text("data"))
        file.data = base64.b64encode(said.encode("utf-8", "surrogatepass")).decode()
        file.media_type = source.need("media_type", source.text("media_type"))
        form["source"] = "text"
    elif kind == "url":
        file.url = source.need("url", source.text("url"))
    elif kind == "file":
        file.file_id = source.need("file_id", source.text("file_id"))
    else:
        given.rest["source"] = value
        return file
    given.keep("source", source)
    return file


def _tool_use(given: Fields, form: dict[str, str]) -> ToolCall:
    id_, name = given.need("id", given.text("id")), given.need("name", given.text("name"))
    value = given.need("input", given.raw("input"))
    if starts(value, b'"'):  # what a model wrote that was no JSON
        form["input"] = "text"
        return ToolCall(id_, name, text(value, given.path("input")))
    if (said := unwrapped(value)) is not None:
        form["input"] = WRAPPED
        return ToolCall(id_, name, said)
    return ToolCall(id_, name, wire.one_line(value))


def _tool_result(given: Fields, form: dict[str, str]) -> ToolResult:
    call_id = given.need("tool_use_id", given.text("tool_use_id"))
    content = given.raw("content")
    if content is None:
        form["content"] = "absent"
    parts = _content(content, given.path("content"), form) if content is not None else []
    failed = given.flag("is_error")
    if failed is False:
        form["is_error"] = "given"
    return ToolResult(call_id, parts, failed is True)
