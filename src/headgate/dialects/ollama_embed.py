"""Ollama's Embed API, <https://docs.ollama.com/api/embed>."""

from typing import Annotated, Any, ClassVar

import msgspec

from headgate.core.chat import Extra
from headgate.core.errors import BadRequest
from headgate.core.money import Usage
from headgate.core.tasks import EmbedReply, EmbedRequest
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Sniff, Written
from headgate.dialects.envelope import Envelope, Name, Raw, read
from headgate.dialects.fields import Fields, starts
from headgate.dialects.fit import Fit, merge
from headgate.dialects.json_guard import top_level
from headgate.dialects.ollama import OllamaChat
from headgate.dialects.ollama_usage import usage_in
from headgate.dialects.openai_embeddings import HINTS
from headgate.dialects.openai_embeddings import NAME as OPENAI
from headgate.dialects.openai_reply import document, no_reply

NAME = "ollama-embed"
MAX_INPUTS = 2048
_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)])


class _Head(msgspec.Struct, gc=False):
    model: Name
    input: Raw


_head = msgspec.json.Decoder(_Head)


class OllamaEmbedEnvelope(Envelope, gc=False):
    """A request for embeddings."""

    known: ClassVar[frozenset[str]] = frozenset({"model", "input", "truncate", "dimensions", "options", "keep_alive"})

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; there is nothing else to patch."""
        return Envelope.patched(self, model)


def envelope(body: bytes) -> OllamaEmbedEnvelope:
    """Read a request; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    _inputs(head.input)
    return OllamaEmbedEnvelope(body, head.model, fields)


def _inputs(value: Raw) -> list[str]:
    return read(_texts, value, "input") if starts(value, b"[") else [read(_text, value, "input")]


def read_request(body: bytes) -> EmbedRequest:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    value = given.need("input", given.raw("input"))
    request = EmbedRequest(
        model=given.need("model", given.text("model")),
        texts=_inputs(value),
        dimensions=given.count("dimensions"),
        single=not starts(value, b"["),
    )
    request.extra = Extra(NAME, given.rest)
    return request


def write_request(request: EmbedRequest, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for tokens, which only their own model understands."""
    fit = Fit(NAME, request, to, drop, {})
    if request.tokens:
        raise BadRequest(
            f"{to.name} takes texts, not arrays of tokens. Send the texts themselves.",
            code="unsupported_parameter",
            param="input",
        )
    one = request.single and len(request.texts) == 1
    body: dict[str, Any] = {"model": to.model, "input": request.texts[0] if one else request.texts}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if fit.source == OPENAI:
        body["truncate"] = False  # there a text that is too long is an error
    for field, usual in (*HINTS.items(), ("user", "user")):
        if getattr(request, field) is not None:
            fit.ignore(usual)
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def read_reply(body: bytes) -> EmbedReply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    vectors, model = found.get("embeddings"), found.get("model")
    if not isinstance(vectors, list):
        no_reply("holds no embeddings")
    for one in vectors:
        if not isinstance(one, list) or not all(type(number) in (int, float) for number in one):
            no_reply("holds an embedding that is no vector")
    return EmbedReply(
        model=model if isinstance(model, str) else "",
        vectors=vectors,
        usage=usage_in(found)[0],
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in ("model", "embeddings")}),
    )


def write_reply(reply: EmbedReply) -> bytes:
    """Print a whole reply."""
    body: dict[str, Any] = {"model": reply.model, "embeddings": reply.vectors}
    if reply.extra is not None and reply.extra.dialect == NAME:
        body |= reply.extra.fields
    else:
        body["prompt_eval_count"] = (reply.usage or Usage()).input
    return wire.encode(body)


class OllamaEmbed(OllamaChat):
    """``/api/embed``: what it shares with chat is how errors look. Its neutral forms are those of ``core.tasks``."""

    name = NAME
    path = "/api/embed"

    envelope = staticmethod(envelope)  # type: ignore[assignment]  # a narrower answer than chat's, of the same base
    read_request = staticmethod(read_request)  # type: ignore[assignment]  # another neutral form than chat's
    write_request = staticmethod(write_request)  # type: ignore[assignment]
    read_reply = staticmethod(read_reply)  # type: ignore[assignment]
    write_reply = staticmethod(write_reply)  # type: ignore[assignment]

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read usage and model of a reply."""
        reply = read_reply(body)
        return Sniff(reply.usage, None, reply.model or None)
