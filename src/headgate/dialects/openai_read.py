"""Reads Chat Completions requests, <https://platform.openai.com/docs/api-reference/chat/create>."""

from typing import Annotated, Any, Literal

import msgspec

from headgate.core.chat import (
    Audio,
    Cache,
    Extra,
    File,
    Format,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from headgate.dialects import wire
from headgate.dialects.envelope import no_content
from headgate.dialects.fields import Fields, starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_shapes import DATA, content, image, stop, stream, stream_usage
from headgate.dialects.openai_words import NAME, OF_CALLS, SOURCES

Raw = msgspec.Raw
Meta = msgspec.Meta
_role = msgspec.json.Decoder(Literal["developer", "system", "user", "assistant", "tool", "function"])
_choices = msgspec.json.Decoder(Annotated[int, Meta(ge=1, le=128)])
_temperature = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=2)])
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_penalty = msgspec.json.Decoder(Annotated[float, Meta(ge=-2, le=2)])
_bias = msgspec.json.Decoder(dict[str, float])
_top = msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=20)])
_any_int = msgspec.json.Decoder(int)
_MARKERS = {
    name: tuple({kind: word} | ttl for ttl in ({}, {"ttl": "5m"}, {"ttl": "1h"}))
    for name, kind, word in (("prompt_cache_breakpoint", "mode", "explicit"), ("cache_control", "type", "ephemeral"))
}
_MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}  # Mistral says any


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    raw_messages = given.messages()
    request = Request(
        model=given.need("model", given.text("model")),
        messages=[_message(Fields(raw, f"messages[{i}]"), i) for i, raw in enumerate(raw_messages)],
        max_tokens=_limit(given, form),
        temperature=given.take("temperature", _temperature),
        top_p=given.take("top_p", _share),
        stop=stop(given, form),
        seed=given.take("seed", _any_int),
        n=given.take("n", _choices),
        frequency_penalty=given.take("frequency_penalty", _penalty),
        presence_penalty=given.take("presence_penalty", _penalty),
        logit_bias=given.take("logit_bias", _bias),
        logprobs=given.flag("logprobs"),
        top_logprobs=given.take("top_logprobs", _top),
        tools=_tools(given),
        tool_choice=_tool_choice(given, form),
        parallel_tool_calls=given.flag("parallel_tool_calls"),
        format=_format(given),
        effort=given.text("reasoning_effort"),
        verbosity=given.text("verbosity"),
        service_tier=given.text("service_tier"),
        cache_key=given.text("prompt_cache_key"),
        store=given.flag("store"),
        user=_user(given, form),
        metadata=given.document("metadata"),
        stream=stream(given, form),
        stream_usage=stream_usage(given, form),
    )
    request.extra = Extra(NAME, given.rest, form)
    return request


def _limit(given: Fields, form: dict[str, str]) -> int | None:
    new, old = given.count("max_completion_tokens"), given.count("max_tokens")
    if new is not None and old is not None and new != old:
        raise given.refuse("max_tokens", "it differs from 'max_completion_tokens'. Send one of them.")
    if new is not None:
        form["max_tokens"] = "both" if old is not None else "max_completion_tokens"
    elif old is not None:
        form["max_tokens"] = "max_tokens"
    return old if new is None else new


def _user(given: Fields, form: dict[str, str]) -> str | None:
    user = given.text("user")
    if user is None:
        user = given.text("safety_identifier")
        if user is not None:
            form["at.user"] = "safety_identifier"
    return user


def _tools(given: Fields) -> list[Tool] | None:
    raws = given.items("tools")
    return None if raws is None else [_tool(Fields(raw, f"tools[{i}]")) for i, raw in enumerate(raws)]


def _tool(given: Fields) -> Tool:
    whole = dict(given.rest)
    kind = given.need("type", given.text("type"))
    if kind != "function":
        return Tool(kind, extra=Extra(NAME, whole, {"tool": RAW}))
    function = given.need("function", given.inner("function"))
    tool = Tool(
        function.need("name", function.text("name")),
        function.text("description"),
        function.document("parameters"),
        function.flag("strict"),
    )
    given.keep("function", function)
    tool.cache = cache(given, {}, "cache_control") if given.rest else None
    tool.extra = given.extra(NAME)
    return tool


