"""Reads and writes whole replies of Cohere's Chat API, <https://docs.cohere.com/v2/reference/chat>."""

from typing import Any

import msgspec

from headgate.core.chat import Choice, Extra, Finish, Part, Refusal, Reply, Text, Thinking, ToolCall
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.cohere_errors import failed
from headgate.dialects.cohere_messages import printed as citation_of
from headgate.dialects.cohere_read import cite
from headgate.dialects.cohere_usage import Reported, printed, usage_in, usage_of
from headgate.dialects.cohere_words import FAILED, FINISH, FINISH_REASON, NAME, PLAN, is_plan
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.pictures import name_lost
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD


class _Sniffed(msgspec.Struct, gc=False):
    message: dict[str, msgspec.Raw]
    finish_reason: str | None = None
    usage: Reported | None = None
    id: str | None = None


_sniff = msgspec.json.Decoder(_Sniffed).decode
_READ = frozenset({"id", "message", "finish_reason"})
_READ_MESSAGE = frozenset({"role", "content", "tool_plan", "tool_calls", "citations"})


def sniff(body: bytes) -> Sniff:
    """Read usage, finish and id of a reply; raise ``UpstreamFailed`` for what is none, or ended as a failure."""
    try:
        seen = _sniff(body)
    except ODD:
        reply = read_reply(body)
        return Sniff(reply.usage, reply.choices[0].finish, None, reply.id or None)
    if seen.finish_reason in FAILED:
        raise failed(None, seen.finish_reason or "")
    usage = usage_of(seen.usage) if seen.usage is not None else None
    return Sniff(
        usage if usage is None or believable(usage) else None,
        None if seen.finish_reason is None else FINISH.get(seen.finish_reason, "stop"),
        None,
        seen.id,
    )


def read_reply(body: bytes) -> Reply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    message, native = found.get("message"), found.get("finish_reason")
    if not isinstance(message, dict):
        no_reply("has no message")
    if native in FAILED:
        raise failed(found.get("error"), str(native))
    choice = Choice(0, _parts(message))
    if isinstance(native, str):
        choice.finish, choice.native = FINISH.get(native, "stop"), native
    choice.logprobs = logprobs(found.get("logprobs"))
    cited = message.get("citations")
    listed = [one for one in cited if isinstance(one, dict)] if isinstance(cited, list) else []
    rest = {k: v for k, v in message.items() if k not in _READ_MESSAGE or (not v and v is not None)}
    if aside := cite(listed, choice.parts):
        rest["citations"] = aside
    choice.extra = Extra(NAME, rest) if rest else None
    id_ = found.get("id")
    return Reply(
        id=id_ if isinstance(id_, str) else "",
        model="",
        choices=[choice],
        usage=usage_in(found.get("usage")),
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in _READ}),
    )


def _parts(message: dict[str, Any]) -> list[Part]:
    parts: list[Part] = []
    plan, content, calls = message.get("tool_plan"), message.get("content"), message.get("tool_calls")
    if isinstance(plan, str) and plan:
        parts.append(Thinking(plan, extra=Extra(NAME, {}, {"part": PLAN})))
    if isinstance(content, str):
        parts.append(Text(content))
    for block in content if isinstance(content, list) else ():
        thought = block.get("thinking") if isinstance(block, dict) else None
        text = block.get("text") if isinstance(block, dict) else None
        if isinstance(thought, str):
            parts.append(Thinking(thought))
        elif isinstance(text, str):
            parts.append(Text(text))
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            parts.append(ToolCall(_text(call.get("id")), _text(function.get("name")), _text(function.get("arguments"))))
    return parts


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def logprobs(said: Any) -> dict[str, Any] | None:
    """Return log probabilities as objects of lists, one entry a piece; a piece of several tokens has their sum."""
    if not isinstance(said, list):
        said = [said] if isinstance(said, dict) else []
    entries = []
    for one in said:
        text, numbers = (one.get("text"), one.get("logprobs")) if isinstance(one, dict) else (None, None)
        if not isinstance(numbers, list) or not all(type(n) in (int, float) for n in numbers):
            continue
        token = text if isinstance(text, str) else ""
        told = list(token.encode("utf-8", "surrogatepass"))
        entries.append({"token": token, "logprob": sum(numbers), "bytes": told, "top_logprobs": []})
    return {"content": entries, "refusal": None} if entries else None


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply; the first choice only, as this API has no others."""
    choice = reply.choices[0] if reply.choices else Choice(0, [])
    name_lost(reply, choice.parts)
    message: dict[str, Any] = {"role": "assistant"}
    plans = [part for part in choice.parts if isinstance(part, Thinking) and _planned(part, choice)]
    content = [block for part in choice.parts if part not in plans and (block := _block(part)) is not None]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    cited = [c for part in choice.parts if isinstance(part, Text) for c in _citations(part)]
    if plans:
        message["tool_plan"] = "".join(part.text for part in plans)
    if content:
        message["content"] = content
    if calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls
        ]
    if cited:
        message["citations"] = cited
    if choice.extra is not None and choice.extra.dialect == NAME:
        aside = choice.extra.fields
        message |= aside | ({"citations": cited + aside["citations"]} if "citations" in aside else {})
    body = {"id": reply.id, "message": message, "finish_reason": finish_reason(choice.finish, choice.native)}
    if reply.extra is not None and reply.extra.dialect == NAME:
        return wire.encode(body | reply.extra.fields)
    if reply.usage is not None:
        body["usage"] = printed(reply.usage)
    return wire.encode(body)


def _planned(part: Thinking, choice: Choice) -> bool:
    """Whether a thought is printed as a plan: as it came, or, if another dialect's, where tools are called."""
    if choice.native in FINISH:
        return is_plan(part)
    return any(isinstance(one, ToolCall) for one in choice.parts)


def _block(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal):
        return {"type": "text", "text": part.text}
    return {"type": "thinking", "thinking": part.text} if isinstance(part, Thinking) and part.text else None


def _citations(part: Text) -> list[dict[str, Any]]:
    return [citation_of(one, part.text) for one in part.citations or ()]


def finish_reason(finish: Finish | None, native: str | None) -> str:
    """Return Cohere's word for why an answer ended."""
    if native in FINISH and FINISH[native] == finish:
        return native
    return FINISH_REASON[finish or "stop"]
