"""Cohere's Embed API, second version, <https://docs.cohere.com/v2/reference/embed>."""

from typing import Annotated, Any, ClassVar

import msgspec

from headgate.core.chat import Extra
from headgate.core.errors import BadRequest
from headgate.core.tasks import EmbedReply, EmbedRequest, Use
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Sniff, Written
from headgate.dialects.cohere import CohereChat
from headgate.dialects.cohere_usage import usage_in
from headgate.dialects.envelope import Envelope, Name, Raw, read
from headgate.dialects.fields import Fields
from headgate.dialects.fit import Fit, merge
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_embeddings import HINTS, packed, unpacked
from headgate.dialects.openai_reply import document, no_reply

NAME = "cohere-embed"
MAX_INPUTS = 2048
INPUT_TYPES: dict[Use, str] = {
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}
USES: dict[str, Use] = {word: use for use, word in INPUT_TYPES.items()}
USUAL: Use = "document"
"""What vectors are for where the caller does not say: the API wants it told."""
_texts = msgspec.json.Decoder(Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)])


class _Head(msgspec.Struct, gc=False):
    model: Name
    input_type: str
    texts: Annotated[list[str], msgspec.Meta(max_length=MAX_INPUTS)] | None = None
    images: list[Raw] | None = None
    inputs: list[Raw] | None = None


_head = msgspec.json.Decoder(_Head)


class CohereEmbedEnvelope(Envelope, gc=False):
    """A request for embeddings."""

    known: ClassVar[frozenset[str]] = frozenset(
        {"model", "input_type", "texts", "images", "inputs", "max_tokens", "output_dimension", "embedding_types"}
        | {"truncate", "priority"}
    )

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; there is nothing else to patch."""
        return Envelope.patched(self, model)


def envelope(body: bytes) -> CohereEmbedEnvelope:
    """Read a request; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    if not (head.texts or head.images or head.inputs):
        raise BadRequest(
            "Missing required parameter: 'texts'. Send 'texts', 'images' or 'inputs'.",
            code="missing_required_parameter",
            param="texts",
        )
    return CohereEmbedEnvelope(body, head.model, fields)


def read_request(body: bytes) -> EmbedRequest:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    model = envelope(body).model
    given = Fields(top_level(body))
    del given.rest["model"]
    form: dict[str, str] = {}
    asked = given.text("input_type") or ""
    if asked not in USES:
        form["input_type"] = asked
    types = given.rest.get("embedding_types")
    encodings = given.names("embedding_types")
    request = EmbedRequest(
        model=model,
        texts=given.take("texts", _texts) or [],
        dimensions=given.count("output_dimension"),
        use=USES.get(asked),
    )
    if encodings in (["float"], ["base64"]):
        request.encoding = "float" if encodings == ["float"] else "base64"
    elif types is not None:
        given.rest["embedding_types"] = types
    request.extra = Extra(NAME, given.rest, form)
    return request


def write_request(request: EmbedRequest, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for tokens, which only their own model understands."""
    fit = Fit(NAME, request, to, drop, {})
    form = request.extra.form if request.extra is not None and fit.same else {}
    if request.tokens:
        raise BadRequest(
            f"{to.name} takes texts, not arrays of tokens. Send the texts themselves.",
            code="unsupported_parameter",
            param="input",
        )
    body: dict[str, Any] = {"model": to.model}
    if request.texts:
        body["texts"] = request.texts
    kind = form.get("input_type") or INPUT_TYPES[request.use or USUAL]
    body["input_type"] = kind
    if request.use is None and not form.get("input_type"):
        fit.defaulted.append(f"input_type={kind}")
    if not fit.same:
        body["embedding_types"] = ["float"]  # the caller's own encoding is written from numbers
    elif request.encoding is not None:
        body["embedding_types"] = [request.encoding]
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    for field, usual in (("title", HINTS["title"]), ("user", "user")):
        if getattr(request, field) is not None:
            fit.ignore(usual)
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def read_reply(body: bytes) -> EmbedReply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    id_, encoded = found.get("id"), found.get("embeddings")
    if isinstance(encoded, list):  # the form of the first version, and of one type alone
        encoded = {"float": encoded}
    if not isinstance(encoded, dict):
        no_reply("holds no embeddings")
    floats, texts = encoded.get("float"), encoded.get("base64")
    rest = {k: v for k, v in found.items() if k not in ("id", "embeddings")}
    others = {k: v for k, v in encoded.items() if k not in ("float", "base64")}
    if others:
        rest["embeddings"] = others
    return EmbedReply(
        id=id_ if isinstance(id_, str) else "",
        vectors=_floats(floats) if isinstance(floats, list) else _unpacked(texts),
        encoding="base64" if not isinstance(floats, list) and texts else None,
        usage=usage_in(found.get("meta")),
        extra=Extra(NAME, rest),
    )


def _floats(vectors: list[Any]) -> list[list[float]]:
    for one in vectors:
        if not isinstance(one, list) or not all(type(number) in (int, float) for number in one):
            no_reply("holds an embedding that is no vector")
    return vectors


def _unpacked(texts: Any) -> list[list[float]]:
    try:
        return [unpacked(text) for text in texts] if isinstance(texts, list) else []
    except (ValueError, TypeError):
        no_reply("holds an embedding that is no vector")


def write_reply(reply: EmbedReply) -> bytes:
    """Print a whole reply."""
    kind = "base64" if reply.encoding == "base64" else "float"
    vectors: list[Any] = [packed(one) for one in reply.vectors] if kind == "base64" else reply.vectors
    own = reply.extra is not None and reply.extra.dialect == NAME
    embeddings = {kind: vectors} if vectors or not own else {}
    body: dict[str, Any] = {"id": reply.id, "embeddings": embeddings}
    if reply.extra is not None and own:
        merge(body, reply.extra.fields)
    else:
        counts = {"input_tokens": reply.usage.input if reply.usage is not None else 0}
        body["meta"] = {"api_version": {"version": "2"}, "billed_units": counts}
        body["response_type"] = "embeddings_by_type"
    return wire.encode(body)


class CohereEmbed(CohereChat):
    """``/v2/embed``: what it shares with chat is how errors look. Its neutral forms are those of ``core.tasks``."""

    name = NAME
    path = "/v2/embed"

    envelope = staticmethod(envelope)  # type: ignore[assignment]  # a narrower answer than chat's, of the same base
    read_request = staticmethod(read_request)  # type: ignore[assignment]  # another neutral form than chat's
    write_request = staticmethod(write_request)  # type: ignore[assignment]
    read_reply = staticmethod(read_reply)  # type: ignore[assignment]
    write_reply = staticmethod(write_reply)  # type: ignore[assignment]

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read what is billed of a reply."""
        found = document(body)
        if not found.get("embeddings"):
            no_reply("holds no embeddings")
        return Sniff(usage_in(found.get("meta")))
