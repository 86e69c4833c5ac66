"""Turns a message, or a delta of one, into chunks: whole replies and streams are read by the same code."""

from hashlib import blake2b
from typing import Any

from headgate.core.chat import Chunk, Citation, CitationDelta, Extra, PartDelta, SignatureDelta, TextDelta, ToolDelta
from headgate.dialects import mistral, wire
from headgate.dialects.openai_words import NAME, OF_CALLS, SOURCES
from headgate.dialects.pictures import images_in

_THOUGHTS = frozenset({"reasoning", "reasoning_content", "reasoning_details"})


class Pieces:
    """Reads the deltas of one reply. Servers leave out indexes, types and ids of tool calls, each in its own way."""

    __slots__ = ("_calls", "_reply_id", "_thought", "_whole")

    def __init__(self, reply_id: str = "", *, whole: bool = False) -> None:
        """*whole* tells that messages are read, not deltas."""
        self._whole = whole
        self._thought: set[int] = set()
        """Choices whose reasoning is told in a field of its own: in the details it would come again."""
        self._calls: dict[tuple[int, object], int] = {}
        """Choice, and index or id of a tool call, to its number."""
        self._reply_id = reply_id

    def read(self, delta: dict[str, Any], choice: int, logprobs: Any = None) -> list[Chunk]:
        """Return the chunks of one message or delta."""
        chunks: list[Chunk] = [] if _THOUGHTS.isdisjoint(delta) else self._reasoning(delta, choice)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                chunks.append(TextDelta(content, choice))
        elif isinstance(content, list):
            chunks += _listed(content, choice)
        if "images" in delta:
            chunks += [PartDelta(image, choice) for image in images_in(delta["images"])]
        cited = delta.get("annotations")
        if isinstance(cited, list):
            chunks += [CitationDelta(citation(item), choice) for item in cited if isinstance(item, dict)]
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            chunks.append(TextDelta(refusal, choice, "refusal"))
        if logprobs is not None:
            for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    chunk.logprobs = logprobs
                    break
            else:
                chunks.append(TextDelta("", choice, logprobs=logprobs))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for position, call in enumerate(calls):
                if isinstance(call, dict):
                    chunks.append(self._call(call, position, choice))
        function = delta.get("function_call")
        if isinstance(function, dict):
            chunks.append(self._call({"function": function}, 0, choice))
        return chunks

    def _reasoning(self, delta: dict[str, Any], choice: int) -> list[Chunk]:
        chunks: list[Chunk] = []
        listed = delta.get("reasoning_details")
        details = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        said = [item.get("text") or item.get("summary") for item in details]
        text = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(text, str) and text and not (self._whole and any(said)):
            self._thought.add(choice)
            chunks.append(TextDelta(text, choice, "thinking"))
        for item, words in zip(details, said, strict=True):
            format_ = item.get("format")
            source = SOURCES.get(format_, format_) if isinstance(format_, str) else None
            signature, data, id_ = item.get("signature"), item.get("data"), item.get("id")
            own = id_ if isinstance(id_, str) else None
            if isinstance(words, str) and choice not in self._thought:
                chunks.append(TextDelta(words, choice, "thinking", new=self._whole))
            if isinstance(signature, str) and signature:
                chunks.append(SignatureDelta(signature, None, choice, source, None, own))
            if isinstance(data, str) and own is not None and source in OF_CALLS:
                chunks.append(SignatureDelta(data, None, choice, source, own))
            elif isinstance(data, str):
                chunks.append(SignatureDelta(None, data, choice, source, None, own))
        return chunks

    def _call(self, call: dict[str, Any], position: int, choice: int) -> ToolDelta:
        inner = call.get("function")
        if not isinstance(inner, dict):
            inner = call.get("custom")
        function = inner if isinstance(inner, dict) else {}
        id_, index = call.get("id"), call.get("index")
        if not isinstance(id_, str):
            id_ = None
        key: object = index if isinstance(index, int) else id_ or ("at", position)
        number = self._calls.get((choice, key))
        first = number is None
        if number is None:
            number = self._calls[choice, key] = sum(c == choice for c, _ in self._calls)
        name = function.get("name")
        arguments = function.get("arguments", function.get("input"))
        if isinstance(arguments, dict | list):
            arguments = wire.encode(arguments).decode()  # Ollama's own habit
        return ToolDelta(
            number,
            (str(id_) if id_ else self._mint(choice, number)) if first else None,
            name if isinstance(name, str) and name else None,
            arguments if isinstance(arguments, str) else "",
            choice,
        )

    def _mint(self, choice: int, number: int) -> str:
        """An id for a call that came without: the same for the same reply, another for the next."""
        place = f"{self._reply_id}/{choice}/{number}".encode("utf-8", "surrogatepass")
        return "call_" + blake2b(place, digest_size=12).hexdigest()


def citation(item: dict[str, Any]) -> Citation:
    """Read one item of ``annotations``."""
    said = item.get(str(item.get("type")))
    inner = said if isinstance(said, dict) else {}

    def one(name: str, kind: type) -> Any:
        value = inner.get(name)
        return value if isinstance(value, kind) else None

    return Citation(
        one("url", str),
        one("title", str),
        one("content", str),
        one("start_index", int),
        one("end_index", int),
        one("source", str),
        Extra(NAME, item),
    )


def annotation(cited: Citation, start: int, end: int) -> dict[str, Any]:
    """Write one item of ``annotations``; the part that it backs goes from *start* to *end* of the answer's text.

    There are words for pages of the web only: a document that was sent is told in a type of its own, in the same way.
    """
    if cited.extra is not None and cited.extra.dialect == NAME:
        return cited.extra.fields
    span: dict[str, Any] = {
        "start_index": start + cited.start if cited.start is not None else start,
        "end_index": start + cited.end if cited.end is not None else end,
    }
    more = {"content": cited.quote} if cited.quote is not None else {}
    if cited.url is not None:
        inner = {**span, "url": cited.url, "title": cited.title or "", **more}
        return {"type": "url_citation", "url_citation": inner}
    inner = {**span, "title": cited.title or "", "source": cited.source or "", **more}
    return {"type": "document_citation", "document_citation": inner}


def _listed(content: list[Any], choice: int) -> list[Chunk]:
    """Read content that is a list: Mistral's, where thinking stands beside the text."""
    chunks: list[Chunk] = []
    for item in content:
        if not isinstance(item, dict):
            continue
        thinking, text = item.get("thinking"), item.get("text")
        if isinstance(thinking, list):
            thinking = "".join(t["text"] for t in thinking if isinstance(t, dict) and isinstance(t.get("text"), str))
        if isinstance(thinking, str) and thinking:
            chunks.append(TextDelta(thinking, choice, "thinking"))
        signature, cited = item.get("signature"), item.get("reference_ids")
        if isinstance(signature, str) and signature:
            chunks.append(SignatureDelta(signature, None, choice, mistral.NAME))
        if isinstance(text, str) and text:
            chunks.append(TextDelta(text, choice))
        chunks += [PartDelta(image, choice) for image in images_in([item])]
        if isinstance(cited, list):
            chunks += [CitationDelta(Citation(source=str(one)), choice) for one in cited]
    return chunks
