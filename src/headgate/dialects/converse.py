"""Bedrock's Converse and ConverseStream APIs, <https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html>."""

import re
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import unquote

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.dialects import converse_errors, converse_read, converse_reply, converse_write, wire
from headgate.dialects.base import Reader, Tap, Writer
from headgate.dialects.converse_stream import ConverseReader, ConverseWriter
from headgate.dialects.converse_tap import ConverseTap
from headgate.dialects.converse_words import FIELDS, NAME
from headgate.dialects.envelope import MAX_MESSAGES, Envelope, Tokens, read, thought
from headgate.dialects.fields import starts
from headgate.dialects.json_guard import top_level

_PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream)")


class _Turn(msgspec.Struct, gc=False):
    role: Literal["user", "assistant", "system"]
    content: list[dict[str, msgspec.Raw]]


class _Inference(msgspec.Struct, gc=False):
    maxTokens: Tokens | None = None


class _Head(msgspec.Struct, gc=False):
    messages: Annotated[list[_Turn], msgspec.Meta(max_length=MAX_MESSAGES)] | None = None
    inferenceConfig: _Inference | None = None


_HEAD = msgspec.json.Decoder(_Head)


class ConverseEnvelope(Envelope, gc=False):
    """A Converse request. Its model stands in the path."""

    known: ClassVar[frozenset[str]] = FIELDS

    @property
    def least_output(self) -> int:
        """As Anthropic's own, where its models are told what to think."""
        more = self.fields.get("additionalModelRequestFields", wire.NULL)
        return 1 + thought(wire.members(more).get("thinking", wire.NULL)) if starts(more, b"{") else 1

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; the model and the usage need nothing in the body."""
        if max_tokens is None:
            return self.body
        fields: dict[str, Any] = self.fields.copy()
        config = fields.get("inferenceConfig", wire.NULL)
        kept = {} if config == wire.NULL else wire.members(config)
        fields["inferenceConfig"] = {**kept, "maxTokens": max_tokens}
        return wire.encode(fields)


class BedrockConverse:
    """See :class:`headgate.dialects.base.Dialect`."""

    name = NAME
    path = "/model/{model}/converse"
    stream_type = "application/vnd.amazon.eventstream"
    reply_type = "application/json"
    takes_urls = False
    """Images and documents must be in the request: their URLs are fetched before it is written."""

    read_request = staticmethod(converse_read.read_request)
    write_request = staticmethod(converse_write.write_request)
    read_reply = staticmethod(converse_reply.read_reply)
    write_reply = staticmethod(converse_reply.write_reply)
    sniff = staticmethod(converse_reply.sniff)
    read_error = staticmethod(converse_errors.read_error)
    write_error = staticmethod(converse_errors.write_error)

    def match(self, path: str) -> tuple[str, bool] | None:
        """Return the model that a path names, and whether it asks for a stream; ``None`` for any other path."""
        found = _PATH.fullmatch(path)
        return (unquote(found[1]), found[2] == "converse-stream") if found is not None else None

    def envelope(self, body: bytes) -> Envelope:
        """Read a request whose model is not known."""
        return self.envelope_at(body, "", stream=False)

    def envelope_at(self, body: bytes, model: str, *, stream: bool) -> Envelope:
        """Read what the gateway itself needs of a request for *model*."""
        fields = top_level(body)
        head = read(_HEAD, body)
        limit = head.inferenceConfig.maxTokens if head.inferenceConfig is not None else None
        return ConverseEnvelope(body, model, fields, stream, limit, 1, True)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; its usage comes with its end, and is never hidden."""
        return ConverseTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return ConverseReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return ConverseWriter(request)

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last frame of a stream."""
        return converse_errors.write_exception(error)


bedrock_converse = BedrockConverse()