def _tool_choice(given: Fields, form: dict[str, str]) -> ToolChoice | None:
    value = given.raw("tool_choice")
    if value is None:
        return None
    if starts(value, b'"'):
        mode = text(value, "tool_choice")
        if mode not in _MODES:
            raise given.refuse("tool_choice", f"expected one of {', '.join(_MODES)} or an object, got {mode[:50]!r}.")
        if mode == "any":
            form["tool_choice"] = mode
        return ToolChoice(_MODES[mode])  # type: ignore[arg-type]  # it is one of the modes
    choice = Fields(value, "tool_choice")
    kind = choice.need("type", choice.text("type"))
    if kind == "allowed_tools":
        allowed = _allowed(wire.decode(value))
        if allowed is not None:
            return allowed
    if kind == "function":
        function = choice.need("function", choice.inner("function"))
        name = function.need("name", function.text("name"))
        if not choice.rest and not function.rest:
            return ToolChoice("named", name)
    given.rest["tool_choice"] = value
    return None


def _allowed(choice: Any) -> ToolChoice | None:
    """Read a choice among functions; ``None`` where other tools are among them, or more is said than we know."""
    allowed = choice["allowed_tools"] if choice.keys() == {"type", "allowed_tools"} else None
    if (
        not isinstance(allowed, dict)
        or allowed.keys() != {"mode", "tools"}
        or allowed["mode"] not in ("auto", "required")
    ):
        return None
    names = [_function_name(tool) for tool in allowed["tools"]] if isinstance(allowed["tools"], list) else [None]
    known = [name for name in names if name is not None]
    return ToolChoice(allowed["mode"], allowed=known) if len(known) == len(names) else None


def _function_name(tool: Any) -> str | None:
    function = tool.get("function") if isinstance(tool, dict) and tool.keys() == {"type", "function"} else None
    name = function.get("name") if isinstance(function, dict) and function.keys() == {"name"} else None
    return name if isinstance(name, str) and tool["type"] == "function" else None


def cache(given: Fields, form: dict[str, str], *names: str) -> Cache | None:
    """Take a cache marker in OpenAI's form, or in Anthropic's as many clients of gateways write it."""
    for name in names:
        marker = wire.decode(given.rest.get(name, wire.NULL))
        if marker in _MARKERS[name]:
            del given.rest[name]
            if name == "cache_control":
                form["cache"] = name
            return marker.get("ttl", "")  # type: ignore[no-any-return]  # it is one of the three
    return None


def _format(given: Fields) -> Format | None:
    value = given.raw("response_format")
    if value is None:
        return None
    spec = Fields(value, "response_format")
    kind = spec.need("type", spec.text("type"))
    if kind in ("text", "json_object") and not spec.rest:
        return Format(kind)  # type: ignore[arg-type]  # it is one of the two
    if kind == "json_schema":
        schema = spec.need("json_schema", spec.inner("json_schema"))
        found = Format(
            kind,  # type: ignore[arg-type]
            schema.need("name", schema.text("name")),
            schema.document("schema"),
            schema.flag("strict"),
            schema.text("description"),
        )
        if not schema.rest and not spec.rest:
            return found
    given.rest["response_format"] = value
    return None


def _message(given: Fields, index: int) -> Message:
    role = given.need("role", given.take("role", _role))
    form: dict[str, str] = {}
    said = given.raw("content")
    if said is None and role != "assistant" and role != "function":
        raise no_content(index)
    if said is None and "content" not in given.rest:
        form["content"] = "absent"
    given.rest.pop("content", None)
    parts = content(said, given.path("content"), form, _part)
    if role == "assistant":
        parts = [*_thinking(given, form), *parts, *_refusal(given, form), *_calls(given)]
    elif role == "tool":
        parts = [ToolResult(given.need("tool_call_id", given.text("tool_call_id")), parts)]
    elif role == "function":  # the form before there were tools
        form["role"] = "function"
        parts = [ToolResult("", parts)]
    neutral: Role = "tool" if role == "function" else role
    return Message(neutral, parts, given.text("name"), given.extra(NAME, form))


