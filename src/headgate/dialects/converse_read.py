"""Reads Converse requests, <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.

The model and whether a stream is wanted stand in the path, not here.
"""

from typing import Annotated, Any, Literal

import msgspec

from headgate.core.chat import Extra, Format, Message, Request, Tool, ToolChoice
from headgate.dialects import wire
from headgate.dialects.converse_blocks import cache_point, read_blocks
from headgate.dialects.converse_words import NAME
from headgate.dialects.fields import Fields, text
from headgate.dialects.fit import RAW
from headgate.dialects.json_guard import top_level
from headgate.dialects.schemas import promised

Raw = msgspec.Raw
Meta = msgspec.Meta
_role = msgspec.json.Decoder(Literal["user", "assistant", "system"])
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_names = msgspec.json.Decoder(dict[str, str])
_object = msgspec.json.Decoder(dict[str, Any])
_MODES = {"auto": "auto", "any": "required"}
_THINKING: dict[str, Literal["on", "off", "auto"]] = {"enabled": "on", "disabled": "off", "adaptive": "auto"}


class _Thinking(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class _Reasoning(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["enabled", "disabled"]
    maxReasoningEffort: str | None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["auto", "any", "tool"]
    disable_parallel_tool_use: Literal[True]
    name: str | None = None


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    request = Request(model="", messages=[], stream_usage=True)
    system = given.raw("system")
    if system is not None:
        form["system"] = "list"
        request.messages.append(
            Message("system", read_blocks(system, "system"), extra=Extra(NAME, {}, {"content": "list"}))
        )
    request.messages += [_message(Fields(raw, f"messages[{i}]")) for i, raw in enumerate(given.messages())]
    _inference(given, request, form)
    _tools(given, request, form)
    _output(given, request, form)
    _model_fields(given, request, form)
    request.metadata = given.take("requestMetadata", _names)
    tier = given.inner("serviceTier")
    if tier is not None:
        request.service_tier = tier.need("type", tier.text("type"))
        given.keep("serviceTier", tier)
    request.extra = Extra(NAME, given.rest, form)
    return request


def _message(given: Fields) -> Message:
    role = given.need("role", given.take("role", _role))
    parts = read_blocks(given.need("content", given.raw("content")), given.path("content"))
    return Message(role, parts, extra=given.extra(NAME, {"content": "list"}))


def _close(given: Fields, name: str, inner: Fields, found: bool, form: dict[str, str]) -> None:
    """Keep what nobody took of a field that is an object; remember one that was empty."""
    given.keep(name, inner)
    if not inner.rest and not found:
        form[name] = "empty"


def _inference(given: Fields, request: Request, form: dict[str, str]) -> None:
    config = given.inner("inferenceConfig")
    if config is None:
        return
    request.max_tokens = config.count("maxTokens")
    request.temperature = config.take("temperature", _share)
    request.top_p = config.take("topP", _share)
    request.stop = config.names("stopSequences")
    found = (request.max_tokens, request.temperature, request.top_p, request.stop) != (None, None, None, None)
    _close(given, "inferenceConfig", config, found, form)


def _tools(given: Fields, request: Request, form: dict[str, str]) -> None:
    config = given.inner("toolConfig")
    if config is None:
        return
    raws = config.items("tools")
    if raws is not None:
        request.tools = []
        for index, raw in enumerate(raws):
            inner = Fields(raw, f"toolConfig.tools[{index}]")
            cache = cache_point(inner)
            last = request.tools[-1] if request.tools else None
            if cache is not None and last is not None and last.cache is None:
                last.cache = cache
            else:
                request.tools.append(_tool(inner))
    request.tool_choice = _tool_choice(config)
    _close(given, "toolConfig", config, request.tools is not None or request.tool_choice is not None, form)


def _tool(given: Fields) -> Tool:
    whole = dict(given.rest)
    spec = given.inner("toolSpec")
    if spec is None or given.rest:
        return Tool(next(iter(whole), ""), extra=Extra(NAME, whole, {"tool": RAW}))
    schema = spec.need("inputSchema", spec.inner("inputSchema"))
    tool = Tool(
        spec.need("name", spec.text("name")),
        spec.text("description"),
        schema.need("json", schema.document("json")),
        spec.flag("strict"),
    )
    spec.keep("inputSchema", schema)
    given.keep("toolSpec", spec)
    tool.extra = given.extra(NAME)
    return tool


def _tool_choice(config: Fields) -> ToolChoice | None:
    value = config.raw("toolChoice")
    if value is None:
        return None
    choice = Fields(value, config.path("toolChoice"))
    kind = next(iter(choice.rest), "")
    if len(choice.rest) == 1:
        inner = choice.inner(kind)
        if inner is not None and kind in _MODES and not inner.rest:
            return ToolChoice(_MODES[kind])  # type: ignore[arg-type]  # it is one of the two
        if inner is not None and kind == "tool":
            name = inner.need("name", inner.text("name"))
            if not inner.rest:
                return ToolChoice("named", name)
    config.rest["toolChoice"] = value
    return None


def _output(given: Fields, request: Request, form: dict[str, str]) -> None:
    config = given.inner("outputConfig")
    if config is None:
        return
    request.effort = config.text("effort")
    request.format = _format(config, form)
    _close(given, "outputConfig", config, request.effort is not None or request.format is not None, form)


def _format(config: Fields, form: dict[str, str]) -> Format | None:
    value = config.raw("textFormat")
    if value is None:
        return None
    wanted = Fields(value, config.path("textFormat"))
    structure = wanted.inner("structure")
    if wanted.text("type") == "json_schema" and structure is not None:
        spec = structure.need("jsonSchema", structure.inner("jsonSchema"))
        said = spec.need("schema", spec.raw("schema"))
        name, description = spec.text("name"), spec.text("description")
        spelt = text(said, spec.path("schema"))
        schema = _schema(spelt)
        if schema is not None and not (spec.rest or structure.rest or wanted.rest):
            form["schema"] = spelt
            return Format("json_schema", name, schema, promised(schema), description)
    config.rest["textFormat"] = value
    return None


def _schema(spelt: str) -> dict[str, Any] | None:
    """Decode a JSON schema that is a string; ``None`` for a string that holds no object."""
    try:
        return wire.typed(_object, spelt.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _model_fields(given: Fields, request: Request, form: dict[str, str]) -> None:
    """Take what Bedrock has no field of its own for: each family of models has its own word for it."""
    more = given.inner("additionalModelRequestFields")
    if more is None:
        return
    before = len(more.rest)
    config = _typed(more, "thinking", _Thinking)
    if config is not None:
        request.thinking, request.thinking_budget = _THINKING[config.type], config.budget_tokens
        request.thoughts = None if config.display is None else config.display == "summarized"
        form["family"] = "claude"
    choice = _typed(more, "tool_choice", _Choice) if request.tool_choice is None else None
    if choice is not None:
        request.parallel_tool_calls = False
        mode = "named" if choice.type == "tool" else _MODES[choice.type]
        request.tool_choice = ToolChoice(mode, choice.name)  # type: ignore[arg-type]  # it is one of the modes
        form["family"] = "claude"
    request.top_k = _typed(more, "top_k", int)
    if request.effort is None:
        _effort(more, request, form)
    _close(given, "additionalModelRequestFields", more, len(more.rest) != before, form)


def _effort(more: Fields, request: Request, form: dict[str, str]) -> None:
    if "family" in form:
        return
    request.effort = _typed(more, "reasoning_effort", str)
    if request.effort is not None:
        form["family"] = "gpt"
        return
    config = _typed(more, "reasoningConfig", _Reasoning)
    if config is not None:
        request.thinking, request.effort = _THINKING[config.type], config.maxReasoningEffort
        form["family"] = "nova"


def _typed(given: Fields, name: str, kind: "type[Any]") -> Any:
    """Take a field if it is of this shape, else leave it for the model alone."""
    value = given.rest.get(name)
    if value is None or value == wire.NULL:
        return None
    try:
        found = msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    del given.rest[name]
    return found
