"""Reads and writes whole Converse replies."""

from typing import Any

import msgspec

from headgate.core.chat import (
    Choice,
    Citation,
    Extra,
    Image,
    Part,
    Refusal,
    Reply,
    Text,
    Thinking,
    ToolCall,
)
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.call_input import arguments_of, input_of
from headgate.dialects.converse_blocks import citation
from headgate.dialects.converse_messages_write import merge_deep, tool_id
from headgate.dialects.converse_usage import Reported, printed, reported, usage_of
from headgate.dialects.converse_words import FINISH, IMAGE_TYPES, IMAGES, NAME, STOP_REASON
from headgate.dialects.opaque import Opaque, wrap
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.pictures import is_bytes, name_lost
from headgate.dialects.upstream import ended_with
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD


class _Message(msgspec.Struct, gc=False):
    content: list[msgspec.Raw]


class _Output(msgspec.Struct, gc=False):
    message: _Message


class _Sniffed(msgspec.Struct, gc=False):
    output: _Output
    stopReason: str | None = None
    usage: Reported | None = None


_sniff = msgspec.json.Decoder(_Sniffed).decode
_blocks = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_READ = frozenset({"output", "stopReason", "usage"})


def sniff(body: bytes) -> Sniff:
    """Read usage and finish of a reply; raise ``UpstreamFailed`` for what is none."""
    try:
        seen = _sniff(body)
    except ODD:
        reply = read_reply(body)
        return Sniff(reply.usage, reply.choices[0].finish)
    usage = usage_of(seen.usage) if seen.usage is not None else None
    return Sniff(
        usage if usage is None or believable(usage) else None,
        None if seen.stopReason is None else FINISH.get(seen.stopReason, "stop"),
    )


def read_reply(body: bytes) -> Reply:
    """Read a whole reply, which has no id and no model; raise ``UpstreamFailed`` for what is none or failed."""
    found = document(body)
    output = found.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        no_reply("has no message")
    inputs = _inputs(body)
    choice = Choice(0, [])
    for index, block in enumerate(content):
        part = _part(block, inputs.get(index, "{}")) if isinstance(block, dict) else None
        if part is not None:
            choice.parts.append(part)
    native = found.get("stopReason")
    if isinstance(native, str):
        choice.finish, choice.native = FINISH.get(native, "stop"), native
        if choice.finish == "error":
            raise ended_with(native)
    said = reported(found.get("usage"))
    usage = usage_of(said) if said is not None else None
    reply = Reply(id="", model="", choices=[choice])
    reply.usage = usage if usage is not None and believable(usage) else None
    reply.extra = Extra(NAME, {name: value for name, value in found.items() if name not in _READ})
    if isinstance(found.get("usage"), dict):
        shown = printed(reply.usage or Usage())
        reply.extra.fields["usage"] = {k: v for k, v in found["usage"].items() if shown.get(k) != v}
    return reply


def _inputs(body: bytes) -> dict[int, str]:
    """The arguments of tool calls as they stand in the reply: order of keys and digits of numbers are the model's."""
    try:
        message = wire.members(wire.members(wire.members(body)["output"])["message"])
        blocks = wire.typed(_blocks, message["content"])
        uses = {i: wire.members(b["toolUse"]) for i, b in enumerate(blocks) if "toolUse" in b}
    except (*ODD, KeyError):
        return {}  # a block that is none, or no UTF-8; what is left was read already
    return {i: arguments_of(use["input"]) for i, use in uses.items() if "input" in use}


