"""Writes Converse requests from the neutral form; the model goes into the path."""

import re
from typing import Any

from headgate.core.chat import Request, Tool, ToolCall, ToolResult
from headgate.dialects import wire
from headgate.dialects.anthropic_words import BETA
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract.bedrock_converse import NEUTRAL, OWN
from headgate.dialects.converse_messages_write import cache_points, merge_deep, write_messages
from headgate.dialects.converse_thinking import write_thinking
from headgate.dialects.converse_words import NAME, family
from headgate.dialects.fit import RAW, Fit
from headgate.dialects.schemas import closed

_OBJECTS = ("inferenceConfig", "toolConfig", "outputConfig", "additionalModelRequestFields")
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
MAX_METADATA = 16
BETAS = frozenset(
    {
        "context-1m-2025-08-07",
        "dev-full-thinking-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19",
        "token-efficient-tools-2025-02-19",
    }
)
"""What Bedrock takes of the betas that need no field of their own; any other it refuses, as its newer models do all.

<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html>
"""
TIERS = ("default", "flex", "priority")


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what Converse has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, OWN)
    whose = fit.form(request.extra, "family") or family(to.model, to.profile)
    body: dict[str, Any] = {name: {} for name in _OBJECTS}
    write_messages(body, request, fit)
    _inference(body, request, fit)
    _top_k(body, request, fit, whose)
    _tools(body, request, fit, whose)
    _format(body, request, fit)
    write_thinking(body, request, fit, whose)
    _metadata(body, request, fit)
    _tier(body, request, fit)
    fit.unsaid(request, NEUTRAL)
    merge_deep(body, fit.leftover(request.extra, "", *_betas(body, request, fit, whose)))
    for name in _OBJECTS:
        if not body[name] and fit.form(request.extra, name) is None:
            del body[name]
    return fit.written(body)


def _inference(body: dict[str, Any], request: Request, fit: Fit) -> None:
    config, profile = body["inferenceConfig"], fit.to.profile
    if request.max_tokens is not None:
        config["maxTokens"] = request.max_tokens
    for field, name in (("temperature", "temperature"), ("top_p", "topP")):
        value = getattr(request, field)
        if value is None:
            continue
        if fit.same or (profile.sampling and value <= 1):
            config[name] = value
        elif profile.sampling:
            fit.refuse(fit.name(field), "It goes from 0 to 1 there")
        elif value != 1:
            fit.refuse(fit.name(field), "This model takes no sampling parameters")
    if request.stop is not None:
        if fit.same or profile.stop:
            config["stopSequences"] = request.stop
        elif request.stop:
            fit.refuse(fit.name("stop"))


