"""Reads chat requests of Cohere's second version, <https://docs.cohere.com/v2/reference/chat>."""

from typing import Annotated, Any, Literal

import msgspec

from headgate.core.chat import (
    Citation,
    Extra,
    Format,
    Message,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from headgate.dialects.cohere_words import NAME, PLAN, is_plan
from headgate.dialects.envelope import no_content
from headgate.dialects.fields import Fields
from headgate.dialects.fit import RAW
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_shapes import content, image, stream, tool
from headgate.dialects.schemas import promised

Raw = msgspec.Raw
Meta = msgspec.Meta
_role = msgspec.json.Decoder(Literal["user", "assistant", "system", "tool"])
_positive = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1e6)])
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_top = msgspec.json.Decoder(Annotated[int, Meta(ge=0)])
_any_int = msgspec.json.Decoder(int)
_documents = msgspec.json.Decoder(list[dict[str, Any]])
_MODES: dict[str, Literal["required", "none"]] = {"REQUIRED": "required", "NONE": "none"}


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    raw_messages = given.messages()
    request = Request(
        model=given.need("model", given.text("model")),
        messages=[_message(Fields(raw, f"messages[{i}]"), i) for i, raw in enumerate(raw_messages)],
        max_tokens=given.count("max_tokens"),
        temperature=given.take("temperature", _positive),
        top_p=given.take("p", _share),
        top_k=given.take("k", _top),
        stop=given.names("stop_sequences"),
        seed=given.take("seed", _any_int),
        frequency_penalty=given.take("frequency_penalty", _share),
        presence_penalty=given.take("presence_penalty", _share),
        logprobs=given.flag("logprobs"),
        tools=_tools(given),
        tool_choice=_tool_choice(given),
        format=_format(given),
        stream=stream(given, form),
        stream_usage=True,
    )
    _thinking(given, request)
    request.extra = Extra(NAME, given.rest, form)
    return request


def _tools(given: Fields) -> list[Tool] | None:
    raws = given.items("tools")
    tools = None if raws is None else [tool(Fields(raw, f"tools[{i}]"), NAME) for i, raw in enumerate(raws)]
    value = given.raw("strict_tools")
    if value is not None:
        if tools and bytes(value) == b"true":
            for one in tools:
                one.strict = True
        else:
            given.rest["strict_tools"] = value
    return tools


def _tool_choice(given: Fields) -> ToolChoice | None:
    mode = given.text("tool_choice")
    if mode is None:
        return None
    if mode not in _MODES:
        raise given.refuse("tool_choice", f"expected one of {', '.join(_MODES)}, got {mode[:50]!r}.")
    return ToolChoice(_MODES[mode])


def _format(given: Fields) -> Format | None:
    value = given.raw("response_format")
    if value is None:
        return None
    spec = Fields(value, "response_format")
    kind = spec.need("type", spec.text("type"))
    schema = spec.document("json_schema")
    if kind == "text" and schema is None and not spec.rest:
        return Format("text")
    if kind == "json_object" and not spec.rest:
        return (
            Format("json_object") if schema is None else Format("json_schema", schema=schema, strict=promised(schema))
        )
    given.rest["response_format"] = value
    return None


def _thinking(given: Fields, request: Request) -> None:
    thinking = given.inner("thinking")
    if thinking is None:
        return
    kind = thinking.need("type", thinking.text("type"))
    if kind in ("enabled", "disabled"):
        request.thinking = "on" if kind == "enabled" else "off"
        request.thinking_budget = thinking.count("token_budget")
        given.keep("thinking", thinking)
    else:
        raise thinking.refuse("type", f"expected enabled or disabled, got {kind[:50]!r}.")


def _message(given: Fields, index: int) -> Message:
    role = given.need("role", given.take("role", _role))
    form: dict[str, str] = {}
    said = given.raw("content")
    if said is None and role != "assistant":
        raise no_content(index)
    if said is None and "content" not in given.rest:
        form["content"] = "absent"
    parts = content(said, given.path("content"), form, _part)
    if role == "tool":
        parts = [ToolResult(given.need("tool_call_id", given.text("tool_call_id")), parts)]
    elif role == "assistant":
        parts = [*_plan(given), *parts, *_calls(given)]
        _cite(given, parts)
    return Message(role, parts, extra=given.extra(NAME, form))


def _plan(given: Fields) -> list[Part]:
    said = given.text("tool_plan")
    if said is None:
        return []
    return [Thinking(said, extra=Extra(NAME, {}, {"part": PLAN}))]


def _part(given: Fields) -> Part:
    whole = dict(given.rest)
    kind = given.need("type", given.text("type"))
    part: Part
    if kind == "text":
        part = Text(given.need("text", given.text("text")))
    elif kind == "thinking":
        part = Thinking(given.need("thinking", given.text("thinking")))
    elif kind == "image_url":
        part = image(given)
    else:  # a document among a tool's results, or what is not known yet
        return Text("", Extra(NAME, whole, {"part": RAW}))
    part.extra = given.extra(NAME)
    return part


def _calls(given: Fields) -> list[Part]:
    at = given.path("tool_calls")
    return [_call(Fields(raw, f"{at}[{i}]")) for i, raw in enumerate(given.items("tool_calls") or ())]


def _call(given: Fields) -> ToolCall:
    id_ = given.need("id", given.text("id"))
    kind = given.text("type")
    function = given.need("function", given.inner("function"))
    call = ToolCall(id_, function.need("name", function.text("name")), function.text("arguments") or "")
    given.keep("function", function)
    call.extra = given.extra(NAME, {"type": "absent"} if kind is None else None)
    return call


def _cite(given: Fields, parts: list[Part]) -> None:
    found = given.take("citations", _documents)
    if found:
        rest = cite(found, parts)
        if rest:
            given.rest["citations"] = rest  # type: ignore[assignment]  # decoded values print the same


def cite(found: list[dict[str, Any]], parts: list[Part]) -> list[dict[str, Any]]:
    """Put each citation to the text it is of; return those of a plan or a thought."""
    content = [p for p in parts if not isinstance(p, ToolCall) and not is_plan(p)]
    rest = []
    for one in found:
        at = one.get("content_index")
        part: Part | None
        if at is None:  # of the text, wherever that stands
            part = next((p for p in content if isinstance(p, Text)), None)
        else:
            part = content[at] if type(at) is int and 0 <= at < len(content) else None
        if isinstance(part, Text) and one.get("type") in (None, "TEXT_CONTENT"):
            part.citations = [*(part.citations or ()), citation(one)]
        else:
            rest.append(one)
    return rest


def citation(one: dict[str, Any]) -> Citation:
    """Read a citation; what it says of its sources stands beside it as it came."""
    start, end, listed = one.get("start"), one.get("end"), one.get("sources")
    source = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    shown = source.get("document")
    document = shown if isinstance(shown, dict) else {}
    name, title, url, quote = source.get("id"), document.get("title"), document.get("url"), document.get("snippet")
    return Citation(
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        quote=quote if isinstance(quote, str) else None,
        start=start if type(start) is int else None,
        end=end if type(end) is int else None,
        source=name if isinstance(name, str) else None,
        extra=Extra(NAME, one),
    )
