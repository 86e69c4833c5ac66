"""Cohere's Chat API, second version, <https://docs.cohere.com/v2/reference/chat>."""

from typing import Annotated, ClassVar, Literal

import msgspec

from headgate.core.chat import Request
from headgate.dialects import cohere_errors, cohere_read, cohere_reply, cohere_words, cohere_write, wire
from headgate.dialects.base import Reader, Tap, Writer
from headgate.dialects.cohere_stream import CohereReader, CohereWriter
from headgate.dialects.cohere_tap import CohereTap
from headgate.dialects.envelope import MAX_MESSAGES, Envelope, Name, Raw, Tokens, no_content, read
from headgate.dialects.json_guard import top_level


class _Message(msgspec.Struct, gc=False):
    role: Literal["user", "assistant", "system", "tool"]
    content: Raw = wire.NULL


class _Head(msgspec.Struct, gc=False):
    model: Name
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = False
    max_tokens: Tokens | None = None
    tools: list[dict[str, Raw]] | None = None


_head = msgspec.json.Decoder(_Head)


class CohereEnvelope(Envelope, gc=False):
    """A chat request."""

    known: ClassVar[frozenset[str]] = cohere_words.FIELDS


def envelope(body: bytes) -> CohereEnvelope:
    """Read what the gateway itself needs of a request; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    for index, message in enumerate(head.messages):
        if message.content == wire.NULL and message.role != "assistant":
            raise no_content(index)
    return CohereEnvelope(body, head.model, fields, head.stream is True, head.max_tokens, 1, True)


class CohereChat:
    """See :class:`headgate.dialects.base.Dialect`."""

    name = cohere_words.NAME
    path = "/v2/chat"
    stream_type = "text/event-stream"
    reply_type = "application/json"

    envelope = staticmethod(envelope)
    read_request = staticmethod(cohere_read.read_request)
    write_request = staticmethod(cohere_write.write_request)
    read_reply = staticmethod(cohere_reply.read_reply)
    write_reply = staticmethod(cohere_reply.write_reply)
    sniff = staticmethod(cohere_reply.sniff)
    read_error = staticmethod(cohere_errors.read_error)
    write_error = staticmethod(cohere_errors.write_error)
    write_stream_error = staticmethod(cohere_errors.write_stream_error)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; usage is never an event of its own here."""
        return CohereTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return CohereReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return CohereWriter(request)
