"""Reads and writes whole replies of Ollama's own API, <https://docs.ollama.com/api/chat>."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from headgate.core.chat import Choice, Extra, Finish, Part, Refusal, Reply, Text, Thinking, ToolCall
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.call_input import arguments_of, input_of
from headgate.dialects.ollama_usage import printed, usage_in
from headgate.dialects.ollama_words import FINISH, NAME
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.pictures import name_lost
from headgate.dialects.wire import ODD

_EPOCH = datetime.fromtimestamp(0, UTC)
_READ = frozenset({"model", "message"})
_READ_MESSAGE = frozenset({"role", "content", "thinking", "tool_calls"})


class _Function(msgspec.Struct, gc=False):
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    tool_calls: list[_Call] | None = None


class _Said(msgspec.Struct, gc=False):
    message: _Message | None = None


_said = msgspec.json.Decoder(_Said)


def sniff(body: bytes) -> Sniff:
    """Read usage, finish and model of a reply; raise ``UpstreamFailed`` for what is none."""
    reply = read_reply(body)
    return Sniff(reply.usage, reply.choices[0].finish, reply.model or None)


def read_reply(body: bytes) -> Reply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    message, model, native = found.get("message"), found.get("model"), found.get("done_reason")
    if not isinstance(message, dict):
        no_reply("has no message")
    if found.get("done") is False:
        no_reply("is not done")
    choice = Choice(0, parts_of(message, arguments_in(body), stamp(found)))
    called = any(isinstance(part, ToolCall) for part in choice.parts)
    choice.native = native if isinstance(native, str) else None
    choice.finish = finish_of(choice.native, called)
    choice.logprobs = logprobs(found.get("logprobs"))
    rest = {k: v for k, v in message.items() if k not in _READ_MESSAGE}
    choice.extra = Extra(NAME, rest, {"thinking": "empty"} if message.get("thinking") == "" else {})
    return Reply(
        id="",
        model=model if isinstance(model, str) else "",
        created=seconds(found.get("created_at")),
        choices=[choice],
        usage=usage_in(found)[0],
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in _READ}),
    )


def parts_of(message: dict[str, Any], arguments: list[str], reply: str, calls: int = 0) -> list[Part]:
    """Return what a message says. *reply* tells replies apart, *calls* is how many tools were called before."""
    parts: list[Part] = []
    thought, content, listed = message.get("thinking"), message.get("content"), message.get("tool_calls")
    if isinstance(thought, str) and thought:
        parts.append(Thinking(thought))
    if isinstance(content, str) and content:
        parts.append(Text(content))
    for number, call in enumerate(listed if isinstance(listed, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            continue
        id_, name = call.get("id"), function.get("name")
        given = function.get("arguments", {})
        text = arguments[number] if number < len(arguments) else wire.encode(given).decode()
        part = ToolCall(
            id_ if isinstance(id_, str) and id_ else mint(reply, calls + number),
            name if isinstance(name, str) else "",
            given if isinstance(given, str) else text,
        )
        rest = {k: v for k, v in call.items() if k not in ("id", "function")}
        inner = {k: v for k, v in function.items() if k not in ("name", "arguments")}
        part.extra = Extra(NAME, rest | ({"function": inner} if inner else {}), {} if id_ else {"id": "absent"})
        parts.append(part)
    return parts


def arguments_in(body: bytes) -> list[str]:
    """The arguments of tool calls as they stand in the reply: order of keys and digits of numbers are the model's."""
    try:
        said = wire.typed(_said, body)
    except ODD:
        return []  # other types than Ollama's; what is left was read already
    calls = said.message.tool_calls if said.message is not None else None
    return ["{}" if call.function is None else arguments_of(call.function.arguments) for call in calls or ()]


def stamp(found: dict[str, Any]) -> str:
    """What tells one reply from the next: there are no ids here, but instants of nanoseconds."""
    return f"{found.get('model')}/{found.get('created_at')}"


def mint(reply: str, number: int) -> str:
    """An id for a call that came without: the same for the same reply, another for the next."""
    return "call_" + blake2b(f"{reply}/{number}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def finish_of(native: str | None, called: bool) -> Finish:
    """Return our word for why an answer ended: calls of tools end with ``stop`` here."""
    finish = FINISH.get(native or "", "stop")
    return "tool_calls" if called and finish == "stop" else finish


def logprobs(said: Any) -> dict[str, Any] | None:
    """Return log probabilities as objects of lists, one entry a token."""
    return {"content": said, "refusal": None} if isinstance(said, list) and said else None


def seconds(instant: Any) -> int:
    """Seconds since 1970 of an RFC 3339 instant; 0 for what is none."""
    try:
        found = datetime.fromisoformat(instant) if isinstance(instant, str) else _EPOCH
        return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0


def instant(created: int) -> str:
    """Return an RFC 3339 instant; *created* is seconds since 1970."""
    try:
        found = datetime.fromtimestamp(created, UTC)
    except (ValueError, OverflowError, OSError):
        found = _EPOCH
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply; the first choice only, as this API has no others."""
    choice = reply.choices[0] if reply.choices else Choice(0, [])
    name_lost(reply, choice.parts)
    own = reply.extra is not None and reply.extra.dialect == NAME
    thoughts = [part.text for part in choice.parts if isinstance(part, Thinking)]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    texts = [part.text for part in choice.parts if isinstance(part, Text | Refusal)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    extra = choice.extra if choice.extra is not None and choice.extra.dialect == NAME else None
    if any(thoughts) or (extra is not None and "thinking" in extra.form):
        message["thinking"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = [printed_call(call, number) for number, call in enumerate(calls)]
    if extra is not None:
        message |= extra.fields
    body: dict[str, Any] = {"model": reply.model, "created_at": instant(reply.created), "message": message}
    if reply.extra is not None and own:
        return wire.encode(body | reply.extra.fields)
    body |= {"done": True, "done_reason": "length" if choice.finish == "length" else "stop"}
    if choice.logprobs is not None and isinstance(choice.logprobs, dict):
        body["logprobs"] = choice.logprobs.get("content")
    return wire.encode(body | (printed(reply.usage) if reply.usage is not None else {}))


def printed_call(call: ToolCall, number: int) -> dict[str, Any]:
    """Print a tool call: its arguments as an object."""
    extra = call.extra if call.extra is not None and call.extra.dialect == NAME else None
    function: dict[str, Any] = {"index": number} if extra is None else {}
    function |= {"name": call.name, "arguments": input_of(call.arguments)}
    written: dict[str, Any] = {} if extra is not None and "id" in extra.form else {"id": call.id}
    written["function"] = function
    for name, value in extra.fields.items() if extra is not None else ():
        written[name] = {**value, **function} if name == "function" else value
    return written
