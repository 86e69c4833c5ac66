"""Reads and writes whole Chat Completions replies, <https://platform.openai.com/docs/api-reference/chat/object>."""

from typing import Any, NoReturn

from headgate.core.chat import Choice, Extra, Image, Part, Refusal, Reply, Text, Thinking, ToolCall
from headgate.core.errors import UpstreamFailed
from headgate.core.fold import fold
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.openai_choices import sniffed, spoken, worked
from headgate.dialects.openai_messages import detail
from headgate.dialects.openai_pieces import Pieces, annotation
from headgate.dialects.openai_usage import printed, usage_in
from headgate.dialects.openai_words import FINISH, NAME
from headgate.dialects.pictures import is_image, name_lost, printed_image
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.watch import loosely
from headgate.dialects.wire import ODD

_READ = frozenset({"id", "model", "created", "choices", "usage", "object"})
_READ_CHOICE = frozenset({"index", "message", "finish_reason", "logprobs", "stop_reason"})


def sniff(body: bytes) -> Sniff:
    """Read usage, finish, model and id of a reply; raise ``UpstreamFailed`` for what is none."""
    return sniffed(body, FINISH, read_reply)


def document(body: bytes) -> dict[str, Any]:
    """Decode a reply; raise ``UpstreamFailed`` for what is no JSON object, or an error in disguise."""
    try:
        found = loosely(body)
    except ODD:
        no_reply("is no JSON")
    if not isinstance(found, dict):
        no_reply("is no JSON object")
    error = found.get("error")
    if error and not found.get("choices") and not found.get("content"):
        raise read_stream_error(error)
    return found


def no_reply(why: str) -> NoReturn:
    """Raise for an answer with status 200 that answers nothing."""
    raise UpstreamFailed(
        f"The provider's answer {why}.",
        status=502,
        code="upstream_invalid_response",
        same_target=True,
        billed="uncertain",
    )


def read_reply(body: bytes) -> Reply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    raw_choices = found.get("choices")
    if not isinstance(raw_choices, list):
        no_reply("has no choices")
    id_, model, created = spoken(found)
    reply = Reply(
        id=id_,
        model=model,
        created=created,
        choices=[],
        usage=usage_in(found),
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in _READ}),
    )
    pieces = Pieces(reply.id, whole=True)
    for position, raw in enumerate(raw_choices):
        if isinstance(raw, dict):
            reply.choices.append(_choice(raw, position, pieces))
    worked([choice.native for choice in reply.choices])
    return reply


def _choice(raw: dict[str, Any], position: int, pieces: Pieces) -> Choice:
    index = raw.get("index")
    at = index if isinstance(index, int) else position
    message = raw.get("message")
    chunks = pieces.read(message if isinstance(message, dict) else {}, at, raw.get("logprobs"))
    folded = fold(chunks).choices
    choice = folded[0] if folded else Choice(at, [])
    native, stopped = raw.get("finish_reason"), raw.get("stop_reason")
    if isinstance(native, str):
        choice.finish, choice.native = FINISH.get(native, "stop"), native
    choice.stop_sequence = stopped if isinstance(stopped, str) else None
    rest = {k: v for k, v in raw.items() if k not in _READ_CHOICE}
    choice.extra = Extra(NAME, rest) if rest else None
    return choice


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply; what another dialect's reply had beside it stands in fields that clients pass over."""
    for choice in reply.choices:
        name_lost(reply, choice.parts, is_image)
    body: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [_written(choice) for choice in reply.choices],
    }
    if reply.usage is not None:
        body["usage"] = printed(reply.usage)
    if reply.extra is not None and reply.extra.dialect == NAME:
        body.update(reply.extra.fields)
    return wire.encode(body)


def _written(choice: Choice) -> dict[str, Any]:
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    refusals = [part.text for part in choice.parts if isinstance(part, Refusal)]
    thoughts = [part for part in choice.parts if isinstance(part, Thinking)]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not (calls or refusals) else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    annotations = _annotations(choice.parts)
    if annotations:
        message["annotations"] = annotations
    if thoughts:
        said = "".join(part.text for part in thoughts)
        if said:
            message["reasoning"] = said
        if any(part.source is not None for part in thoughts):
            message["reasoning_details"] = [detail(part, index) for index, part in enumerate(thoughts)]
    images = [printed_image(part) for part in choice.parts if isinstance(part, Image)]
    if images:
        message["images"] = images
    if calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls
        ]
    written = {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": choice.finish or "stop",
    }
    written.update(reasons(choice.finish, choice.native, choice.stop_sequence))
    if choice.extra is not None and choice.extra.dialect == NAME:
        written.update(choice.extra.fields)
    return written


def _annotations(parts: list[Part]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start = 0
    for part in parts:
        if isinstance(part, Text):
            end = start + len(part.text)
            found += [annotation(one, start, end) for one in part.citations or ()]
            start = end
    return found


def reasons(finish: str | None, native: str | None, stop_sequence: str | None) -> dict[str, Any]:
    """The provider's own reason where it says more than ours, and the stop sequence that was met."""
    found: dict[str, Any] = {}
    if native is not None and native != finish:
        found["native_finish_reason"] = native
    if stop_sequence is not None:
        found["stop_reason"] = stop_sequence
    return found