def _part(given: Fields) -> Part:
    whole = dict(given.rest)
    kind = given.need("type", given.text("type"))
    part: Part
    if kind == "text":
        part = Text(given.need("text", given.text("text")))
    elif kind == "refusal":
        part = Refusal(given.need("refusal", given.text("refusal")))
    elif kind == "image_url":
        part = image(given)
    elif kind == "input_audio":
        sound = given.need("input_audio", given.inner("input_audio"))
        part = Audio(sound.need("data", sound.text("data")), sound.need("format", sound.text("format")))
        given.keep("input_audio", sound)
    elif kind == "file":
        part = _file(given)
    else:
        return Text("", Extra(NAME, whole, {"part": RAW}))
    if given.rest:
        form: dict[str, str] = {}
        if isinstance(part, Text | Image | File):
            part.cache = cache(given, form, *_MARKERS)
        part.extra = given.extra(NAME, form)
    return part


def _file(given: Fields) -> File:
    file = given.need("file", given.inner("file"))
    name, file_id, data = file.text("filename"), file.text("file_id"), file.text("file_data")
    if file_id is None and data is None:
        raise file.refuse("file_data", "either it or 'file_id' is needed.", "missing_required_parameter")
    given.keep("file", file)
    found = DATA.fullmatch(data) if data is not None else None
    if found is not None:
        return File(file_id=file_id, data=found[2], media_type=found[1], name=name)
    return File(file_id=file_id, data=data, name=name)


def _thinking(given: Fields, form: dict[str, str]) -> list[Part]:
    """Reasoning that an earlier answer showed, sent back: with its proofs, or as mere text."""
    details = given.items("reasoning_details")
    if details is not None:
        form["reasoning"] = "details"  # a text beside them says the same again
        return [thought(Fields(raw, f"{given.path('reasoning_details')}[{i}]")) for i, raw in enumerate(details)]
    for name in ("reasoning_content", "reasoning"):
        said = given.text(name)
        if said is not None:
            form["reasoning"] = name
            return [Thinking(said)]
    return []


def thought(given: Fields) -> Thinking:
    """Read one item of ``reasoning_details``; its ``format`` tells whose opaque parts it holds."""
    format_ = given.text("format")
    part = Thinking(source=SOURCES.get(format_ or "", format_))
    said = given.text("text")
    form = {}
    if said is None:
        said = given.text("summary")
        form = {"text": "summary"} if said is not None else {}
    part.text = said or ""
    part.signature = given.text("signature")
    part.redacted, part.id = given.text("data"), given.text("id")
    if part.redacted is not None and part.id is not None and part.source in OF_CALLS:
        part.signature, part.of, part.redacted, part.id = part.redacted, part.id, None, None
    part.extra = given.extra(NAME, form)
    return part


def _refusal(given: Fields, form: dict[str, str]) -> list[Part]:
    said = given.text("refusal")
    if said is None:
        return []
    form["refusal"] = "message"
    return [Refusal(said)]


def _calls(given: Fields) -> list[Part]:
    at = given.path("tool_calls")
    return [_call(Fields(raw, f"{at}[{i}]")) for i, raw in enumerate(given.items("tool_calls") or ())]


def _call(given: Fields) -> ToolCall:
    whole = dict(given.rest)
    id_ = given.need("id", given.text("id"))
    kind = given.text("type")
    function = given.inner("function") if kind in (None, "function") else None
    if function is None:
        return ToolCall(id_, kind or "", "", Extra(NAME, whole, {"part": RAW}))
    call = ToolCall(id_, function.need("name", function.text("name")), function.text("arguments") or "")
    given.keep("function", function)
    form = {} if kind else {"type": "absent"}
    call.extra = given.extra(NAME, form)
    return call
