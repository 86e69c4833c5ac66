"""Cohere's Rerank API, second version, <https://docs.cohere.com/v2/reference/rerank>.

It is the form that :mod:`headgate.dialects.rerank` reads from everybody, of which the API itself takes less: documents
are texts, it gives none back, and a field that it does not know is an error to it.
"""

from typing import Any

from headgate.core.tasks import RerankRequest
from headgate.dialects import cohere_errors
from headgate.dialects.base import Abilities, Written
from headgate.dialects.fit import Fit, Rule, merge
from headgate.dialects.rerank import NAME, Rerank, as_text

_RULES = {
    NAME: {
        "rank_fields": Rule("refuse", fix="Send each document as one text"),
        "max_chunks_per_doc": Rule("refuse", fix="Send max_tokens_per_doc instead"),
        "truncation": Rule("ignore", (True,)),
    }
}
_OWN = ("relevant_spans", "priority")


def write_request(request: RerankRequest, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; documents given back are put into the answer by the gateway, which has them."""
    fit = Fit("cohere-rerank", request, to, drop, _RULES)
    documents = [as_text(one, f"documents[{index}]") for index, one in enumerate(request.documents)]
    body: dict[str, Any] = {"model": to.model, "query": request.query, "documents": documents}
    if request.top_n is not None:
        body["top_n"] = request.top_n
    if request.max_tokens_per_document is not None:
        body["max_tokens_per_doc"] = request.max_tokens_per_document
    if request.user is not None:
        fit.ignore("user")
    rest = request.extra.fields if request.extra is not None and request.extra.dialect == NAME else {}
    merge(body, {name: rest[name] for name in _OWN if name in rest})
    fit.leftover(request.extra, "", *_OWN)
    return fit.written(body)


class CohereRerank(Rerank):
    """``/v2/rerank``."""

    name = "cohere-rerank"
    path = "/v2/rerank"

    write_request = staticmethod(write_request)
    read_error = staticmethod(cohere_errors.read_error)
    write_error = staticmethod(cohere_errors.write_error)
