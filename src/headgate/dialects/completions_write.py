"""Writes Completions requests from the neutral form: a conversation becomes the text that a model is to go on with."""

from typing import Any

from headgate.core.chat import Message, Refusal, Request, Text, Thinking, ToolCall, ToolResult
from headgate.dialects.base import Abilities, Written
from headgate.dialects.completions_words import NAME
from headgate.dialects.contract import openai_completions as column
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path

_SAME = (
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "user",
)
_SPEAKERS = {"developer": "System", "system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what Completions has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    body: dict[str, Any] = {"model": to.model, "prompt": _prompt(request, fit)}
    for field in _SAME:
        value = getattr(request, field)
        if value is not None:
            body[field] = value
    if request.stop is not None:
        body["stop"] = request.stop[0] if fit.form(request.extra, "stop") == "str" else request.stop
    if request.logprobs:
        body["logprobs"] = request.top_logprobs or 0
    fit.unsaid(request, column.NEUTRAL)
    _stream(body, request, to, fit)
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def _prompt(request: Request, fit: Fit) -> Any:
    """Return the caller's own prompt, the text of an only message, or the conversation as a transcript."""
    said: list[tuple[Message, str]] = []
    for index, message in enumerate(request.messages):
        at = message_path(fit.source, request, index)
        fit.leftover(message.extra, at)
        if message.name is not None:
            fit.leave(column.NEUTRAL["messages.name"], f"{at}.name")
        said.append((message, _said(message, at, fit)))
    if fit.same:
        (message, text), *_ = said
        for part in message.parts:
            if fit.form(part.extra, "part") == RAW and part.extra is not None:
                return part.extra.fields["prompt"]
        return [text] if fit.form(message.extra, "prompt") == "list" else text
    told = [(message, text) for message, text in said if text]
    if len(told) == 1 and told[0][0].role == "user":
        return told[0][1]
    fit.defaulted.append("prompt=transcript")
    lines = [f"{_SPEAKERS[message.role]}: {text}" for message, text in told]
    return "\n\n".join([*lines, "Assistant:"])


def _said(message: Message, at: str, fit: Fit) -> str:
    """Return the text of a message; refuse what is none."""
    texts: list[str] = []
    for index, part in enumerate(message.parts):
        path = part_path(fit.source, at, message, index)
        if isinstance(part, Text | Refusal) and (fit.same or part.extra is None or part.extra.form.get("part") != RAW):
            fit.leftover(part.extra, path, "prompt")
            texts.append(part.text)
            if isinstance(part, Text) and part.citations:
                fit.leave(column.NEUTRAL["parts.citations"], fit.inner(path, "parts.citations"))
            if isinstance(part, Text) and part.cache is not None:
                fit.leave(column.NEUTRAL["parts.cache"], fit.inner(path, "parts.cache"))
        elif isinstance(part, Thinking):
            fit.leave(column.NEUTRAL["parts.thinking"], path)
        elif isinstance(part, ToolCall):
            fit.leave(column.NEUTRAL["parts.tool_call"], path)
        elif isinstance(part, ToolResult):
            fit.leave(column.NEUTRAL["parts.tool_result"], path)
        else:
            fit.leave(column.NEUTRAL["parts.image"], path)
    return "\n".join(texts)


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
