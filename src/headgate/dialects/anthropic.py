"""Anthropic's Messages API, and its counting of tokens."""

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.core.money import Usage
from headgate.dialects import anthropic_read, anthropic_reply, anthropic_write, upstream, wire
from headgate.dialects.anthropic_stream import MessagesReader, MessagesWriter
from headgate.dialects.anthropic_tap import MessagesTap
from headgate.dialects.anthropic_words import NAME
from headgate.dialects.base import Reader, Sniff, Tap, Writer
from headgate.dialects.envelope import Envelope, messages_envelope
from headgate.dialects.error_shapes import anthropic_error
from headgate.dialects.openai_reply import no_reply
from headgate.dialects.wire import ODD


class AnthropicMessages:
    """See :class:`headgate.dialects.base.Dialect`."""

    name = NAME
    path = "/v1/messages"
    in_headers = (b"anthropic-beta",)
    """Lines of a request's head that say what other APIs say in the body."""
    stream_type = "text/event-stream"
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    reply_type = "application/json"

    read_request = staticmethod(anthropic_read.read_request)
    write_request = staticmethod(anthropic_write.write_request)
    read_reply = staticmethod(anthropic_reply.read_reply)
    write_reply = staticmethod(anthropic_reply.write_reply)
    read_error = staticmethod(upstream.read_error)

    def envelope(self, body: bytes) -> Envelope:
        """Read what the gateway itself needs of a request."""
        return messages_envelope(body)

    def sniff(self, body: bytes) -> Sniff:
        """Read what the gateway needs of a whole reply."""
        return anthropic_reply.sniff(body)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; usage is never an event of its own here."""
        return MessagesTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return MessagesReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return MessagesWriter(request)

    def write_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error."""
        return anthropic_error(error, request_id)

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last event of a stream."""
        return b"event: error\ndata: %b\n\n" % anthropic_error(error, request_id)


class _Counted(msgspec.Struct, gc=False):
    input_tokens: int


_counted = msgspec.json.Decoder(_Counted)


class CountTokens(AnthropicMessages):
    """``/v1/messages/count_tokens``: the same requests without a limit, answered by a number."""

    name = "anthropic-count-tokens"
    path = "/v1/messages/count_tokens"

    def envelope(self, body: bytes) -> Envelope:
        """Read what the gateway itself needs of a request to count."""
        return messages_envelope(body, counting=True)

    def sniff(self, body: bytes) -> Sniff:
        """Check the answer; counting uses no tokens."""
        try:
            _counted.decode(body)
        except ODD:
            no_reply("counts no tokens")
        return Sniff(Usage())

    def write_count(self, tokens: int) -> bytes:
        """Print the answer where the gateway has counted by itself."""
        return wire.encode({"input_tokens": tokens})
