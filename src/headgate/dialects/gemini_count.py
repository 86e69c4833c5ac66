"""Gemini's counting of tokens, <https://ai.google.dev/api/tokens#method:-models.counttokens>."""

from typing import Any, ClassVar

import msgspec

from headgate.core.chat import Reply, Request
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Sniff, Written
from headgate.dialects.contract import gemini as column
from headgate.dialects.envelope import Envelope
from headgate.dialects.fit import Fit
from headgate.dialects.gemini import Gemini
from headgate.dialects.gemini_envelope import GeminiEnvelope
from headgate.dialects.gemini_envelope import envelope_at as whole_at
from headgate.dialects.gemini_fields import Given
from headgate.dialects.gemini_read import request_of
from headgate.dialects.gemini_words import NAME
from headgate.dialects.gemini_write import body_of
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_reply import no_reply
from headgate.dialects.wire import ODD

INNER = ("generateContentRequest", "generate_content_request")


class CountEnvelope(Envelope, gc=False):
    """A request to count: contents alone, or a whole request inside."""

    known: ClassVar[frozenset[str]] = GeminiEnvelope.known | set(INNER)

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; a whole request inside names its model again."""
        fields: dict[str, Any] = self.fields.copy()
        if "model" in fields:
            fields["model"] = f"models/{model}"
        for name in INNER:
            if name in fields:
                fields[name] = {**wire.members(fields[name]), "model": f"models/{model}"}
        return self.body if fields == self.fields else wire.encode(fields)


def envelope_at(body: bytes, model: str, *, stream: bool) -> Envelope:
    """Read a request to count; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    inner = next((fields[name] for name in INNER if name in fields), None)
    whole_at(body if inner is None else bytes(inner), model, stream=stream)
    return CountEnvelope(body, model, fields)


class _Counted(msgspec.Struct, gc=False):
    totalTokens: int = 0
    error: Any = None


_counted = msgspec.json.Decoder(_Counted)


class CountGemini(Gemini):
    """``:countTokens``: the same contents, answered by a number."""

    name = "gemini-count-tokens"
    path = "/models/{model}:countTokens"

    envelope_at = staticmethod(envelope_at)

    @staticmethod
    def read_request(body: bytes) -> Request:
        """Read what is to be counted."""
        given = Given(top_level(body))
        inner = given.inner(INNER[0])
        return request_of(given if inner is None else inner)

    @staticmethod
    def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
        """Write what is to be counted; Vertex takes the fields as they are, Gemini in a request inside."""
        fit = Fit(NAME, request, to, drop, column.OWN)
        body = body_of(request, fit)
        whole = body.keys() != {"contents"} and to.kind != "vertex"
        return fit.written({INNER[0]: {"model": f"models/{to.model}", **body}} if whole else body)

    @staticmethod
    def read_reply(body: bytes) -> Reply:
        """Return the number as the usage of a reply that says nothing."""
        return Reply(id="", model="", choices=[], usage=Usage(_read(body)))

    @staticmethod
    def write_reply(reply: Reply) -> bytes:
        """Print the number."""
        return wire.encode({"totalTokens": reply.usage.input if reply.usage is not None else 0})

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Check the answer; counting uses no tokens."""
        _read(body)
        return Sniff(Usage())

    def write_count(self, tokens: int) -> bytes:
        """Print the answer where the gateway has counted by itself."""
        return wire.encode({"totalTokens": tokens})


def _read(body: bytes) -> int:
    try:
        found = _counted.decode(body)
    except ODD:
        no_reply("counts no tokens")
    if found.error is not None or found.totalTokens < 0:
        no_reply("counts no tokens")
    return found.totalTokens
