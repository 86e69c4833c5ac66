"""A kept answer in the form that a caller asks for: a stream of a whole one, a whole one of a stream."""

import msgspec

from headgate.cache.types import Entry
from headgate.core.call import Call
from headgate.core.chat import Reply, Text
from headgate.core.errors import HeadgateError
from headgate.core.fold import fold, unfold
from headgate.pipeline.parts import neutral


class Told(msgspec.Struct, frozen=True):
    """An answer as it is to be told."""

    body: bytes
    final: bytes | None = None
    """The whole of it, where its caller may go on from it: it has an id of its own."""


def in_form(call: Call, entry: Entry) -> Told | None:
    """Return the answer as *call* asks for it: the very bytes where they are that; ``None`` where it cannot be told.

    What has pictures or sound cannot be told as a stream of most formats, and what is no chat has only one form.
    """
    stream, kept = entry.form == "stream", call.keeper is not None
    if not kept and stream == call.streaming and (not stream or entry.usage_told == call.envelope.include_usage):
        return Told(entry.body)
    if call.operation != "chat":
        return None
    try:
        reply = read(call, entry)
        if kept:
            reply.id = reply.call_id = call.id
        if not call.streaming:
            whole: bytes = call.dialect.write_reply(reply)
            return Told(whole, whole if kept else None)
        writer = call.dialect.writer(neutral(call))
        writer.id, writer.created = reply.id or call.id, reply.created or entry.at // 1_000_000
        body = bytes(writer.write(unfold(reply)) + writer.close())
        return Told(body, getattr(writer, "final", None) if kept else None)
    except HeadgateError:
        return None


def read(call: Call, entry: Entry) -> Reply:
    """Return a kept answer in the neutral form; raise ``HeadgateError`` where it is none."""
    reply: Reply
    if entry.form == "whole":
        reply = call.dialect.read_reply(entry.body)
    else:
        reader = call.dialect.reader()
        reply = fold([*reader.feed(entry.body), *reader.close()])
        if reader.failure is not None:
            raise reader.failure
    reply.id = reply.id or entry.call_id
    reply.created = reply.created or entry.at // 1_000_000
    reply.model = reply.model or entry.model.partition("/")[2]
    reply.usage = reply.usage or entry.usage
    reply.call_id, reply.request = entry.call_id, neutral(call)
    return reply


def text_of(call: Call, entry: Entry) -> str:
    """Return the words of a kept answer; nothing where it is no chat, or cannot be read."""
    if call.operation != "chat":
        return ""
    try:
        choices = read(call, entry).choices
    except HeadgateError:
        return ""
    return "\n".join(part.text for choice in choices[:1] for part in choice.parts if isinstance(part, Text))
