"""Ollama's own Chat API, <https://docs.ollama.com/api/chat>: unlike its OpenAI-compatible one it takes all options."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.dialects import ollama_read, ollama_reply, ollama_words, ollama_write, upstream, wire
from headgate.dialects.base import Reader, Tap, Writer
from headgate.dialects.envelope import MAX_MESSAGES, MAX_TOKENS, Envelope, Name, Raw, read
from headgate.dialects.json_guard import top_level
from headgate.dialects.ollama_stream import OllamaReader, OllamaWriter
from headgate.dialects.ollama_tap import OllamaTap


class _Message(msgspec.Struct, gc=False):
    role: Literal["user", "assistant", "system", "tool"]


class _Options(msgspec.Struct, gc=False):
    num_predict: Annotated[int, msgspec.Meta(le=MAX_TOKENS)] | None = None


class _Head(msgspec.Struct, gc=False):
    model: Name
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = True
    options: _Options | None = None
    tools: list[dict[str, Raw]] | None = None


_head = msgspec.json.Decoder(_Head)


class OllamaEnvelope(Envelope, gc=False):
    """A chat request."""

    known: ClassVar[frozenset[str]] = ollama_words.FIELDS

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; the limit stands among the options."""
        if max_tokens is None:
            return Envelope.patched(self, model)
        options = self.fields.get("options", wire.NULL)
        kept: dict[str, Any] = {} if options == wire.NULL else dict(wire.members(options))
        return wire.encode({**self.fields, "model": model, "options": {**kept, "num_predict": max_tokens}})


def envelope(body: bytes) -> OllamaEnvelope:
    """Read what the gateway itself needs of a request; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    limit = head.options.num_predict if head.options is not None else None
    if limit is not None and limit < 1:
        limit = None  # -1 and -2 mean without a limit
    return OllamaEnvelope(body, head.model, fields, head.stream is not False, limit, 1, True)


class OllamaChat:
    """See :class:`headgate.dialects.base.Dialect`."""

    name = ollama_words.NAME
    path = "/api/chat"
    stream_type = "application/x-ndjson"
    reply_type = "application/json"
    takes_urls = False
    """Of images only the bytes are taken."""

    envelope = staticmethod(envelope)
    read_request = staticmethod(ollama_read.read_request)
    write_request = staticmethod(ollama_write.write_request)
    read_reply = staticmethod(ollama_reply.read_reply)
    write_reply = staticmethod(ollama_reply.write_reply)
    sniff = staticmethod(ollama_reply.sniff)
    read_error = staticmethod(upstream.read_error)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; usage is never a line of its own."""
        return OllamaTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return OllamaReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return OllamaWriter(request)

    def write_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as clients of this API expect it, with our code and the field to blame beside it."""
        body = {"error": error.message, "code": error.code, "param": error.param}
        return wire.encode({name: value for name, value in body.items() if value is not None})

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last line of a stream."""
        return self.write_error(error, request_id) + b"\n"
