"""OpenAI's Embeddings API, <https://platform.openai.com/docs/api-reference/embeddings>: relayed, never translated."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.envelope import Envelope, Name, read
from headgate.dialects.fields import starts
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai import OpenAIChat
from headgate.dialects.openai_reply import no_reply
from headgate.dialects.openai_usage import Reported, usage_of
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.watch import believable

MAX_INPUTS = 2048
Meta = msgspec.Meta
_Token = Annotated[int, Meta(ge=0, le=2**31)]
_Tokens = Annotated[list[_Token], Meta(min_length=1, max_length=1_000_000)]


class _Head(msgspec.Struct, gc=False):
    model: Name
    input: msgspec.Raw
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    user: str | None = None


class EmbeddingsEnvelope(Envelope, gc=False):
    """A request for embeddings."""

    known: ClassVar[frozenset[str]] = frozenset({"model", "input", "encoding_format", "dimensions", "user"})

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; there is nothing else to patch."""
        return Envelope.patched(self, model)


_head = msgspec.json.Decoder(_Head)
_text = msgspec.json.Decoder(Annotated[str, Meta(min_length=1)])
_texts = msgspec.json.Decoder(Annotated[list[str], Meta(min_length=1, max_length=MAX_INPUTS)])
_tokens = msgspec.json.Decoder(_Tokens)
_batches = msgspec.json.Decoder(Annotated[list[_Tokens], Meta(min_length=1, max_length=MAX_INPUTS)])


def envelope(body: bytes) -> EmbeddingsEnvelope:
    """Read a request; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    _check(head.input)
    return EmbeddingsEnvelope(body, head.model, fields, user=head.user)


def _check(value: msgspec.Raw) -> None:
    """Check that the input is a string, strings, tokens, or arrays of tokens, and not too many of them."""
    if not starts(value, b"["):
        read(_text, value, "input")
        return
    items = wire.items(value)
    one = items[0] if items else wire.NULL
    if starts(one, b"["):
        read(_batches, value, "input")
    elif starts(one, b'"') or not items:
        read(_texts, value, "input")
    else:
        read(_tokens, value, "input")


class _Sniffed(msgspec.Struct, gc=False):
    data: msgspec.Raw = wire.NULL
    usage: Reported | None = None
    model: str | None = None
    error: Any = None


_sniffed = msgspec.json.Decoder(_Sniffed)


class Embeddings(OpenAIChat):
    """``/embeddings``: what it shares with chat is how errors look."""

    name = "openai-embeddings"
    path = "/embeddings"

    envelope = staticmethod(envelope)  # type: ignore[assignment]  # a narrower answer than chat's, of the same base

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read usage and model of a reply."""
        try:
            seen = _sniffed.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            no_reply("holds no embeddings")
        if seen.error is not None:
            raise read_stream_error(seen.error)
        if seen.data == wire.NULL:
            no_reply("holds no embeddings")
        usage = usage_of(seen.usage) if seen.usage is not None else None
        return Sniff(usage if usage is None or believable(usage) else None, None, seen.model)
