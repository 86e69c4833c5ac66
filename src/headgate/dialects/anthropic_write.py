"""Writes Messages requests from the neutral form."""

from collections.abc import Container
from typing import Any

from headgate.core.chat import Message, Request, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from headgate.dialects.anthropic_messages_write import marker, write_messages
from headgate.dialects.anthropic_words import BETA, NAME, TIERS
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import anthropic_messages as column
from headgate.dialects.fit import RAW, Fit, budget_of, effort_of, merge, nearest
from headgate.dialects.schemas import closed

MAX_TOKENS = 4096  # the field is required; this is within every model's limit
MAX_DEFAULT = 32_000  # a model's own limit may be so high that the API wants a stream for it
MIN_BUDGET = 1024
LEAST_SHARE = 0.95  # no smaller top_p may stand beside thinking


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what the Messages API has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model}
    _limit(body, request, fit)
    write_messages(body, request, fit)
    fit.unsaid(request, column.NEUTRAL)
    _sampling(body, request, fit)
    if request.stop is not None:
        body["stop_sequences"] = request.stop
    _tools(body, request, fit)
    _config(body, request, fit)
    if fit.same:
        _same_thinking(body, request, fit)
    else:
        write_thinking(body, request, fit)
        _beside(body, request, fit)
    _tier(body, request, fit)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    elif fit.form(request.extra, "metadata") == "empty":
        body["metadata"] = {}
    if request.stream or fit.form(request.extra, "stream") is not None:
        body["stream"] = request.stream
    merge(body, fit.leftover(request.extra, "", BETA))
    return fit.written(body)


