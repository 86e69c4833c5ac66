"""Reads and writes whole Messages replies, <https://docs.anthropic.com/en/api/messages>."""

from typing import Any

import msgspec

from headgate.core.chat import (
    Choice,
    Chunk,
    CitationDelta,
    End,
    Extra,
    Part,
    Refusal,
    Reply,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.anthropic_pieces import block_of, citation, cited
from headgate.dialects.anthropic_usage import Reported, printed, usage_of
from headgate.dialects.anthropic_words import FINISH, NAME, STOP_REASON
from headgate.dialects.base import Sniff
from headgate.dialects.call_input import arguments_of, input_of
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.pictures import name_lost
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD


class _Sniffed(msgspec.Struct, gc=False):
    content: list[msgspec.Raw]
    usage: Reported | None = None
    model: str | None = None
    id: str | None = None
    stop_reason: str | None = None
    error: Any = None


_sniff = msgspec.json.Decoder(_Sniffed).decode
_blocks = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_READ = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})


def sniff(body: bytes) -> Sniff:
    """Read usage, finish, model and id of a reply; raise ``UpstreamFailed`` for what is none."""
    try:
        seen = _sniff(body)
    except ODD:
        reply = read_reply(body)
        return Sniff(reply.usage, reply.choices[0].finish, reply.model or None, reply.id or None)
    if seen.error is not None:
        raise read_stream_error(seen.error)
    usage = usage_of(seen.usage) if seen.usage is not None else None
    return Sniff(
        usage if usage is None or believable(usage) else None,
        None if seen.stop_reason is None else FINISH.get(seen.stop_reason, "stop"),
        seen.model,
        seen.id,
    )


def reported(said: Any) -> Reported | None:
    """Read a decoded ``usage`` object; ``None`` for what is none."""
    try:
        return msgspec.convert(said, Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None


def read_reply(body: bytes) -> Reply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    content = found.get("content")
    if not isinstance(content, list):
        no_reply("has no content")
    inputs = _inputs(body)
    calls = 0
    chunks: list[Chunk] = []
    for index, block in enumerate(content):
        if isinstance(block, dict):
            chunks += whole_block(block, calls, inputs.get(index, "{}"))
            calls += block.get("type") == "tool_use"
    native, stopped = found.get("stop_reason"), found.get("stop_sequence")
    if isinstance(native, str):
        chunks.append(End(FINISH.get(native, "stop"), native, stopped if isinstance(stopped, str) else None))
    reply = fold(chunks)
    reply.choices = reply.choices or [Choice(0, [])]
    id_, model, said = found.get("id"), found.get("model"), reported(found.get("usage"))
    reply.id, reply.model = id_ if isinstance(id_, str) else "", model if isinstance(model, str) else ""
    usage = usage_of(said) if said is not None else None
    reply.usage = usage if usage is not None and believable(usage) else None
    reply.extra = Extra(NAME, {k: v for k, v in found.items() if k not in _READ})
    return reply


def _inputs(body: bytes) -> dict[int, str]:
    """The arguments of tool calls as they stand in the reply: order of keys and digits of numbers are the model's."""
    try:
        blocks = wire.typed(_blocks, wire.members(body)["content"])
    except ODD:
        return {}  # a block that is none, or no UTF-8; what is left was read already
    return {i: arguments_of(b["input"]) for i, b in enumerate(blocks) if "input" in b}


def whole_block(block: dict[str, Any], number: int, arguments: str) -> list[Chunk]:
    """Return the chunks of one block, a tool call being the *number*-th of the reply."""
    kind = block.get("type")
    if kind == "text" and block.get("text"):
        said = block.get("citations")
        cited_ = (
            [CitationDelta(citation(one)) for one in said if isinstance(one, dict)] if isinstance(said, list) else []
        )
        return [TextDelta(str(block["text"]), new=True), *cited_]
    if kind == "thinking":
        thought: list[Chunk] = [TextDelta(str(block.get("thinking") or ""), kind="thinking", new=True)]
        signature = block.get("signature")
        if isinstance(signature, str) and signature:
            thought.append(SignatureDelta(signature, source=NAME))
        return thought
    if kind == "redacted_thinking":
        return [SignatureDelta(redacted=str(block.get("data") or ""), source=NAME)]
    if kind == "tool_use":
        return [ToolDelta(number, str(block.get("id") or ""), str(block.get("name") or ""), arguments)]
    return []  # what the server did by itself is told in its texts


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply."""
    choice = reply.choices[0] if reply.choices else Choice(0, [])
    name_lost(reply, choice.parts)
    refused = any(isinstance(part, Refusal) for part in choice.parts)
    called = any(isinstance(part, ToolCall) for part in choice.parts)
    return wire.encode(
        {
            "id": reply.id,
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": [block for part in choice.parts if (block := _block(part)) is not None],
            "stop_reason": stop_reason(choice.finish, choice.native, choice.stop_sequence, called, refused),
            "stop_sequence": choice.stop_sequence,
            "usage": printed(reply.usage or Usage()),
        }
    )


def stop_reason(finish: str | None, native: str | None, stop_sequence: str | None, called: bool, refused: bool) -> str:
    """Return Anthropic's word for why an answer ended."""
    if native in FINISH and FINISH[native] == finish:
        return native
    if finish in (None, "stop", "tool_calls"):
        if called:  # a forced call ends with "stop" at OpenAI; clients of this API run tools only on this word
            return "tool_use"
        if refused:
            return "refusal"
        return "stop_sequence" if stop_sequence is not None else "end_turn"
    return STOP_REASON[finish]  # type: ignore[index]  # one of ours


def _block(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text):
        block: dict[str, Any] = {"type": "text", "text": part.text}
        if part.citations:
            block["citations"] = [cited(one) for one in part.citations]
        return block
    if isinstance(part, Refusal):
        return {"type": "text", "text": part.text}
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": input_of(part.arguments)}
    return block_of(part) if isinstance(part, Thinking) else None