def _top_k(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> None:
    if request.top_k is None:
        return
    more = body["additionalModelRequestFields"]
    if fit.same or (whose == "claude" and fit.to.profile.sampling):
        more["top_k"] = request.top_k
    elif whose == "nova":
        more["inferenceConfig"] = {"topK": request.top_k}
    else:
        fit.refuse(fit.name("top_k"))


def _betas(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> tuple[str, ...]:
    """Carry what is asked for in a header of the Messages API; return its name where some of it was."""
    said = request.extra.fields.get(BETA) if request.extra is not None and not fit.same else None
    carried = [one for one in said if isinstance(one, str) and one in BETAS] if isinstance(said, list) else []
    if not carried or whose != "claude" or "adaptive" in fit.to.profile.thinking:
        return ()
    body["additionalModelRequestFields"]["anthropic_beta"] = carried
    if carried != said:
        fit.ignore(BETA)
    return (BETA,)


def _tools(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> None:
    config, choice = body["toolConfig"], request.tool_choice
    if choice is not None and choice.mode == "none" and not fit.same:
        if not any(isinstance(part, ToolCall | ToolResult) for one in request.messages for part in one.parts):
            for field in ("tools", "tool_choice") if request.tools else ():
                fit.ignore(fit.name(field))
            return
        fit.refuse(fit.name("tool_choice"), NEUTRAL["tool_choice.none"].fix)
        choice = None
    if request.tools is not None:
        allowed = None if choice is None or choice.allowed is None else frozenset(choice.allowed)
        tools: list[dict[str, Any]] = []
        for index, tool in enumerate(request.tools):
            if allowed is None or tool.name in allowed:
                tools += _tool(tool, fit.tool(index), fit)
        if tools or fit.same:
            config["tools"] = tools
    if "tools" not in config and not fit.same:
        return
    _choice(body, request, fit, whose)


def _choice(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> None:
    choice, serial = request.tool_choice, request.parallel_tool_calls is False
    mode = "auto" if choice is None or choice.mode == "none" else choice.mode
    if mode in ("required", "named") and not fit.to.profile.forced_tools and not fit.same:
        fit.refuse(fit.name("tool_choice"), "This model cannot be forced to call a tool")
        mode, choice = "auto", None
    if serial and whose == "claude":  # it takes either its own field or Converse's, not both
        kind = {"auto": "auto", "required": "any", "named": "tool"}[mode]
        own: dict[str, Any] = {"type": kind, "disable_parallel_tool_use": True}
        if choice is not None and mode == "named":
            own["name"] = choice.name
        body["additionalModelRequestFields"]["tool_choice"] = own
        return
    if serial:
        fit.refuse(fit.name("parallel_tool_calls"), "Only Claude can be told so there")
    if choice is not None and mode == "named":
        body["toolConfig"]["toolChoice"] = {"tool": {"name": choice.name}}
    elif choice is not None:
        body["toolConfig"]["toolChoice"] = {"any" if mode == "required" else "auto": {}}


def _tool(tool: Tool, at: str, fit: Fit) -> list[dict[str, Any]]:
    """Write one tool, and its cache marker after it."""
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return [tool.extra.fields]
        fit.leave(NEUTRAL["tools.custom"], at)
        return []
    spec: dict[str, Any] = {"name": tool.name}
    if tool.description or (fit.same and tool.description is not None):
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": tool.parameters if tool.parameters is not None else {"type": "object"}}
    if tool.strict is not None and (tool.strict or fit.same):
        spec["strict"] = tool.strict
    written = {"toolSpec": spec}
    merge_deep(written, fit.leftover(tool.extra, at))
    return [written, *(cache_points(tool.cache, at, "tools.cache", fit) if tool.cache is not None else ())]


def _format(body: dict[str, Any], request: Request, fit: Fit) -> None:
    wanted = request.format
    if wanted is None or wanted.kind == "text":
        return
    if wanted.kind == "json_object":
        fit.leave(NEUTRAL["format.json_object"], fit.name("format"))
        return
    spelt = fit.form(request.extra, "schema") or wire.encode(closed(wanted.schema or {"type": "object"}, fit)).decode()
    schema: dict[str, Any] = {"schema": spelt}
    for field in ("name", "description"):
        value = getattr(wanted, field)
        if value is not None:
            schema[field] = value
    body["outputConfig"]["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _metadata(body: dict[str, Any], request: Request, fit: Fit) -> None:
    said = request.metadata
    if said is not None and not fit.same:
        fits = [isinstance(v, str) and _METADATA.fullmatch(v) and _METADATA.fullmatch(k) for k, v in said.items()]
        if len(said) > MAX_METADATA or not all(fits):
            fit.refuse(
                fit.name("metadata"), f"It can be {MAX_METADATA} short texts of letters, digits and a few signs there"
            )
            said = None
    if said or (fit.same and said is not None):
        body["requestMetadata"] = said
    if request.user is None:
        return
    room = {**(said or {}), "user_id": request.user}
    if _METADATA.fullmatch(request.user) and len(room) <= MAX_METADATA and "user_id" not in (said or {}):
        body["requestMetadata"] = room
    else:
        fit.ignore(fit.name("user"))


def _tier(body: dict[str, Any], request: Request, fit: Fit) -> None:
    tier = request.service_tier
    if tier is None:
        return
    if fit.same or tier in TIERS:
        body["serviceTier"] = {"type": tier}
    elif tier != "auto":
        fit.ignore(fit.name("service_tier"))
