"""Reads and writes whole Completions replies, <https://platform.openai.com/docs/api-reference/completions/object>."""

from typing import Any

from headgate.core.chat import Choice, Extra, Part, Refusal, Reply, Text, Thinking
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.completions_logprobs import to_chat, to_completions
from headgate.dialects.completions_words import FINISH, NAME
from headgate.dialects.openai_choices import sniffed, spoken, worked
from headgate.dialects.openai_reply import document, no_reply, reasons
from headgate.dialects.openai_usage import printed, usage_in
from headgate.dialects.pictures import name_lost

_OBJECT = "text_completion"
_READ = frozenset({"id", "model", "created", "choices"})
_READ_CHOICE = frozenset({"index", "text", "finish_reason"})


def sniff(body: bytes) -> Sniff:
    """Read usage, finish, model and id of a reply; raise ``UpstreamFailed`` for what is none."""
    return sniffed(body, FINISH, read_reply)


def read_reply(body: bytes) -> Reply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    raws = found.get("choices")
    if not isinstance(raws, list):
        no_reply("has no choices")
    id_, model, created = spoken(found)
    reply = Reply(
        id=id_,
        model=model,
        created=created,
        choices=[_choice(raw, position) for position, raw in enumerate(raws) if isinstance(raw, dict)],
        usage=usage_in(found),
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in _READ}),
    )
    worked([choice.native for choice in reply.choices])
    return reply


def _choice(raw: dict[str, Any], position: int) -> Choice:
    index, text, native = raw.get("index"), raw.get("text"), raw.get("finish_reason")
    stopped = raw.get("stop_reason")
    parts: list[Part] = [Text(text)] if isinstance(text, str) and text else []
    finish = FINISH.get(native, "stop") if isinstance(native, str) else None
    return Choice(
        index if isinstance(index, int) else position,
        parts,
        finish,
        native if isinstance(native, str) else None,
        stopped if isinstance(stopped, str) else None,
        to_chat(raw.get("logprobs")),
        Extra(NAME, {k: v for k, v in raw.items() if k not in _READ_CHOICE}),
    )


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply; what a chat model thought stands in a field that clients pass over."""
    for choice in reply.choices:
        name_lost(reply, choice.parts)
    body: dict[str, Any] = {
        "id": reply.id,
        "object": _OBJECT,
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
    same = choice.extra is not None and choice.extra.dialect == NAME
    written: dict[str, Any] = {
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal)),
        "index": choice.index,
        "logprobs": to_completions(choice.logprobs, 0),
        "finish_reason": choice.native if same else finish_of(choice.finish),
    }
    if choice.extra is not None and same:
        written.update(choice.extra.fields)
        return written
    thought = "".join(part.text for part in choice.parts if isinstance(part, Thinking))
    if thought:
        written["reasoning"] = thought
    written.update(reasons(choice.finish, choice.native, choice.stop_sequence))
    return written


def finish_of(finish: str | None) -> str:
    """Return the word for why an answer ended: there are but three."""
    return finish if finish in ("length", "content_filter") else "stop"
