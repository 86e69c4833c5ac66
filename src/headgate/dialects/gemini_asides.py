"""What stands beside a Gemini answer's text: its sources and its log probabilities, in Google's form and in ours."""

from typing import Any

from headgate.core.chat import Citation


def citations_in(found: dict[str, Any], texts: dict[int, str]) -> list[tuple[int, Citation]]:
    """Return the sources that a candidate names, each with the number of the part it backs.

    *texts* are the texts of the parts by number: Google counts bytes, we count characters.
    """
    cited: list[tuple[int, Citation]] = []
    grounding, cites = found.get("groundingMetadata"), found.get("citationMetadata")
    if isinstance(grounding, dict):
        chunks = [_source(one) for one in _objects(grounding.get("groundingChunks"))]
        for support in _objects(grounding.get("groundingSupports")):
            segment = support.get("segment")
            segment = segment if isinstance(segment, dict) else {}
            at = _number(segment.get("partIndex"))
            said = texts.get(at) or next(iter(texts.values()), "")
            for number in _list(support.get("groundingChunkIndices")):
                if isinstance(number, int) and 0 <= number < len(chunks):
                    url, title = chunks[number]
                    cited.append((at, _spanned(Citation(url, title), segment, said)))
    if isinstance(cites, dict):
        said = next(iter(texts.values()), "")
        for one in _objects(cites.get("citations")) + _objects(cites.get("citationSources")):
            source = Citation(_text(one.get("uri")), _text(one.get("title")))
            cited.append((next(iter(texts), 0), _spanned(source, one, said)))
    return cited


def _source(chunk: dict[str, Any]) -> tuple[str | None, str | None]:
    inner = next((one for one in chunk.values() if isinstance(one, dict)), {})
    return _text(inner.get("uri")), _text(inner.get("title"))


def _spanned(citation: Citation, segment: dict[str, Any], said: str) -> Citation:
    end = segment.get("endIndex")
    if isinstance(end, int):
        raw = None if said.isascii() else said.encode("utf-8", "surrogatepass")
        citation.start, citation.end = _characters(raw, _number(segment.get("startIndex"))), _characters(raw, end)
    return citation


def _characters(raw: bytes | None, size: int) -> int:
    return size if raw is None else len(raw[: max(size, 0)].decode("utf-8", "ignore"))


def citations_of(cited: list[tuple[int, str, list[Citation]]]) -> dict[str, Any]:
    """Return ``groundingMetadata`` for the sources of each part: its number, its text, its citations."""
    chunks: list[dict[str, Any]] = []
    supports: list[dict[str, Any]] = []
    for at, said, citations in cited:
        for one in citations:
            source = {"uri": one.url, "title": one.title if one.title is not None else one.source}
            web = {"web": {name: value for name, value in source.items() if value is not None}}
            if web not in chunks:
                chunks.append(web)
            segment: dict[str, Any] = {"partIndex": at} if at else {}
            if one.start is not None and one.end is not None:
                begin, end = (len(said[:n].encode("utf-8", "surrogatepass")) for n in (one.start, one.end))
                segment |= {"startIndex": begin, "endIndex": end, "text": said[one.start : one.end]}
            supports.append({"segment": segment, "groundingChunkIndices": [chunks.index(web)]})
    return {"groundingChunks": chunks, "groundingSupports": supports}


def logprobs_in(result: Any) -> dict[str, Any] | None:
    """Return the log probabilities of a candidate as OpenAI tells them, which is our form of them."""
    if not isinstance(result, dict):
        return None
    tops = [_objects(one.get("candidates")) for one in _objects(result.get("topCandidates"))]
    content = []
    for at, one in enumerate(_objects(result.get("chosenCandidates"))):
        others = tops[at] if at < len(tops) else []
        content.append({**_token(one), "top_logprobs": [_token(other) for other in others]})
    return {"content": content, "refusal": None}


def _token(one: dict[str, Any]) -> dict[str, Any]:
    token = _text(one.get("token")) or ""
    value = one.get("logProbability")
    number = value if isinstance(value, int | float) else 0.0  # a zero is left out in Google's JSON
    return {"token": token, "logprob": number, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def logprobs_of(logprobs: Any) -> dict[str, Any]:
    """Return ``logprobsResult`` for log probabilities in OpenAI's form."""
    found = logprobs if isinstance(logprobs, dict) else {}
    chosen = _objects(found.get("content"))
    written: dict[str, Any] = {"chosenCandidates": [_candidate(one) for one in chosen]}
    tops = [[_candidate(other) for other in _objects(one.get("top_logprobs"))] for one in chosen]
    if any(tops):
        written["topCandidates"] = [{"candidates": top} for top in tops]
    return written


def _candidate(one: dict[str, Any]) -> dict[str, Any]:
    return {"token": one.get("token"), "logProbability": one.get("logprob")}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
