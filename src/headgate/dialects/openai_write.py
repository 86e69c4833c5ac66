"""Writes Chat Completions requests from the neutral form."""

from typing import Any

from headgate.core.chat import Request, Tool, ToolChoice
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import Rules
from headgate.dialects.contract import openai_chat as column
from headgate.dialects.fit import RAW, Fit, effort_of, merge, nearest
from headgate.dialects.openai_messages import write_messages
from headgate.dialects.openai_words import NAME
from headgate.dialects.schemas import weaker

_PLAIN = ("seed", "n", "logit_bias", "logprobs", "top_logprobs", "top_k", "metadata", "cache_key")
# Other dialects have the same defaults, and many servers refuse even those.
_UNLESS: dict[str, tuple[Any, ...]] = {
    "temperature": (),
    "top_p": (),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "verbosity": ("medium",),
    "store": (False,),
}
_TIERS = ("default", "flex", "priority", "scale")


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what Chat Completions has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    rules = column.neutral(to.kind)
    body: dict[str, Any] = {"model": to.model, "messages": write_messages(request, fit, rules)}
    fit.unsaid(request, rules)
    _limits(body, request, fit)
    _plain(body, request, fit, rules)
    if request.stop is not None:
        if fit.same or to.profile.stop:
            body["stop"] = request.stop[0] if fit.form(request.extra, "stop") == "str" else request.stop
        else:
            fit.refuse(fit.name("stop"))
    if request.user is not None and rules["user"].act == "same":
        body[fit.form(request.extra, "at.user") or "user"] = request.user
    _tools(body, request, fit, rules)
    _format(body, request, fit)
    _effort(body, request, fit)
    _tier(body, request, fit, rules)
    _stream(body, request, fit)
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def _limits(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.max_tokens is None:
        return
    spelt = fit.form(request.extra, "max_tokens") or fit.to.max_tokens_field
    for name in ("max_tokens", "max_completion_tokens") if spelt == "both" else (spelt,):
        body[name] = request.max_tokens


def _plain(body: dict[str, Any], request: Request, fit: Fit, rules: Rules) -> None:
    for field in _PLAIN:
        value = getattr(request, field)
        if value is not None:
            rule = rules[field]
            if rule.act in ("same", "map"):
                body[rule.to or field] = value
    profile = fit.to.profile
    for field, defaults in _UNLESS.items():
        value = getattr(request, field)
        if value is None or (value in defaults and not fit.same) or rules[field].act == "refuse":
            continue
        sampling = field in ("temperature", "top_p")
        if sampling and value == 1 and not fit.same and not says_one(fit.to):
            continue
        taken = profile.sampling if sampling else profile.penalties or "penalty" not in field
        if taken or fit.same:
            body[field] = value
        else:
            fit.refuse(fit.name(field))


def says_one(to: Abilities) -> bool:
    """Whether a temperature or ``top_p`` of 1 must be said: it is OpenAI's own default, not that of other servers."""
    return to.profile.sampling and to.kind not in ("openai", "azure")  # of these some refuse even their default


def _tools(body: dict[str, Any], request: Request, fit: Fit, rules: Rules) -> None:
    if request.tools is not None:
        body["tools"] = [tool for i, one in enumerate(request.tools) if (tool := _tool(one, fit.tool(i), fit, rules))]
        if not body["tools"] and not fit.same:
            del body["tools"]
    if request.parallel_tool_calls is not None and (fit.same or ("tools" in body and not request.parallel_tool_calls)):
        body["parallel_tool_calls"] = request.parallel_tool_calls
    choice = request.tool_choice
    if choice is None or ("tools" not in body and not fit.same and choice.mode in ("auto", "none")):
        return
    if not fit.same and not fit.to.profile.forced_tools and choice.mode in ("required", "named"):
        fit.refuse(fit.name("tool_choice"), "It takes 'auto' only")
    else:
        body["tool_choice"] = _choice(choice, request, fit)


def _choice(choice: ToolChoice, request: Request, fit: Fit) -> Any:
    if choice.allowed is not None:
        tools = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return fit.form(request.extra, "tool_choice") or choice.mode


def _format(body: dict[str, Any], request: Request, fit: Fit) -> None:
    wanted = request.format
    if wanted is None:
        return
    if wanted.kind != "json_schema":
        body["response_format"] = {"type": wanted.kind}
        return
    schema: dict[str, Any] = {"name": wanted.name or "response"}  # the field is required, and means nothing
    for field in ("description", "schema", "strict"):
        value = getattr(wanted, field)
        if value is not None:
            schema[field] = value
    weaker(wanted, fit)
    body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _effort(body: dict[str, Any], request: Request, fit: Fit) -> None:
    effort, efforts = request.effort, fit.to.profile.efforts
    if fit.same:
        if effort is not None:
            body["reasoning_effort"] = effort
        return
    if effort is not None:
        word = nearest(effort, efforts)
        body["reasoning_effort"] = word
        if word != effort:
            fit.defaulted.append(f"{fit.name('effort')}={word}")
        if request.thinking_budget is not None:
            fit.ignore(fit.name("thinking_budget"))
        return
    if request.thinking == "off":
        if "none" in efforts:
            body["reasoning_effort"] = "none"
        elif efforts:
            fit.ignore(fit.name("thinking"))
    elif request.thinking_budget is not None and fit.to.reasoning:
        body["reasoning_effort"] = nearest(effort_of(request.thinking_budget), efforts)
    elif (request.thinking_budget is not None or request.thinking is not None) and not fit.to.reasoning:
        fit.ignore(fit.name("thinking" if request.thinking is not None else "thinking_budget"))


def _tier(body: dict[str, Any], request: Request, fit: Fit, rules: Rules) -> None:
    tier = request.service_tier
    if tier is None or rules["service_tier"].act == "ignore":
        return
    if fit.same or tier in _TIERS:
        body["service_tier"] = tier
    elif tier != "auto":
        fit.ignore(fit.name("service_tier"))


def _stream(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.stream or fit.form(request.extra, "stream") is not None:
        body["stream"] = request.stream
    if fit.same:
        if fit.form(request.extra, "stream_options") == "given":
            body["stream_options"] = {"include_usage": request.stream_usage}
        elif fit.form(request.extra, "stream_options") == "bare":
            body["stream_options"] = {}
    elif request.stream and fit.to.stream_usage:
        body["stream_options"] = {"include_usage": True}  # the gateway needs it to account for the call


def _tool(tool: Tool, at: str, fit: Fit, rules: Rules) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.leave(rules["tools.custom"], at)
        return None
    function: dict[str, Any] = {"name": tool.name}
    for field in ("description", "parameters", "strict"):
        value = getattr(tool, field)
        if value is not None:
            function[field] = value
    written: dict[str, Any] = {"type": "function", "function": function}
    if tool.cache is not None:
        if fit.same:
            written["cache_control"] = {"type": "ephemeral"} | ({"ttl": tool.cache} if tool.cache else {})
        else:
            fit.leave(rules["tools.cache"], fit.inner(at, "tools.cache"))
    merge(written, fit.leftover(tool.extra, at))
    return written
