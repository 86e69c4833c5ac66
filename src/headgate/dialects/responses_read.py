"""Reads requests for responses, <https://platform.openai.com/docs/api-reference/responses/create>."""

from typing import Annotated

import msgspec

from headgate.core.chat import Extra, Format, Message, Request, Text, Tool, ToolChoice
from headgate.dialects import wire
from headgate.dialects.envelope import MAX_MESSAGES
from headgate.dialects.fields import Fields, items, starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.json_guard import top_level
from headgate.dialects.responses_items import Turns
from headgate.dialects.responses_words import ENCRYPTED, LOGPROBS, NAME

Raw = msgspec.Raw
Meta = msgspec.Meta
_temperature = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=2)])
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_top = msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=20)])
_MODES = ("auto", "none", "required")
_SERVED = (ENCRYPTED, LOGPROBS)
"""What may be included in an answer of any provider: proofs of reasoning always are."""


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    messages = [*_instructions(given, form), *_input(given, form)]
    included = _include(given, form)
    top = given.take("top_logprobs", _top)
    request = Request(
        model=given.need("model", given.text("model")),
        messages=messages,
        max_tokens=given.count("max_output_tokens"),
        temperature=given.take("temperature", _temperature),
        top_p=given.take("top_p", _share),
        logprobs=True if top or LOGPROBS in included else None,
        top_logprobs=top,
        tools=_tools(given),
        tool_choice=_tool_choice(given),
        parallel_tool_calls=given.flag("parallel_tool_calls"),
        service_tier=given.text("service_tier"),
        cache_key=given.text("prompt_cache_key"),
        user=given.text("user"),
        stream=_stream(given, form),
        stream_usage=True,
    )
    if request.user is None:
        request.user = given.text("safety_identifier")
        if request.user is not None:
            form["at.user"] = "safety_identifier"
    _reasoning(given, request, form)
    _text(given, request, form)
    _kept(given, form)
    request.extra = Extra(NAME, given.rest, form)
    return request


def _instructions(given: Fields, form: dict[str, str]) -> list[Message]:
    said = given.text("instructions")
    if said is None:
        return []
    form["instructions"] = "given"
    return [Message("system", [Text(said)] if said else [], extra=Extra(NAME, {}, {"at": "instructions"}))]


def _input(given: Fields, form: dict[str, str]) -> list[Message]:
    value = given.raw("input")
    if value is None:
        form["input"] = "absent"
        return []
    if starts(value, b'"'):
        form["input"] = "str"
        return [Message("user", [Text(text(value, "input"))], extra=Extra(NAME, {}, {"at": "input"}))]
    raws = items(value, "input")
    if len(raws) > MAX_MESSAGES:
        raise given.refuse("input", f"expected at most {MAX_MESSAGES}.", "array_above_max_length")
    turns = Turns()
    for index, raw in enumerate(raws):
        turns.add(Fields(raw, f"input[{index}]"))
    turns.close()
    return turns.messages


def _include(given: Fields, form: dict[str, str]) -> list[str]:
    value = given.rest.get("include")
    names = given.names("include")
    if names is None or value is None:
        return []
    form["include"] = wire.one_line(value)
    others = [name for name in names if name not in _SERVED]
    if others:
        given.rest["include"] = Raw(wire.encode(others))
    return names


def _reasoning(given: Fields, request: Request, form: dict[str, str]) -> None:
    inner = given.inner("reasoning")
    if inner is None:
        return
    request.effort = inner.text("effort")
    summary = inner.text("summary")
    if summary is not None:
        form["summary"] = summary
        request.thoughts = True
    if not inner.rest and request.effort is None and summary is None:
        form["reasoning"] = "empty"
    given.keep("reasoning", inner)


def _text(given: Fields, request: Request, form: dict[str, str]) -> None:
    inner = given.inner("text")
    if inner is None:
        return
    request.verbosity = inner.text("verbosity")
    value = inner.raw("format")
    if value is not None:
        request.format = _format(Fields(value, "text.format"))
        if request.format is None:
            inner.rest["format"] = value
    if not inner.rest and request.verbosity is None and request.format is None:
        form["text"] = "empty"
    given.keep("text", inner)


def _format(spec: Fields) -> Format | None:
    kind = spec.need("type", spec.text("type"))
    if kind in ("text", "json_object") and not spec.rest:
        return Format(kind)  # type: ignore[arg-type]  # it is one of the two
    if kind != "json_schema":
        return None
    found = Format("json_schema", spec.need("name", spec.text("name")), spec.document("schema"), spec.flag("strict"))
    found.description = spec.text("description")
    return None if spec.rest else found


def _kept(given: Fields, form: dict[str, str]) -> None:
    """Take what the gateway sees to by itself: to keep the answer, and to repeat the caller's notes in it."""
    store = given.flag("store")
    if store is not None:
        form["store"] = "true" if store else "false"
    notes = given.raw("metadata")
    if notes is not None:
        form["metadata"] = wire.one_line(notes)


def _stream(given: Fields, form: dict[str, str]) -> bool:
    value = given.flag("stream")
    if value is not None:
        form["stream"] = "given"
    return value is True


def _tools(given: Fields) -> list[Tool] | None:
    raws = given.items("tools")
    return None if raws is None else [_tool(Fields(raw, f"tools[{i}]")) for i, raw in enumerate(raws)]


def _tool(given: Fields) -> Tool:
    whole = dict(given.rest)
    kind = given.need("type", given.text("type"))
    if kind != "function":  # hosted, or a custom one
        return Tool(given.text("name") or kind, extra=Extra(NAME, whole, {"tool": RAW}))
    tool = Tool(
        given.need("name", given.text("name")),
        given.text("description"),
        given.document("parameters"),
        given.flag("strict"),
    )
    tool.extra = given.extra(NAME)
    return tool


def _tool_choice(given: Fields) -> ToolChoice | None:
    value = given.raw("tool_choice")
    if value is None:
        return None
    if starts(value, b'"'):
        mode = text(value, "tool_choice")
        if mode not in _MODES:
            raise given.refuse("tool_choice", f"expected one of {', '.join(_MODES)} or an object, got {mode[:50]!r}.")
        return ToolChoice(mode)  # type: ignore[arg-type]  # it is one of the modes
    choice = Fields(value, "tool_choice")
    kind = choice.need("type", choice.text("type"))
    found: ToolChoice | None = None
    if kind == "function":
        found = ToolChoice("named", choice.need("name", choice.text("name")))
    elif kind == "allowed_tools":
        found = _allowed(choice)
    if found is None or choice.rest:
        given.rest["tool_choice"] = value
        return None
    return found


def _allowed(choice: Fields) -> ToolChoice | None:
    """Read a choice among some of the functions; ``None`` where it names anything else."""
    mode = choice.need("mode", choice.text("mode"))
    names: list[str] = []
    for index, raw in enumerate(choice.need("tools", choice.items("tools"))):
        one = Fields(raw, f"tool_choice.tools[{index}]")
        kind, name = one.text("type"), one.text("name")
        if kind != "function" or name is None or one.rest:
            return None
        names.append(name)
    return ToolChoice(mode, None, names) if mode in ("auto", "required") and names else None  # type: ignore[arg-type]
