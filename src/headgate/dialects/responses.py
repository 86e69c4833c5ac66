"""OpenAI's Responses API, and its counting of tokens."""

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.core.money import Usage
from headgate.dialects import responses_read, responses_reply, responses_write, upstream, wire
from headgate.dialects.base import Reader, Sniff, Tap, Writer
from headgate.dialects.error_shapes import openai_error
from headgate.dialects.openai_reply import no_reply
from headgate.dialects.responses_envelope import responses_envelope
from headgate.dialects.responses_print import ResponsesWriter
from headgate.dialects.responses_stream import ResponsesReader
from headgate.dialects.responses_tap import ResponsesTap
from headgate.dialects.responses_words import NAME
from headgate.dialects.wire import ODD


class Responses:
    """See :class:`headgate.dialects.base.Dialect`."""

    name = NAME
    path = "/responses"
    stream_type = "text/event-stream"
    ping = b": ping\n\n"
    reply_type = "application/json"

    envelope = staticmethod(responses_envelope)
    read_request = staticmethod(responses_read.read_request)
    write_request = staticmethod(responses_write.write_request)
    read_reply = staticmethod(responses_reply.read_reply)
    write_reply = staticmethod(responses_reply.write_reply)
    read_error = staticmethod(upstream.read_error)

    def sniff(self, body: bytes) -> Sniff:
        """Read what the gateway needs of a whole response."""
        return responses_reply.sniff(body)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; usage is never an event of its own here."""
        return ResponsesTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return ResponsesReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return ResponsesWriter(request)

    def write_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error; the request's id stands in a header."""
        return openai_error(error)

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last event of a stream: nested, as it is sent, and flat, as the SDKs' types have it."""
        named = {"code": error.code, "message": error.message, "param": error.param}
        event = {"type": "error", **named, "error": {"type": error.type, **named}}
        return b"event: error\ndata: %b\n\n" % wire.encode(event)


class _Counted(msgspec.Struct, gc=False):
    input_tokens: int


_counted = msgspec.json.Decoder(_Counted)


class CountInput(Responses):
    """``/responses/input_tokens``: the same requests, answered by a number."""

    name = "openai-input-tokens"
    path = "/responses/input_tokens"

    def sniff(self, body: bytes) -> Sniff:
        """Check the answer; counting uses no tokens."""
        try:
            _counted.decode(body)
        except ODD:
            no_reply("counts no tokens")
        return Sniff(Usage())

    def write_count(self, tokens: int) -> bytes:
        """Print the answer where the gateway has counted by itself."""
        return wire.encode({"object": "response.input_tokens", "input_tokens": tokens})
