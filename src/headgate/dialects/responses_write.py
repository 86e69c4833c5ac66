"""Writes requests for responses from the neutral form."""

from typing import Any

from headgate.core.chat import Format, Request, Text, Tool
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import openai_responses as column
from headgate.dialects.contract import own_rules
from headgate.dialects.fit import RAW, Fit, effort_of, merge, nearest
from headgate.dialects.openai_write import says_one
from headgate.dialects.responses_items_write import Items
from headgate.dialects.responses_words import ENCRYPTED, LOGPROBS, NAME
from headgate.dialects.schemas import weaker


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what the Responses API has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model}
    _input(body, request, to, fit)
    _settings(body, request, to, fit)
    fit.unsaid(request, column.NEUTRAL)
    if request.stream or fit.form(request.extra, "stream") is not None:
        body["stream"] = request.stream
    _carried(body, request, fit)
    return fit.written(body)


def settings(request: Request, to: Abilities) -> dict[str, Any]:
    """Return what *request* asks for beside its input, as an answer repeats it."""
    fit = Fit(NAME, request, to, True, column.OWN)
    body: dict[str, Any] = {}
    _settings(body, request, to, fit)
    return body


def _settings(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    if fit.form(request.extra, "instructions") is not None:
        first = request.messages[0].parts
        body["instructions"] = first[0].text if first and isinstance(first[0], Text) else ""
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    for field in ("top_logprobs", "service_tier", "user", "metadata"):
        value = getattr(request, field)
        if value is not None:
            body[field] = value
    if request.extra is not None and request.extra.form.get("at.user") == "safety_identifier":
        body["safety_identifier"] = body.pop("user")
    if request.cache_key is not None:
        body["prompt_cache_key"] = request.cache_key
    _sampling(body, request, to, fit)
    _tools(body, request, fit)
    _text(body, request, fit)
    _reasoning(body, request, to, fit)
    _kept(body, request, to, fit)


def _input(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    messages = request.messages
    spelt = fit.form(request.extra, "input")
    if spelt == "absent":
        return
    if spelt == "str":
        body["input"] = messages[-1].parts[0].text  # type: ignore[union-attr]  # a message of one text
        return
    items = Items(request, to, fit)
    apart = 1 if fit.form(request.extra, "instructions") is not None else 0
    for index, message in enumerate(messages[apart:], apart):
        items.write(index, message)
    body["input"] = items.written


def _sampling(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    for field in ("temperature", "top_p"):
        value = getattr(request, field)
        if value is None or (value == 1 and not fit.same and not says_one(to)):
            continue
        if to.profile.sampling or fit.same:
            body[field] = value
        else:
            fit.refuse(field, "This model has no sampling parameters")


def _tools(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if request.tools is not None:
        tools = [written for i, one in enumerate(request.tools) if (written := _tool(one, fit.tool(i), fit))]
        if tools or fit.same:
            body["tools"] = tools
    there = "tools" in body or fit.same
    if request.parallel_tool_calls is not None and (there and (fit.same or not request.parallel_tool_calls)):
        body["parallel_tool_calls"] = request.parallel_tool_calls
    choice = request.tool_choice
    if choice is None or (not there and choice.mode in ("auto", "none")):
        return
    if choice.allowed is not None:
        allowed = [{"type": "function", "name": name} for name in choice.allowed]
        body["tool_choice"] = {"type": "allowed_tools", "mode": choice.mode, "tools": allowed}
    elif choice.mode == "named":
        body["tool_choice"] = {"type": "function", "name": choice.name}
    else:
        body["tool_choice"] = choice.mode


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.refuse(at, column.NEUTRAL["tools.custom"].fix)
        return None
    if tool.cache is not None:
        fit.leave(column.NEUTRAL["tools.cache"], fit.inner(at, "tools.cache"))
    written: dict[str, Any] = {"type": "function", "name": tool.name}
    for field in ("description", "parameters", "strict"):
        value = getattr(tool, field)
        if value is not None:
            written[field] = value
    if not fit.same:  # both are required, and what is not said elsewhere means not strict
        written.setdefault("parameters", {"type": "object", "properties": {}})
        written.setdefault("strict", False)
    merge(written, fit.leftover(tool.extra, at))
    return written


def _text(body: dict[str, Any], request: Request, fit: Fit) -> None:
    text: dict[str, Any] = {}
    if request.format is not None:
        text["format"] = _format(request.format)
        weaker(request.format, fit)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text or fit.form(request.extra, "text") is not None:
        body["text"] = text


def _format(wanted: Format) -> dict[str, Any]:
    spec: dict[str, Any] = {"type": wanted.kind}
    if wanted.kind == "json_schema":
        spec["name"] = wanted.name or "response"  # the field is required, and means nothing
        for field in ("description", "schema", "strict"):
            value = getattr(wanted, field)
            if value is not None:
                spec[field] = value
    return spec


def thinks(to: Abilities) -> bool:
    """Tell whether the model is known to reason."""
    return to.reasoning or bool(to.profile.efforts) or to.profile.tools_by is not None


def _reasoning(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    spec: dict[str, Any] = {}
    if fit.same:
        spec = {"effort": request.effort} if request.effort is not None else {}
        summary = fit.form(request.extra, "summary")
        if summary is not None:
            spec["summary"] = summary
        if spec or fit.form(request.extra, "reasoning") is not None:
            body["reasoning"] = spec
        return
    effort = request.effort
    if effort is None and thinks(to):
        effort = _effort(request)
    elif effort is None and (request.thinking == "on" or request.thinking_budget is not None):
        fit.ignore(fit.name("thinking"))
    if effort is not None:
        spec["effort"] = nearest(effort, to.profile.efforts)
        if spec["effort"] != effort:
            fit.defaulted.append(f"{fit.name('effort')}={spec['effort']}")
    if request.thoughts:
        if thinks(to):
            spec["summary"] = "auto"
        else:
            fit.ignore(fit.name("thoughts"))
    if spec:
        body["reasoning"] = spec


def _effort(request: Request) -> str | None:
    """Return how hard to think where the caller said it in other words."""
    if request.thinking == "off":
        return "none"
    return effort_of(request.thinking_budget) if request.thinking_budget is not None else None


def _kept(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    """Say what the provider shall keep, and what it shall tell beside the answer."""
    if fit.same:
        for field in ("store", "include", "metadata"):
            spelt = fit.form(request.extra, field)
            if spelt is not None:
                body[field] = wire.decode(spelt.encode())
        return
    body["store"] = request.store is True
    include = [ENCRYPTED] if thinks(to) and not body["store"] else []
    if request.logprobs:
        include.append(LOGPROBS)
    if include:
        body["include"] = include


def _carried(body: dict[str, Any], request: Request, fit: Fit) -> None:
    """Carry the fields that the source calls by the same names; see to the rest."""
    extra, taken = request.extra, []
    if extra is not None and not fit.same:
        rules = own_rules(extra.dialect, NAME)
        for field, value in extra.fields.items():
            rule = rules.get(field)
            if rule is not None and rule.act == "same":
                body[field] = value
                taken.append(field)
    elif fit.same:
        taken.append("include")
    merge(body, fit.leftover(extra, "", *taken))
