"""The object that an answer is told in: a response, which repeats what was asked for."""

from typing import Any

from headgate.core.chat import Citation, Request, SignatureDelta, Thinking
from headgate.dialects.base import Abilities
from headgate.dialects.opaque import Opaque, wrap
from headgate.dialects.responses_items import annotation
from headgate.dialects.responses_words import NAME
from headgate.dialects.responses_write import settings

Document = dict[str, Any]


def response(id_: str, model: str, created: int, request: Request | None) -> Document:
    """Return a response that has begun, and said nothing yet."""
    asked: Document = settings(request, Abilities(model, model)) if request is not None else {}
    previous = request.extra.form.get("previous") if request is not None and request.extra is not None else None
    reasoning, text = asked.get("reasoning") or {}, asked.get("text") or {}
    return {
        "id": id_,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": model,
        "output": [],
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": previous,
        "prompt_cache_key": asked.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None} | reasoning,
        "safety_identifier": asked.get("safety_identifier"),
        "service_tier": asked.get("service_tier", "default"),
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium"} | text,
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        "top_logprobs": asked.get("top_logprobs", 0),
        "top_p": asked.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None,
        "user": asked.get("user"),
        "metadata": asked.get("metadata", {}),
    }


def item_id(kind: str, response_id: str, index: int) -> str:
    """Return the id of an item of an answer: the same for the same place in the same response."""
    return f"{kind}_{response_id.removeprefix('resp_')}{index:04x}"


def sealed(proof: Thinking | SignatureDelta, item: str) -> str | None:
    """Return a proof as ``encrypted_content`` of the item that is called *item*: our own as it is, others wrapped.

    A thought of another dialect is marked as such even where nothing proves it, for OpenAI does not know the item.
    """
    if proof.signature is None and proof.redacted is None:
        foreign = isinstance(proof, Thinking) and proof.text and proof.source != NAME
        return wrap(Opaque(proof.source or "")) if foreign else None
    if proof.source == NAME and proof.id in (None, item):
        return proof.signature if proof.signature is not None else proof.redacted
    return wrap(Opaque(proof.source or "", proof.signature, proof.redacted, proof.of, proof.id))


def cited(one: Citation) -> Document:
    """Write one annotation of an answer; a document without an address is told by its name."""
    found = annotation(one)
    if found is None:
        name = one.title or one.source or ""
        found = {"type": "file_citation", "file_id": one.source or "", "filename": name, "index": one.end or 0}
    return found
