"""Writes Chat Completions requests from the neutral form."""

from typing import Any

from headgate.core.chat import Request, Tool
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import openai_chat as column
from headgate.dialects.fit import RAW, Fit, merge
from headgate.dialects.openai_messages import write_messages
from headgate.dialects.openai_words import NAME

_EFFORT_BY_BUDGET = ((4096, "low"), (16_384, "medium"))


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what Chat Completions has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model, "messages": write_messages(request, fit)}
    _limits(body, request, to, fit)
    for field in (
        "seed",
        "n",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "user",
        "metadata",
    ):
        value = getattr(request, field)
        if value is not None:
            body[field] = value
    for field in ("temperature", "top_p"):
        value = getattr(request, field)
        if value is not None and (value != 1 or fit.same):  # some models refuse even the default
            body[field] = value
    fit.unsaid(request, column.NEUTRAL)
    if request.stop is not None:
        body["stop"] = request.stop[0] if fit.form(request.extra, "stop") == "str" else request.stop
    if request.tools is not None:
        body["tools"] = [tool for i, one in enumerate(request.tools) if (tool := _tool(one, f"tools[{i}]", fit))]
        if not body["tools"] and not fit.same:
            del body["tools"]
    if request.parallel_tool_calls is not None and (fit.same or ("tools" in body and not request.parallel_tool_calls)):
        body["parallel_tool_calls"] = request.parallel_tool_calls
    _choice(body, request, fit)
    _format(body, request)
    _effort(body, request, to, fit)
    _stream(body, request, to, fit)
    taken = () if fit.same else ("thinking",)
    merge(body, fit.leftover(request.extra, "", *taken))
    return fit.written(body)


def _limits(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    if request.max_tokens is None:
        return
    spelt = fit.form(request.extra, "max_tokens") or to.max_tokens_field
    for name in ("max_tokens", "max_completion_tokens") if spelt == "both" else (spelt,):
        body[name] = request.max_tokens


def _choice(body: dict[str, Any], request: Request, fit: Fit) -> None:
    choice = request.tool_choice
    if choice is None or ("tools" not in body and not fit.same and choice.mode in ("auto", "none")):
        return
    if choice.mode == "named":
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    else:
        body["tool_choice"] = fit.form(request.extra, "tool_choice") or choice.mode


def _format(body: dict[str, Any], request: Request) -> None:
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
    body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _effort(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    if request.effort is not None:
        body["reasoning_effort"] = request.effort
    thinking = None if fit.same or request.extra is None else request.extra.fields.get("thinking")
    if thinking is None or request.effort is not None:
        return
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind == "enabled" and to.reasoning and isinstance(budget, int):
        body["reasoning_effort"] = next((word for most, word in _EFFORT_BY_BUDGET if budget < most), "high")
    elif kind != "disabled":
        fit.ignore("thinking")


def _stream(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    if request.stream or fit.form(request.extra, "stream") is not None:
        body["stream"] = request.stream
    if fit.same:
        if fit.form(request.extra, "stream_options") == "given":
            body["stream_options"] = {"include_usage": request.stream_usage}
        elif fit.form(request.extra, "stream_options") == "bare":
            body["stream_options"] = {}
    elif request.stream and to.stream_usage:
        body["stream_options"] = {"include_usage": True}  # the gateway needs it to account for the call


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        if fit.same:
            return tool.extra.fields
        fit.refuse(at, "Only functions can be called through this API")
        return None
    function: dict[str, Any] = {"name": tool.name}
    for field in ("description", "parameters", "strict"):
        value = getattr(tool, field)
        if value is not None:
            function[field] = value
    written: dict[str, Any] = {"type": "function", "function": function}
    merge(written, fit.leftover(tool.extra, at))
    return written
