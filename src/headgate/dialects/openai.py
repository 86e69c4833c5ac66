"""OpenAI's Chat Completions API, and that of the many servers who copy it."""

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.dialects import openai_read, openai_reply, openai_write, upstream
from headgate.dialects.base import Reader, Tap, Writer
from headgate.dialects.envelope import chat_envelope
from headgate.dialects.error_shapes import openai_error
from headgate.dialects.openai_stream import ChatReader, ChatWriter
from headgate.dialects.openai_tap import ChatTap
from headgate.dialects.openai_words import NAME


class OpenAIChat:
    """See :class:`headgate.dialects.base.Dialect`."""

    name = NAME
    path = "/chat/completions"
    stream_type = "text/event-stream"
    ping = b": ping\n\n"
    reply_type = "application/json"

    envelope = staticmethod(chat_envelope)
    read_request = staticmethod(openai_read.read_request)
    write_request = staticmethod(openai_write.write_request)
    read_reply = staticmethod(openai_reply.read_reply)
    write_reply = staticmethod(openai_reply.write_reply)
    sniff = staticmethod(openai_reply.sniff)
    read_error = staticmethod(upstream.read_error)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream."""
        return ChatTap(hide_usage)

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return ChatReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return ChatWriter(request)

    def write_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error; the request's id stands in a header."""
        return openai_error(error)

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last event of a stream: no terminator follows it."""
        return b"data: %b\n\n" % openai_error(error)