def _limit(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    elif not fit.same:  # a request to count needs none
        body["max_tokens"] = min(fit.to.max_output or MAX_TOKENS, MAX_DEFAULT)
        fit.defaulted.append(f"max_tokens={body['max_tokens']}")


def _sampling(body: dict[str, Any], request: Request, fit: Fit) -> None:
    taken = fit.same or fit.to.profile.sampling
    for field in ("temperature", "top_p"):
        value = getattr(request, field)
        if value is None or (value == 1 and not fit.same):  # newer models refuse even the default
            continue
        if not taken:
            fit.refuse(fit.name(field))
        elif value > 1:
            fit.refuse(fit.name(field), "It goes from 0 to 1 there")
        else:
            body[field] = value
    if request.top_k is not None:
        if taken:
            body["top_k"] = request.top_k
        else:
            fit.refuse(fit.name("top_k"))


def _tools(body: dict[str, Any], request: Request, fit: Fit) -> None:
    choice = request.tool_choice
    only = choice.allowed if choice is not None else None
    if request.tools is not None:
        tools = [
            written
            for i, tool in enumerate(request.tools)
            if (only is None or tool.name in only) and (written := _tool(tool, fit.tool(i), fit)) is not None
        ]
        if tools or fit.same:
            body["tools"] = tools
    if "tools" not in body and not fit.same:
        return
    chosen = _choice(choice, fit) if choice is not None else None
    if request.parallel_tool_calls is not None and (fit.same or not request.parallel_tool_calls):
        chosen = chosen or {"type": "auto"}
        if chosen["type"] != "none" or fit.same:
            chosen["disable_parallel_tool_use"] = not request.parallel_tool_calls
    if chosen:
        body["tool_choice"] = chosen


def _choice(choice: ToolChoice, fit: Fit) -> dict[str, Any] | None:
    if choice.mode in ("required", "named") and not fit.same and not fit.to.profile.forced_tools:
        fit.refuse(fit.name("tool_choice"), "This model cannot be forced to call a tool: send 'auto'")
        return None
    if choice.mode == "named":
        return {"type": "tool", "name": choice.name}
    return {"type": "any" if choice.mode == "required" else choice.mode}


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.leave(column.NEUTRAL["tools.custom"], at)
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
    if tool.cache is not None:
        written["cache_control"] = marker(tool.cache)
    merge(written, fit.leftover(tool.extra, at))
    return written


def _config(body: dict[str, Any], request: Request, fit: Fit) -> None:
    config: dict[str, Any] = {}
    wanted = request.format
    if wanted is not None and wanted.kind == "json_object":
        fit.leave(column.NEUTRAL["format.json_object"], fit.name("format"))
    elif wanted is not None and wanted.kind == "json_schema":
        schema = wanted.schema or {"type": "object"}
        spec = {"type": "json_schema", "schema": schema if fit.same else closed(schema, fit)}
        if wanted.description is not None:
            fit.ignore(fit.name("format.description"))
        if fit.form(request.extra, "format") == "output_format":
            body["output_format"] = spec
        else:
            config["format"] = spec
    if fit.same:
        if request.effort is not None:
            config["effort"] = request.effort
    elif request.effort not in (None, "none"):
        write_effort(config, request.effort or "", fit)
    if config or fit.form(request.extra, "output_config") == "empty":
        body["output_config"] = config


def write_effort(config: dict[str, Any], effort: str, fit: Fit) -> None:
    """Put the effort nearest to *effort* that the model takes into *config*."""
    profile = fit.to.profile
    if profile.thinking and not profile.efforts and "adaptive" not in profile.thinking:
        return  # it is told how hard to think by a number
    word = nearest(effort, profile.efforts or ("low", "medium", "high", "xhigh", "max"))
    config["effort"] = word
    if word != effort and effort != "minimal":
        fit.defaulted.append(f"{fit.name('effort')}={word}")


def _same_thinking(body: dict[str, Any], request: Request, fit: Fit) -> None:
    kind = fit.form(request.extra, "thinking")
    if kind is None:
        return
    body["thinking"] = {"type": kind}
    if request.thinking_budget is not None:
        body["thinking"]["budget_tokens"] = request.thinking_budget
    if request.thoughts is not None:
        body["thinking"]["display"] = "summarized" if request.thoughts else "omitted"


def write_thinking(body: dict[str, Any], request: Request, fit: Fit) -> None:
    """Tell the model to think as it may be told: by itself (adaptive), or with so many tokens (enabled)."""
    kinds, effort, budget = fit.to.profile.thinking, request.effort, request.thinking_budget
    off = request.thinking == "off" or (effort == "none" and request.thinking is None)
    if off:
        if "disabled" in kinds:  # elsewhere not to think is what happens unless asked
            body["thinking"] = {"type": "disabled"}
        return
    able = fit.to.reasoning or bool(kinds)
    asked = request.thinking is not None or budget is not None or (request.thoughts is True and able)
    if not asked and (effort is None or not able):
        if request.thoughts:
            fit.ignore(fit.name("thoughts"))
        return
    midway = thoughtless(request, fit)
    if ("enabled" in kinds and "adaptive" not in kinds) or (
        budget is not None and (not kinds or ("enabled" in kinds and not midway))
    ):
        room = body["max_tokens"] - 1 if not midway else 0
        tokens = min(budget if budget is not None else budget_of(effort or "medium"), room)
        if room < MIN_BUDGET:
            fit.ignore(fit.name("thinking_budget" if budget is not None else "thinking" if asked else "effort"))
            return
        body["thinking"] = {"type": "enabled", "budget_tokens": max(tokens, MIN_BUDGET)}
        if budget not in (None, body["thinking"]["budget_tokens"]):
            fit.defaulted.append(f"{fit.name('thinking_budget')}={body['thinking']['budget_tokens']}")
    else:
        body["thinking"] = {"type": "adaptive"}
        if budget is not None and effort is None:
            word = nearest(effort_of(budget), fit.to.profile.efforts)
            body.setdefault("output_config", {})["effort"] = word
            fit.defaulted.append(f"{fit.name('thinking_budget')}={word}")
    if request.thoughts is not None:
        body["thinking"]["display"] = "summarized" if request.thoughts else "omitted"


def _beside(body: dict[str, Any], request: Request, fit: Fit) -> None:
    choice = body.get("tool_choice", {})
    said = body.keys() if choice.get("type") in ("any", "tool") else body.keys() - {"tool_choice"}
    for field in unfit_to_think(body.get("thinking", {}), said, request, fit):
        del body[field]
        if field == "tool_choice" and "disable_parallel_tool_use" in choice:
            body[field] = {"type": "auto", "disable_parallel_tool_use": choice["disable_parallel_tool_use"]}


def unfit_to_think(thinking: dict[str, Any], said: Container[str], request: Request, fit: Fit) -> list[str]:
    """Refuse what the model does not take beside *thinking*; return what is to be left out by permission.

    *said* are the neutral names of what is written already. A tool can be forced where the model thinks as it likes,
    but how it samples is its own there too:
    <https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility>.
    """
    kind = thinking.get("type")
    if kind not in ("enabled", "adaptive"):
        return []
    found = {}
    if kind == "enabled" and "tool_choice" in said:
        found["tool_choice"] = "No tool can be forced while this model thinks: send 'auto'"
    if "temperature" in said and request.temperature != 1:
        found["temperature"] = "It can only be 1 while this model thinks: leave it out"
    if "top_p" in said and request.top_p is not None and not LEAST_SHARE <= request.top_p <= 1:
        found["top_p"] = f"It goes from {LEAST_SHARE} to 1 while this model thinks: leave it out"
    if "top_k" in said:
        found["top_k"] = "This model does not take it while it thinks: leave it out"
    for field, fix in found.items():
        fit.refuse(fit.name(field), f"{fix}, or do not ask for thinking")
    return list(found)


def thoughtless(request: Request, fit: Fit) -> bool:
    """Tell whether the turn to go on with is one of tool calls that did not begin with a thought of this API's own.

    Its caller did not send the thought back, or another model made the calls. A budget of thinking is refused then.
    """
    first: Message | None = None
    for message in reversed(request.messages):
        if message.role == "assistant":
            if not any(isinstance(part, ToolCall) for part in message.parts):
                break
            first = message
        elif first is not None and not all(isinstance(part, ToolResult) for part in message.parts):
            break
    if first is None:
        return False
    said = (part for part in first.parts if not isinstance(part, Thinking) or fit.proven(part))
    return not fit.proven(next(said))


def _tier(body: dict[str, Any], request: Request, fit: Fit) -> None:
    tier = request.service_tier
    if tier is None or (tier == "auto" and not fit.same):
        return
    if tier in TIERS or fit.same:
        body["service_tier"] = TIERS.get(tier, tier)
    else:
        fit.ignore(fit.name("service_tier"))
