"""OpenAI's Embeddings API, <https://platform.openai.com/docs/api-reference/embeddings>."""

import binascii
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.core.chat import Extra
from headgate.core.tasks import EmbedReply, EmbedRequest, Use
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Sniff, Written
from headgate.dialects.envelope import Envelope, Name, read
from headgate.dialects.fields import Fields, starts
from headgate.dialects.fit import Fit, merge
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai import OpenAIChat
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.openai_usage import Reported, usage_of
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD

NAME = "openai-embeddings"
MAX_INPUTS = 2048
USES: Mapping[str, Use] = {
    "search_document": "document",
    "document": "document",
    "passage": "document",
    "search_query": "query",
    "query": "query",
    "classification": "classification",
    "clustering": "clustering",
}
"""What ``input_type`` may say: OpenAI's own servers have no such field, others who copied the format do."""
HINTS = {"use": "input_type", "title": "title"}
"""What only sharpens the vectors of models that look at it, and what that is called where the source does not say."""
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


def read_request(body: bytes) -> EmbedRequest:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    head = read(_head, body)
    value = given.raw("input") or wire.NULL
    for name in ("model", "dimensions", "encoding_format", "user"):
        given.rest.pop(name, None)
    request = EmbedRequest(
        model=head.model, dimensions=head.dimensions, encoding=head.encoding_format, user=head.user,
        single=not starts(value, b"["),
    )  # fmt: skip
    _check(value)
    first = wire.items(value)[0] if not request.single else value
    if starts(first, b"["):
        request.tokens = _batches.decode(value)
    elif starts(first, b'"'):
        request.texts = [_any_text(value)] if request.single else [_any_text(one) for one in wire.items(value)]
    else:
        request.tokens, request.single = [_tokens.decode(value)], True
    said = given.rest.get("input_type", wire.NULL)
    if said != wire.NULL and (use := USES.get(str(wire.decode(said)))) is not None:
        request.use = use
        del given.rest["input_type"]
    request.extra = Extra(NAME, given.rest)
    return request


def write_request(request: EmbedRequest, to: Abilities, *, drop: bool) -> Written:
    """Write *request*. What the vectors are for is a hint that is left out, and told."""
    fit = Fit(NAME, request, to, drop, {})
    texts: list[Any] = request.tokens or request.texts
    body: dict[str, Any] = {"model": to.model, "input": texts[0] if request.single and len(texts) == 1 else texts}
    for name, value in (
        ("dimensions", request.dimensions),
        ("encoding_format", request.encoding),
        ("user", request.user),
    ):
        if value is not None:
            body[name] = value
    spelt = request.extra.form if request.extra is not None else {}
    for name, usual in HINTS.items():
        if getattr(request, name) is not None:
            fit.ignore(spelt.get(name, usual))
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def read_reply(body: bytes) -> EmbedReply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    data = found.get("data")
    if not isinstance(data, list):
        no_reply("holds no embeddings")
    try:
        told = msgspec.convert(found.get("usage"), Reported | None)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        told = None
    usage = usage_of(told) if told is not None else None
    model = found.get("model")
    return EmbedReply(
        model=model if isinstance(model, str) else "",
        vectors=[_vector(one) for one in sorted(data, key=_index)],
        usage=usage if usage is None or believable(usage) else None,
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in ("object", "data", "model", "usage")}),
    )


def _any_text(value: msgspec.Raw) -> str:
    return str(wire.decode(value))


def _index(one: Any) -> int:
    index = one.get("index") if isinstance(one, dict) else None
    return index if isinstance(index, int) else 0


def _vector(one: Any) -> list[float]:
    value = one.get("embedding") if isinstance(one, dict) else None
    if isinstance(value, list) and all(type(number) in (int, float) for number in value):
        return value
    if isinstance(value, str):
        try:
            return unpacked(value)
        except ValueError:
            pass
    no_reply("holds an embedding that is no vector")


def write_reply(reply: EmbedReply) -> bytes:
    """Print a whole reply, its vectors as numbers or as base64."""
    packs = reply.encoding == "base64"
    used = reply.usage.input if reply.usage is not None else 0
    data = [
        {"object": "embedding", "index": index, "embedding": packed(vector) if packs else vector}
        for index, vector in enumerate(reply.vectors)
    ]
    body: dict[str, Any] = {"object": "list", "data": data, "model": reply.model}
    body["usage"] = {"prompt_tokens": used, "total_tokens": used}
    if reply.extra is not None and reply.extra.dialect == NAME:
        body.update(reply.extra.fields)
    return wire.encode(body)


def packed(vector: list[float]) -> str:
    """Return a vector as base64 of little-endian 32-bit floats; what is past their range becomes infinite."""
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return b64encode(floats.tobytes()).decode()


def unpacked(text: str) -> list[float]:
    """Return the vector that *text* holds as :func:`packed` does; raise ``ValueError`` where it holds none."""
    floats = array("f")
    try:
        floats.frombytes(b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()


class _Sniffed(msgspec.Struct, gc=False):
    data: msgspec.Raw = wire.NULL
    usage: Reported | None = None
    model: str | None = None
    error: Any = None


_sniffed = msgspec.json.Decoder(_Sniffed)


class Embeddings(OpenAIChat):
    """``/embeddings``: what it shares with chat is how errors look. Its neutral forms are those of ``core.tasks``."""

    name = NAME
    path = "/embeddings"

    envelope = staticmethod(envelope)  # type: ignore[assignment]  # a narrower answer than chat's, of the same base
    read_request = staticmethod(read_request)  # type: ignore[assignment]  # another neutral form than chat's
    write_request = staticmethod(write_request)  # type: ignore[assignment]
    read_reply = staticmethod(read_reply)  # type: ignore[assignment]
    write_reply = staticmethod(write_reply)  # type: ignore[assignment]

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read usage and model of a reply."""
        try:
            seen = _sniffed.decode(body)
        except ODD:
            no_reply("holds no embeddings")
        if seen.error is not None:
            raise read_stream_error(seen.error)
        if seen.data == wire.NULL:
            no_reply("holds no embeddings")
        usage = usage_of(seen.usage) if seen.usage is not None else None
        return Sniff(usage if usage is None or believable(usage) else None, None, seen.model)