def _part(block: dict[str, Any], arguments: str) -> Part | None:
    """Read one block; ``None`` for what the server did by itself, which is told in its texts."""
    said = block.get("text")
    if isinstance(said, str):
        return Text(said) if said else None
    use, thought, cited = block.get("toolUse"), block.get("reasoningContent"), block.get("citationsContent")
    if isinstance(use, dict) and use.get("type") is None:
        return ToolCall(_string(use.get("toolUseId")), _string(use.get("name")), arguments)
    if isinstance(thought, dict):
        redacted, text = thought.get("redactedContent"), thought.get("reasoningText")
        if isinstance(redacted, str):
            return Thinking(redacted=redacted, source=NAME)
        text = text if isinstance(text, dict) else {}
        return Thinking(_string(text.get("text")), _string(text.get("signature")) or None, source=NAME)
    if isinstance(cited, dict):
        pieces, citations = cited.get("content"), cited.get("citations")
        text = "".join(_string(one.get("text")) for one in _objects(pieces))
        return Text(text, citations=[citation(one) for one in _objects(citations)])
    image = block.get("image")
    source = image.get("source") if isinstance(image, dict) else None
    if isinstance(image, dict) and isinstance(source, dict) and isinstance(source.get("bytes"), str):
        format_ = _string(image.get("format"))
        return Image(data=source["bytes"], media_type=IMAGE_TYPES.get(format_, f"image/{format_}"))
    return None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply."""
    choice = reply.choices[0] if reply.choices else Choice(0, [])
    name_lost(reply, choice.parts, is_bytes)
    called = any(isinstance(part, ToolCall) for part in choice.parts)
    content = [block for part in choice.parts if (block := _block(part)) is not None]
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason(choice.finish, choice.native, choice.stop_sequence, called),
        "usage": printed(reply.usage or Usage()),
    }
    if reply.extra is not None and reply.extra.dialect == NAME:
        merge_deep(body, reply.extra.fields)
    return wire.encode(body)


def stop_reason(finish: str | None, native: str | None, stop_sequence: str | None, called: bool) -> str:
    """Return Bedrock's word for why an answer ended."""
    if native in FINISH and FINISH[native] == finish:
        return native
    if finish in (None, "stop", "tool_calls"):
        if called:  # a forced call ends with "stop" at OpenAI
            return "tool_use"
        return "stop_sequence" if stop_sequence is not None else "end_turn"
    return STOP_REASON[finish]  # type: ignore[index]  # one of ours


def _block(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal):
        if isinstance(part, Text) and part.citations:
            cited = [printed_citation(one) for one in part.citations]
            return {"citationsContent": {"content": [{"text": part.text}], "citations": cited}}
        return {"text": part.text}
    if isinstance(part, ToolCall):
        return {"toolUse": {"toolUseId": tool_id(part.id), "name": part.name, "input": input_of(part.arguments)}}
    if isinstance(part, Thinking):
        if part.redacted is not None and part.source == NAME:
            return {"reasoningContent": {"redactedContent": part.redacted}}
        thought = {"text": part.text}
        signature = proof_text(part.source, part.signature, part.redacted, part.of, part.id)
        if signature is not None:
            thought["signature"] = signature
        return {"reasoningContent": {"reasoningText": thought}}
    if isinstance(part, Image) and part.data is not None:
        format_ = IMAGES.get(part.media_type or "", (part.media_type or "").removeprefix("image/"))
        return {"image": {"format": format_, "source": {"bytes": part.data}}}
    return None


def proof_text(
    source: str | None, signature: str | None, redacted: str | None, of: str | None, id_: str | None
) -> str | None:
    """Return what stands in a ``signature``: Bedrock's own proof as it is, another's wrapped."""
    if source is None or source == NAME or (signature is None and redacted is None):
        return signature
    return wrap(Opaque(source, signature, redacted, of, id_))


def printed_citation(cited: Citation) -> dict[str, Any]:
    """Return a citation as Bedrock tells it."""
    if cited.extra is not None and cited.extra.dialect == NAME:
        return cited.extra.fields
    said: dict[str, Any] = {"title": cited.title, "source": cited.source}
    if cited.quote is not None:
        said["sourceContent"] = [{"text": cited.quote}]
    if cited.url is not None:
        said["location"] = {"web": {"url": cited.url}}
    return {name: value for name, value in said.items() if value is not None}
