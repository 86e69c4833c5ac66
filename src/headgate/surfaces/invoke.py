"""``/api/v1/gateway/llm/invoke``: one model call for code that speaks no vendor's API: a prompt in, its text out."""

from typing import Annotated, Any

import msgspec

from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.envelope import Name, read
from headgate.dialects.sse import Event
from headgate.pipeline.parts import Parts
from headgate.surfaces.captured import chat, posted, told
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

DEFAULT_MODEL = "use-case/chat"


class Invocation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Either ``prompt`` (with ``system``, if wanted) or ``messages``, as Chat Completions has them."""

    model: Name | None = None
    models: list[Name] | None = None
    use_case: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """Instead of a model."""
    prompt: str | None = None
    system: str | None = None
    messages: msgspec.Raw = wire.NULL
    parameters: dict[str, msgspec.Raw] = {}
    """Any parameter of Chat Completions: ``temperature``, ``max_tokens``, ``tools``, ``response_format`` ..."""
    stream: bool = False
    """The events are those of Chat Completions."""
    user: str | None = None
    metadata: dict[str, Any] | None = None
    headgate: msgspec.Raw = wire.NULL


_invocation = msgspec.json.Decoder(Invocation)
RESERVED = frozenset(Invocation.__struct_fields__)
PASSED = ("models", "user", "metadata", "headgate")


async def invoke(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Answer one invocation."""
    body = await posted(parts, scope, link)
    asked = read(_invocation, body)
    captured = await chat(parts, scope, link, wire.encode(request(asked)), _as_it_is)
    if captured.reply is not None:
        reply = result(captured.reply, told(captured.head)) if captured.status == 200 else captured.reply
        link.respond(captured.status, captured.head, reply)
    elif not link.closed:
        link.end()


def request(asked: Invocation) -> dict[str, Any]:
    """Return the chat request that *asked* stands for; raise ``BadRequest`` where it contradicts itself."""
    given = asked.messages != wire.NULL
    if (asked.prompt is None) != given:
        raise BadRequest("Send either 'prompt' or 'messages'.", code="invalid_value", param="prompt")
    if asked.model is not None and asked.use_case is not None:
        raise BadRequest("Send either 'model' or 'use_case'.", code="invalid_value", param="use_case")
    messages: Any = asked.messages
    if not given:
        messages = [{"role": "user", "content": asked.prompt}]
        if asked.system is not None:
            messages.insert(0, {"role": "system", "content": asked.system})
    elif asked.system is not None:
        raise BadRequest("'system' goes with 'prompt'; put it into 'messages'.", code="invalid_value", param="system")
    taken = sorted(RESERVED.intersection(asked.parameters))
    if taken:
        raise BadRequest(
            f"'parameters' cannot hold {taken[0]!r}: send it beside them.",
            code="invalid_value",
            param=f"parameters.{taken[0]}",
        )
    model = asked.model or (f"use-case/{asked.use_case}" if asked.use_case else None)
    if model is None and asked.models is None:
        model = DEFAULT_MODEL
    named = {"model": model} if model is not None else {}
    passed = {name: value for name in PASSED if (value := getattr(asked, name)) not in (None, wire.NULL)}
    return {**asked.parameters, **named, **passed, "messages": messages, "stream": asked.stream}


def result(reply: bytes, head: dict[str, str]) -> bytes:
    """Return the answer in short: what most callers look for, without digging."""
    document = wire.decode(reply)
    choice = document["choices"][0]
    message = choice["message"]
    usage = document.get("usage") or {}
    short = {
        "id": head.get("x-request-id"),
        "model": head.get("x-headgate-model"),
        "provider": head.get("x-headgate-provider"),
        "content": message.get("content"),
        "tool_calls": message.get("tool_calls") or [],
        "finish_reason": choice.get("finish_reason"),
        "usage": {
            "input": usage.get("prompt_tokens"),
            "output": usage.get("completion_tokens"),
            "total": usage.get("total_tokens"),
        },
        "cost": head.get("x-headgate-cost"),
        "attempts": int(head.get("x-headgate-attempts", "1")),
    }
    if message.get("refusal"):
        short["refusal"] = message["refusal"]
    return wire.encode(short)


def _as_it_is(found: Event) -> bytes:
    return found.raw
