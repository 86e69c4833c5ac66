"""OpenAI's Completions API: a text goes on. The old form, which local model servers still offer."""

from headgate.core.chat import Request
from headgate.dialects import completions_read, completions_reply, completions_write
from headgate.dialects.base import Reader, Tap, Writer
from headgate.dialects.completions_stream import CompletionsReader, CompletionsWriter
from headgate.dialects.completions_tap import CompletionsTap
from headgate.dialects.completions_words import NAME
from headgate.dialects.openai import OpenAIChat


class Completions(OpenAIChat):
    """See :class:`headgate.dialects.base.Dialect`; what it shares with chat is how errors look."""

    name = NAME
    path = "/completions"

    envelope = staticmethod(completions_read.envelope)
    read_request = staticmethod(completions_read.read_request)
    write_request = staticmethod(completions_write.write_request)
    read_reply = staticmethod(completions_reply.read_reply)
    write_reply = staticmethod(completions_reply.write_reply)
    sniff = staticmethod(completions_reply.sniff)

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream."""
        return CompletionsTap(hide_usage)

    def reader(self) -> Reader:
        """Read an upstream stream."""
        return CompletionsReader()

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        return CompletionsWriter(request)
