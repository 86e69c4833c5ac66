"""Google's Gemini: generateContent and its stream, <https://ai.google.dev/api/generate-content>; also at Vertex AI."""

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.dialects import gemini_read, gemini_reply, gemini_reply_write, gemini_write
from headgate.dialects.base import Reader, Tap, Writer
from headgate.dialects.envelope import Envelope
from headgate.dialects.gemini_envelope import envelope_at, no_model
from headgate.dialects.gemini_errors import gemini_error, read_error
from headgate.dialects.gemini_parts import is_own
from headgate.dialects.gemini_print import ArrayWriter, GeminiWriter
from headgate.dialects.gemini_stream import ArrayReader, GeminiReader
from headgate.dialects.gemini_tap import ArrayTap, GeminiTap
from headgate.dialects.gemini_words import NAME


class Gemini:
    """See :class:`headgate.dialects.base.Dialect`. Its streams are server-sent events."""

    name = NAME
    path = "/models/{model}:generateContent"
    stream_type = "text/event-stream"
    reply_type = "application/json"
    takes_urls = False
    keeps_url = staticmethod(is_own)

    envelope_at = staticmethod(envelope_at)
    read_request = staticmethod(gemini_read.read_request)
    write_request = staticmethod(gemini_write.write_request)
    read_reply = staticmethod(gemini_reply.read_reply)
    write_reply = staticmethod(gemini_reply_write.write_reply)
    sniff = staticmethod(gemini_reply.sniff)
    read_error = staticmethod(read_error)

    def envelope(self, body: bytes) -> Envelope:
        """Refuse: without its path a request names no model."""
        raise no_model()

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; usage is never an event of its own here."""
        return GeminiTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return GeminiReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return GeminiWriter(request)

    def write_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error; the request's id stands in a header."""
        return gemini_error(error)

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last event of a stream."""
        return b"data: %b\n\n" % gemini_error(error)


class GeminiArray(Gemini):
    """The same, but a stream is one JSON array: what Google sends where the query does not say ``alt=sse``."""

    name = "gemini-array"
    stream_type = "application/json"

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream."""
        return ArrayTap()

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return ArrayReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return ArrayWriter(request)

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last element of the array."""
        return b",\r\n%b]" % gemini_error(error)


def wants_events(query: bytes) -> bool:
    """Tell whether a stream is asked for as server-sent events."""
    return b"alt=sse" in query.split(b"&")
