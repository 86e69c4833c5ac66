"""Writes Ollama chat requests from the neutral form."""

from typing import Any

from headgate.core.chat import Request, Tool
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import ollama_chat as column
from headgate.dialects.fit import RAW, Fit, means_nothing, merge
from headgate.dialects.ollama_messages import write_messages
from headgate.dialects.ollama_words import LEVELS, NAME, OPTIONS

_LEVELS = {"minimal": "low", "xhigh": "max"}
_RULES = column.NEUTRAL


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what this API has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model, "messages": write_messages(request, fit)}
    if fit.form(request.extra, "stream") != "absent":  # left out it means true
        body["stream"] = request.stream
    _tools(body, request, fit)
    _choice(request, fit)
    _format(body, request, fit)
    _options(body, request, to, fit)
    _think(body, request, to, fit)
    for field in ("logprobs", "top_logprobs"):
        value = getattr(request, field)
        if value is not None and (fit.same or value):
            body[field] = value
    if not fit.same:
        body["truncate"] = False  # elsewhere a prompt that is too long is an error; here it would lose its head
    fit.unsaid(request, _RULES)
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def _options(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    options = {theirs: value for theirs, ours in OPTIONS.items() if (value := getattr(request, ours)) is not None}
    if to.context is not None and not fit.same:  # a prompt longer than the server's small default loses its head
        options["num_ctx"] = to.context
        fit.defaulted.append(f"options.num_ctx={to.context}")
    if options or fit.form(request.extra, "options") == "given":
        body["options"] = options


def _think(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    """Say whether to think, and how hard where the model knows levels."""
    if request.thoughts is False:
        fit.ignore(fit.name("thoughts"))
    effort = request.effort
    if request.thinking == "off" or (request.thinking is None and effort == "none"):
        body["think"] = False
    elif effort not in (None, "none"):
        level = _LEVELS.get(str(effort), effort)
        takes = to.profile.thinking
        body["think"] = level if level in LEVELS and (not takes or "level" in takes) else True
    elif request.thinking == "on":
        body["think"] = True


def _format(body: dict[str, Any], request: Request, fit: Fit) -> None:
    wanted = request.format
    if wanted is None:
        if fit.form(request.extra, "format") == "empty":
            body["format"] = ""
    elif wanted.kind == "json_schema":
        body["format"] = {"type": "object"} if wanted.schema is None else wanted.schema
        if wanted.description is not None:
            fit.ignore(f"{fit.name('format')}.json_schema.description")
    elif wanted.kind == "json_object":
        body["format"] = "json"


def _tools(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.tools is None:
        return
    allowed = request.tool_choice.allowed if request.tool_choice is not None else None
    tools = [(i, tool) for i, tool in enumerate(request.tools) if allowed is None or tool.name in allowed]
    written = [one for i, tool in tools if (one := _tool(tool, fit.tool(i), fit)) is not None]
    if written or fit.same:
        body["tools"] = written


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.leave(_RULES["tools.custom"], at)
        return None
    if not means_nothing(tool.strict, _RULES["tools.strict"].defaults):
        fit.leave(_RULES["tools.strict"], fit.inner(at, "tools.strict"))
    if tool.cache is not None:
        fit.leave(_RULES["tools.cache"], fit.inner(at, "tools.cache"))
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None or not fit.same:
        function["parameters"] = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    written: dict[str, Any] = {"type": "function", "function": function}
    if fit.form(tool.extra, "type") == "absent":
        del written["type"]
    merge(written, fit.leftover(tool.extra, at))
    return written


def _choice(request: Request, fit: Fit) -> None:
    choice = request.tool_choice
    if choice is None or choice.mode == "auto" or (choice.mode == "none" and not request.tools):
        return
    fit.leave(_RULES[f"tool_choice.{choice.mode}"], fit.name("tool_choice"))
