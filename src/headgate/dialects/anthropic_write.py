"""Writes Messages requests from the neutral form."""

from typing import Any

from headgate.core.chat import Extra, Request, Tool
from headgate.dialects import wire
from headgate.dialects.anthropic_messages_write import carried, write_messages
from headgate.dialects.anthropic_words import NAME
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import anthropic_messages as column
from headgate.dialects.fit import RAW, Fit, merge

MAX_TOKENS = 4096  # the field is required; this is within every model's limit
MAX_DEFAULT = 32_000  # a model's own limit may be so high that the API wants a stream for it


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what the Messages API has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model}
    _limit(body, request, to, fit)
    write_messages(body, request, fit)
    _sampling(body, request, fit)
    if request.stop is not None:
        body["stop_sequences"] = request.stop
    _tools(body, request, fit)
    _config(body, request, to, fit)
    _user(body, request, fit)
    if request.stream or fit.form(request.extra, "stream") is not None:
        body["stream"] = request.stream
    fit.unsaid(request, column.NEUTRAL)
    taken = ("tool_choice", "safety_identifier") if not fit.same else ()
    merge(body, fit.leftover(request.extra, "", *taken))
    return fit.written(body)


def _limit(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    elif not fit.same:  # a request to count needs none
        body["max_tokens"] = min(to.max_output or MAX_TOKENS, MAX_DEFAULT)
        fit.defaulted.append(f"max_tokens={body['max_tokens']}")


def _sampling(body: dict[str, Any], request: Request, fit: Fit) -> None:
    for field in ("temperature", "top_p"):
        value = getattr(request, field)
        if value is None or (value == 1 and not fit.same):  # newer models refuse even the default
            continue
        if value > 1:
            fit.refuse(field, "It goes from 0 to 1 there")
        else:
            body[field] = value
    if request.top_k is not None:
        body["top_k"] = request.top_k


def _tools(body: dict[str, Any], request: Request, fit: Fit) -> None:
    names, mode = _allowed(request.extra, fit)
    if request.tools is not None:
        tools = [
            written
            for i, tool in enumerate(request.tools)
            if (names is None or tool.name in names) and (written := _tool(tool, f"tools[{i}]", fit)) is not None
        ]
        if tools or fit.same:
            body["tools"] = tools
    choice = _choice(request, mode)
    if "tools" not in body and not fit.same:
        return
    if request.parallel_tool_calls is not None and (fit.same or not request.parallel_tool_calls):
        choice = choice or {"type": "auto"}
        if choice["type"] != "none" or fit.same:
            choice["disable_parallel_tool_use"] = not request.parallel_tool_calls
    if choice:
        body["tool_choice"] = choice


def _choice(request: Request, mode: str | None) -> dict[str, Any] | None:
    choice = request.tool_choice
    if choice is None:
        return {"type": mode} if mode else None
    if choice.mode == "named":
        return {"type": "tool", "name": choice.name}
    return {"type": "any" if choice.mode == "required" else choice.mode}


def _allowed(extra: Extra | None, fit: Fit) -> tuple[frozenset[str] | None, str | None]:
    """Chat Completions can narrow the tools of one request: return their names, and the mode."""
    value = wire.NULL if fit.same or extra is None else extra.fields.get("tool_choice", wire.NULL)
    choice = wire.decode(value)
    if choice is None:
        return None, None
    allowed = choice.get("allowed_tools") if choice.get("type") == "allowed_tools" else None
    tools = allowed.get("tools") if isinstance(allowed, dict) else None
    names = {
        t["function"].get("name") for t in tools or () if isinstance(t, dict) and isinstance(t.get("function"), dict)
    }
    if not isinstance(allowed, dict) or not names or len(names) != len(tools or ()):
        fit.refuse("tool_choice")
        return None, None
    return frozenset(names), "any" if allowed.get("mode") == "required" else "auto"


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.refuse(at, "Only functions can be called through this API")
        return None
    written: dict[str, Any] = {"name": tool.name}
    kind = fit.form(tool.extra, "type")
    if kind is not None:
        written["type"] = kind
    if tool.description is not None:
        written["description"] = tool.description
    written["input_schema"] = tool.parameters if tool.parameters is not None else {"type": "object", "properties": {}}
    if tool.strict is not None and (fit.same or tool.strict):
        written["strict"] = tool.strict
    merge(written, fit.leftover(tool.extra, at, *carried(tool.extra, written, fit)))
    return written


def _config(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    config: dict[str, Any] = {}
    wanted = request.format
    if wanted is not None and wanted.kind == "json_object":
        fit.refuse(fit.name("format"), "Send a 'json_schema' format instead")
    elif wanted is not None and wanted.kind == "json_schema":
        spec = {"type": "json_schema", "schema": wanted.schema or {"type": "object"}}
        if wanted.description is not None:
            fit.ignore(f"{fit.name('format')}.json_schema.description")
        if fit.form(request.extra, "format") == "output_format":
            body["output_format"] = spec
        else:
            config["format"] = spec
    if request.effort is not None:
        _effort(body, config, request.effort, to, fit)
    if config or fit.form(request.extra, "output_config") == "empty":
        body["output_config"] = config


def _effort(body: dict[str, Any], config: dict[str, Any], effort: str, to: Abilities, fit: Fit) -> None:
    if fit.same:
        config["effort"] = effort
    elif effort != "none":  # not to think is what happens unless asked
        config["effort"] = "low" if effort == "minimal" else effort
        if to.reasoning:
            body["thinking"] = {"type": "adaptive"}


def _user(body: dict[str, Any], request: Request, fit: Fit) -> None:
    user: Any = request.user
    if user is None and not fit.same and request.extra is not None:
        user = request.extra.fields.get("safety_identifier")
    if user is not None:
        body["metadata"] = {"user_id": user}
    elif fit.form(request.extra, "metadata") == "empty":
        body["metadata"] = {}
