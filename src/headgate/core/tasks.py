"""The neutral forms of what is not chat: embeddings and reranking."""

from typing import Any, Literal

import msgspec

from headgate.core.chat import Extra
from headgate.core.money import Usage

Use = Literal["document", "query", "classification", "clustering"]


class EmbedRequest(msgspec.Struct, kw_only=True):
    """Texts, or arrays of tokens, to be turned into vectors. ``None`` means the caller left it open."""

    model: str
    texts: list[str] = []
    tokens: list[list[int]] = []
    """Inputs that came as token numbers, which only their own model understands; then ``texts`` is empty."""
    dimensions: int | None = None
    encoding: Literal["float", "base64"] | None = None
    """How the caller wants the vectors printed."""
    use: Use | None = None
    """What the vectors are for, where the model makes a difference."""
    title: str | None = None
    user: str | None = None
    single: bool = False
    """The input was one text, not a list of them."""
    extra: Extra | None = None


class EmbedReply(msgspec.Struct, kw_only=True):
    """The vectors, in the order of the inputs."""

    id: str = ""
    model: str = ""
    created: int = 0
    vectors: list[list[float]]
    encoding: Literal["float", "base64"] | None = None
    """How the caller wants them printed: as in the request."""
    usage: Usage | None = None
    extra: Extra | None = None


class RerankRequest(msgspec.Struct, kw_only=True):
    """Documents to be ordered by how well they answer a query."""

    model: str
    query: str
    documents: list[str | dict[str, Any]]
    top_n: int | None = None
    return_documents: bool | None = None
    max_tokens_per_document: int | None = None
    user: str | None = None
    extra: Extra | None = None


class Ranked(msgspec.Struct):
    """One document's place: ``index`` counts from 0 in the request, ``score`` is higher for the better answer."""

    index: int
    score: float
    document: str | dict[str, Any] | None = None


class RerankReply(msgspec.Struct, kw_only=True):
    """The best documents first."""

    id: str = ""
    model: str = ""
    created: int = 0
    results: list[Ranked]
    usage: Usage | None = None
    searches: int | None = None
    """Search units billed, where the provider counts so."""
    extra: Extra | None = None


def give_back(request: RerankRequest, reply: RerankReply) -> None:
    """Put the documents into *reply* where its caller wants them back and the provider gave none."""
    if request.return_documents:
        for one in reply.results:
            if one.document is None and one.index < len(request.documents):
                one.document = request.documents[one.index]
