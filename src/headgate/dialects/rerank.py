"""Reranking, in the form that Cohere's second version made common, <https://docs.cohere.com/v2/reference/rerank>.

Our own surface speaks it, and so do vLLM, Jina, Together and others at ``/rerank``. They differ in what they count
(search units, tokens) and in how they give a document back (a text, or an object with one).
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.core.chat import Extra
from headgate.core.errors import BadRequest
from headgate.core.money import Usage
from headgate.core.tasks import Ranked, RerankReply, RerankRequest
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Sniff, Written
from headgate.dialects.cohere_usage import usage_in as billed
from headgate.dialects.envelope import Envelope, Name, Tokens, read
from headgate.dialects.fields import Fields
from headgate.dialects.fit import Fit, merge
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai import OpenAIChat
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.watch import believable

NAME = "rerank"
MAX_DOCUMENTS = 10_000
Meta = msgspec.Meta
_Document = str | dict[str, Any]
_text = msgspec.json.Decoder(Annotated[str, Meta(min_length=1)])
_documents = msgspec.json.Decoder(Annotated[list[_Document], Meta(min_length=1, max_length=MAX_DOCUMENTS)])


class _Head(msgspec.Struct, gc=False):
    model: Name
    query: Annotated[str, Meta(min_length=1)]
    documents: Annotated[list[_Document], Meta(min_length=1, max_length=MAX_DOCUMENTS)]
    top_n: Tokens | None = None
    return_documents: bool | None = None
    max_tokens_per_doc: Tokens | None = None
    stream: Literal[False] | None = None
    user: str | None = None


_head = msgspec.json.Decoder(_Head)


class RerankEnvelope(Envelope, gc=False):
    """A request to rerank."""

    known: ClassVar[frozenset[str]] = frozenset(
        {"model", "query", "documents", "top_n", "return_documents", "max_tokens_per_doc", "user"}
        | {"rank_fields", "max_chunks_per_doc", "relevant_spans", "priority", "truncation"}
    )

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; there is nothing else to patch."""
        return Envelope.patched(self, model)


def envelope(body: bytes) -> RerankEnvelope:
    """Read a request; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    return RerankEnvelope(body, head.model, fields, user=head.user)


def read_request(body: bytes) -> RerankRequest:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids."""
    given = Fields(top_level(body))
    request = RerankRequest(
        model=given.need("model", given.text("model")),
        query=given.need("query", given.take("query", _text)),
        documents=given.need("documents", given.take("documents", _documents)),
        top_n=given.count("top_n"),
        return_documents=given.flag("return_documents"),
        max_tokens_per_document=given.count("max_tokens_per_doc"),
        user=given.text("user"),
    )
    request.extra = Extra(NAME, given.rest)
    return request


def write_request(request: RerankRequest, to: Abilities, *, drop: bool) -> Written:
    """Write *request* as it is for a server that takes everything of the form."""
    fit = Fit(NAME, request, to, drop, {})
    body: dict[str, Any] = {"model": to.model, "query": request.query, "documents": request.documents}
    given = {
        "top_n": request.top_n,
        "return_documents": request.return_documents,
        "max_tokens_per_doc": request.max_tokens_per_document,
        "user": request.user,
    }
    body.update({name: value for name, value in given.items() if value is not None})
    merge(body, fit.leftover(request.extra, ""))
    return fit.written(body)


def read_reply(body: bytes) -> RerankReply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    results = found.get("results")
    if not isinstance(results, list):
        no_reply("has no results")
    id_, model, created = found.get("id"), found.get("model"), found.get("created")
    usage = usage_in(found)
    reply = RerankReply(
        id=id_ if isinstance(id_, str) else "",
        model=model if isinstance(model, str) else "",
        created=created if isinstance(created, int) else 0,
        results=[_ranked(one) for one in results],
        usage=usage,
        searches=usage.searches or None,
    )
    reply.extra = Extra(NAME, {k: v for k, v in found.items() if k not in ("id", "model", "created", "results")})
    return reply


def _ranked(one: Any) -> Ranked:
    index = one.get("index") if isinstance(one, dict) else None
    score = one.get("relevance_score", one.get("score")) if isinstance(one, dict) else None
    if type(index) is not int or index < 0 or isinstance(score, bool) or not isinstance(score, int | float):
        no_reply("ranks something that is no document of the request")
    given = one.get("document")
    return Ranked(index, score, given if isinstance(given, str | dict) else None)


def write_reply(reply: RerankReply) -> bytes:
    """Print a whole reply: a document given back is an object with its text, as in the first version."""
    body: dict[str, Any] = {"id": reply.id}
    if reply.model:
        body["model"] = reply.model
    body["results"] = [_printed(one) for one in reply.results]
    if reply.extra is not None and reply.extra.dialect == NAME:
        return wire.encode(body | reply.extra.fields)
    if reply.searches is not None:
        body["meta"] = {"api_version": {"version": "2"}, "billed_units": {"search_units": reply.searches}}
    if reply.usage is not None and reply.usage.total:
        body["usage"] = {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.total}
    return wire.encode(body)


def _printed(one: Ranked) -> dict[str, Any]:
    said: dict[str, Any] = {"index": one.index, "relevance_score": one.score}
    if one.document is not None:
        said["document"] = {"text": one.document} if isinstance(one.document, str) else one.document
    return said


def usage_in(found: dict[str, Any]) -> Usage:
    """What a decoded reply says was used: tokens or search units. Where it says nothing, nothing was."""
    said = found.get("usage")
    tokens = said.get("prompt_tokens") or said.get("total_tokens") if isinstance(said, dict) else None
    if type(tokens) is int and believable(usage := Usage(tokens)):
        return usage
    return billed(found.get("meta")) or Usage()


class Rerank(OpenAIChat):
    """``/rerank``: what it shares with chat is how errors look. There are no streams of it."""

    name = NAME
    path = "/rerank"

    envelope = staticmethod(envelope)  # type: ignore[assignment]  # a narrower answer than chat's, of the same base
    read_request = staticmethod(read_request)  # type: ignore[assignment]  # the neutral forms are those of tasks
    write_request = staticmethod(write_request)  # type: ignore[assignment]
    read_reply = staticmethod(read_reply)  # type: ignore[assignment]
    write_reply = staticmethod(write_reply)  # type: ignore[assignment]

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read what is billed of a reply, and that it is one."""
        reply = read_reply(body)
        return Sniff(reply.usage, None, reply.model or None, reply.id or None)


def as_text(document_: str | dict[str, Any], at: str) -> str:
    """Return a document as one text: its ``text``, else all its fields as JSON, which models read well."""
    if isinstance(document_, str):
        return document_
    text = document_.get("text")
    if isinstance(text, str):
        return text
    if not document_:
        raise BadRequest(f"Invalid value for '{at}': the document is empty.", code="invalid_value", param=at)
    return wire.encode(document_).decode()
