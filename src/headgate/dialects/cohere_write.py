"""Writes Cohere chat requests from the neutral form."""

from typing import Any

from headgate.core.chat import Request, Tool
from headgate.dialects.base import Abilities, Written
from headgate.dialects.cohere_messages import write_messages
from headgate.dialects.cohere_words import NAME
from headgate.dialects.contract import cohere_chat as column
from headgate.dialects.fit import RAW, Fit, merge

MAX_STOPS = 5
MOST_P = 0.99  # what is left out is 0.75
LOWEST_PRIORITY = 999
_PRIORITIES = {"priority": 0, "flex": LOWEST_PRIORITY}
_USUAL_TIERS = ("auto", "default", "standard", "standard_only")
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192}  # higher efforts go without one
_EMPTY = {"type": "object", "properties": {}}
_RULES = column.NEUTRAL


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what the Chat API has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model, "messages": write_messages(request, fit)}
    _sampling(body, request, fit)
    _stop(body, request, fit)
    _tools(body, request, fit)
    _choice(body, request, fit)
    _format(body, request, fit)
    _thinking(body, request, to, fit)
    _tier(body, request, fit)
    if request.stream or fit.form(request.extra, "stream") is not None:
        body["stream"] = request.stream
    fit.unsaid(request, _RULES)
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def _sampling(body: dict[str, Any], request: Request, fit: Fit) -> None:
    given = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "k": request.top_k,
        "seed": request.seed,
        "logprobs": request.logprobs or (request.logprobs if fit.same else None),
    }
    body.update({name: value for name, value in given.items() if value is not None})
    if request.top_p is not None:
        body["p"] = request.top_p if fit.same else min(request.top_p, MOST_P)
        if body["p"] != request.top_p:
            fit.defaulted.append(f"{fit.name('top_p')}={MOST_P}")
    for field in ("frequency_penalty", "presence_penalty"):
        value = getattr(request, field)
        if value is not None and not 0 <= value <= 1:
            fit.refuse(fit.name(field), "It goes from 0 to 1 there")
        elif value is not None:
            body[field] = value


def _stop(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.stop is None:
        return
    if len(request.stop) > MAX_STOPS and not fit.same:
        fit.refuse(fit.name("stop"), f"Send at most {MAX_STOPS} of them")
    else:
        body["stop_sequences"] = request.stop


def _tools(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.tools is None:
        return
    allowed = request.tool_choice.allowed if request.tool_choice is not None else None
    tools = [(i, tool) for i, tool in enumerate(request.tools) if allowed is None or tool.name in allowed]
    written = [one for i, tool in tools if (one := _tool(tool, fit.tool(i), fit)) is not None]
    if written or fit.same:
        body["tools"] = written
    strict = [tool.strict is True for _, tool in tools]
    if not written or not any(strict):
        return
    if all(strict):
        body["strict_tools"] = True
        return
    for i, tool in tools:
        if tool.strict:
            where = fit.inner(fit.tool(i), "tools.strict")
            fit.refuse(where, "Here all of the tools are strict or none is")


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.leave(_RULES["tools.custom"], at)
        return None
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None or not fit.same:
        function["parameters"] = _EMPTY if tool.parameters is None else tool.parameters
    written: dict[str, Any] = {"type": "function", "function": function}
    if fit.form(tool.extra, "type") == "absent":
        del written["type"]
    if tool.cache is not None:
        fit.leave(_RULES["tools.cache"], fit.inner(at, "tools.cache"))
    merge(written, fit.leftover(tool.extra, at))
    return written


def _choice(body: dict[str, Any], request: Request, fit: Fit) -> None:
    choice = request.tool_choice
    if choice is None or choice.mode == "auto" or ("tools" not in body and not fit.same and choice.mode == "none"):
        return
    if choice.mode == "named":
        fit.leave(_RULES["tool_choice.named"], fit.name("tool_choice"))
    else:
        body["tool_choice"] = "REQUIRED" if choice.mode == "required" else "NONE"


def _format(body: dict[str, Any], request: Request, fit: Fit) -> None:
    wanted = request.format
    if wanted is None or (wanted.kind == "text" and not fit.same):
        return
    if wanted.kind == "text":
        body["response_format"] = {"type": "text"}
        return
    body["response_format"] = {"type": "json_object"}
    if wanted.kind == "json_schema":
        body["response_format"]["json_schema"] = {"type": "object"} if wanted.schema is None else wanted.schema
        if wanted.description is not None:
            fit.ignore(f"{fit.name('format')}.json_schema.description")


def _thinking(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    """Say whether to think. A model that cannot is not told to leave it, which is what happens there anyway."""
    effort, budget = request.effort, request.thinking_budget
    if request.thoughts is False:
        fit.ignore(fit.name("thoughts"))
    if request.thinking == "off" or (request.thinking is None and effort == "none"):
        if fit.same or to.reasoning:
            body["thinking"] = {"type": "disabled"}
        return
    if budget is None and effort is not None:
        budget = _BUDGETS.get(effort)
    if request.thinking == "on" or budget is not None or effort not in (None, "none"):
        body["thinking"] = {"type": "enabled"} | ({"token_budget": budget} if budget is not None else {})


def _tier(body: dict[str, Any], request: Request, fit: Fit) -> None:
    tier = request.service_tier
    if tier in _PRIORITIES:
        body["priority"] = _PRIORITIES[tier]
    elif tier is not None and tier not in _USUAL_TIERS:
        fit.ignore(fit.name("service_tier"))
