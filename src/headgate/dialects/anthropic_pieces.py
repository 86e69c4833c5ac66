"""Citations and proofs of thinking, as blocks of requests, of replies and of streams hold them."""

from typing import Any

from headgate.core.chat import Citation, Extra, Thinking
from headgate.dialects.anthropic_words import NAME
from headgate.dialects.opaque import Opaque, unwrap, wrap


def thought(text: str, signature: str | None, redacted: str | None) -> Thinking:
    """Read a block of thinking; where its opaque string is a wrapped proof, it is that other dialect's."""
    proof = unwrap(signature or redacted or "")
    if proof is None:
        return Thinking(text, signature, redacted, NAME)
    return Thinking(text, proof.signature, proof.redacted, proof.source or None, None, proof.of, proof.id)


def block_of(part: Thinking) -> dict[str, Any] | None:
    """Write thinking for a client: its proof as it is, another dialect's wrapped; ``None`` where there is nothing."""
    opaque = proof(part)
    if part.redacted is not None and part.source == NAME:
        return {"type": "redacted_thinking", "data": opaque}
    if opaque and not part.text and part.source != NAME:
        return {"type": "redacted_thinking", "data": opaque}
    return {"type": "thinking", "thinking": part.text, "signature": opaque}


def proof(part: Thinking) -> str:
    """Return the opaque string of *part*; empty where it has none.

    A thought of another dialect is marked as such even where nothing proves it, for Anthropic takes none unproven.
    """
    if part.source == NAME:
        return part.signature or part.redacted or ""
    if not part.text and (part.source is None or (part.signature is None and part.redacted is None)):
        return ""
    return wrap(Opaque(part.source or "", part.signature, part.redacted, part.of, part.id))


def citation(said: dict[str, Any]) -> Citation:
    """Read a citation of any kind, <https://docs.anthropic.com/en/docs/build-with-claude/citations>."""

    def text(*names: str) -> str | None:
        return next((said[name] for name in names if isinstance(said.get(name), str)), None)

    index = said.get("document_index", said.get("search_result_index"))
    source = text("source", "file_id") or (str(index) if isinstance(index, int) else None)
    return Citation(
        text("url"), text("title", "document_title"), text("cited_text"), source=source, extra=Extra(NAME, said)
    )


def cited(one: Citation) -> dict[str, Any]:
    """Write a citation; another dialect's becomes one of a page of the web, or of the document it names."""
    if one.extra is not None and one.extra.dialect == NAME:
        return one.extra.fields
    said: dict[str, Any] = {"cited_text": one.quote or ""}
    if one.url is not None:
        return {
            "type": "web_search_result_location",
            **said,
            "url": one.url,
            "title": one.title,
            "encrypted_index": "",  # the field is required, and only Anthropic could fill it
        }
    number = int(one.source) if one.source is not None and one.source.isdecimal() else 0
    title = one.title if one.title is not None else one.source
    span = {"start_char_index": 0, "end_char_index": len(one.quote or "")}  # the place in the document is not told
    return {"type": "char_location", **said, "document_index": number, "document_title": title, **span}
