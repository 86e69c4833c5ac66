"""Reads chat requests of Ollama's own API, <https://docs.ollama.com/api/chat>."""

from typing import Annotated, Any, Literal

import msgspec

from headgate.core.chat import (
    Extra,
    Format,
    Image,
    Message,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from headgate.dialects import wire
from headgate.dialects.fields import Fields, starts, text
from headgate.dialects.json_guard import top_level
from headgate.dialects.ollama_words import LEVELS, NAME
from headgate.dialects.openai_shapes import tool
from headgate.dialects.schemas import promised

Meta = msgspec.Meta
_role = msgspec.json.Decoder(Literal["user", "assistant", "system", "tool"])
_number = msgspec.json.Decoder(float)
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_any_int = msgspec.json.Decoder(int)
_think = msgspec.json.Decoder(bool | str)
_top = msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=20)])
_SIGNS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lGO": "image/gif", "UklGR": "image/webp"}
"""How base64 of the usual kinds of image begins."""


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    request = Request(
        model=given.need("model", given.text("model")),
        messages=_messages(given),
        tools=_tools(given),
        format=_format(given, form),
        logprobs=given.flag("logprobs"),
        top_logprobs=given.take("top_logprobs", _top),
        stream=_stream(given, form),
        stream_usage=True,
    )
    _options(given, request, form)
    think = given.take("think", _think)
    if isinstance(think, str):
        if think not in LEVELS:
            raise given.refuse("think", f"expected a boolean or one of {', '.join(LEVELS)}, got {think[:50]!r}.")
        request.effort = think
    elif think is not None:
        request.thinking = "on" if think else "off"
    request.extra = Extra(NAME, given.rest, form)
    return request


def _stream(given: Fields, form: dict[str, str]) -> bool:
    value = given.flag("stream")
    if value is None:
        form["stream"] = "absent"
    return value is not False


def _options(given: Fields, request: Request, form: dict[str, str]) -> None:
    options = given.inner("options")
    if options is None:
        return
    limit = options.rest.get("num_predict")
    if limit is not None and not starts(limit, b"-") and bytes(limit) != b"0":  # less than 1 is no limit
        request.max_tokens = options.count("num_predict")
    request.temperature = options.take("temperature", _number)
    request.top_p = options.take("top_p", _share)
    request.top_k = options.take("top_k", _any_int)
    request.seed = options.take("seed", _any_int)
    request.frequency_penalty = options.take("frequency_penalty", _number)
    request.presence_penalty = options.take("presence_penalty", _number)
    request.stop = options.names("stop")
    form["options"] = "given"
    given.keep("options", options)


def _format(given: Fields, form: dict[str, str]) -> Format | None:
    value = given.raw("format")
    if value is None:
        return None
    if starts(value, b'"'):
        word = text(value, "format")
        if word not in ("", "json"):
            raise given.refuse("format", f"expected json or a schema, got {word[:50]!r}.")
        if word:
            return Format("json_object")
        form["format"] = "empty"
        return None
    given.rest["format"] = value
    schema = given.document("format")
    return Format("json_schema", schema=schema, strict=promised(schema))


def _tools(given: Fields) -> list[Tool] | None:
    raws = given.items("tools")
    return None if raws is None else [tool(Fields(raw, f"tools[{i}]"), NAME) for i, raw in enumerate(raws)]


def _messages(given: Fields) -> list[Message]:
    """Read the conversation; calls without an id get one, and results that name none are those of the calls before."""
    waiting: list[ToolCall] = []
    messages = []
    for index, raw in enumerate(given.messages()):
        message = Fields(raw, f"messages[{index}]")
        messages.append(_message(message, index, waiting))
    return messages


def _message(given: Fields, index: int, waiting: list[ToolCall]) -> Message:
    role = given.need("role", given.take("role", _role))
    form: dict[str, str] = {}
    content = given.text("content")
    if content is None and "content" not in given.rest:
        form["content"] = "absent"
    elif not content:
        form["content"] = "empty" if content is not None else "null"
        given.rest.pop("content", None)
    parts: list[Part] = [Text(content)] if content else []
    if role == "tool":
        parts = [_result(given, parts, waiting, form)]
    thought = given.text("thinking")
    if thought is not None:
        parts.insert(0, Thinking(thought))
    parts += [_image(data) for data in given.names("images") or ()]
    at = given.path("tool_calls")
    for number, raw in enumerate(given.items("tool_calls") or ()):
        call = _call(Fields(raw, f"{at}[{number}]"), f"call_{index}_{number}")
        waiting.append(call)
        parts.append(call)
    return Message(role, parts, extra=given.extra(NAME, form))


def _result(given: Fields, parts: list[Part], waiting: list[ToolCall], form: dict[str, str]) -> ToolResult:
    id_ = given.text("tool_call_id")
    if id_ is None:
        form["tool_call_id"] = "absent"
        raw = given.rest.get("tool_name")
        name = text(raw, given.path("tool_name")) if raw is not None and raw != wire.NULL else None
        asked = next((call for call in waiting if name in (None, call.name)), None)
        id_ = asked.id if asked is not None else ""
    waiting[:] = [call for call in waiting if call.id != id_]
    return ToolResult(id_, parts)


def _image(data: str) -> Image:
    kind = next((media for sign, media in _SIGNS.items() if data.startswith(sign)), "image/png")
    return Image(data=data, media_type=kind)


def _call(given: Fields, minted: str) -> ToolCall:
    function = given.need("function", given.inner("function"))
    name, value = function.need("name", function.text("name")), function.raw("arguments")
    form: dict[str, str] = {}
    id_ = given.text("id")
    if id_ is None:
        form["id"] = "absent"
    if value is None:
        form["arguments"] = "absent"
    call = ToolCall(id_ or minted, name, wire.one_line(value) if value is not None else "{}")
    kind: Any = given.rest.get("type")
    if kind is not None and bytes(kind) == b'"function"':
        del given.rest["type"]
        form["type"] = "given"
    given.keep("function", function)
    call.extra = given.extra(NAME, form)
    return call
