"""Where text stands in what is not a conversation: embeddings, reranking, moderation, images, speech."""

from collections.abc import Iterator
from typing import Any

from headgate.dialects.text import NO_EVENT, Event, Path, Piece, Slow, field, loose, rows, texts


class PlainWalker(Slow):
    """Requests whose texts stand under known names, and answers that have few or none."""

    repeats = True

    def request(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        for name in ("input", "query", "prompt", "instructions"):
            yield from texts(document.get(name), (name,), "user")
        yield from loose(document.get("documents"), ("documents",), "document")

    def reply(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        yield from field(document, "text", (), "output")  # a transcription
        for name in ("segments", "words"):
            for i, one in rows(document.get(name)):
                for inside in ("text", "word"):
                    yield from field(one, inside, (name, i), "output")
        for i, one in rows(document.get("data")):
            yield from field(one, "revised_prompt", ("data", i), "output")
        for i, one in rows(document.get("results")):  # of a reranking, which may give the documents back
            yield from loose(one.get("document"), ("results", i, "document"), "document")

    def event(self, document: Any) -> Event:
        """See ``Walker``."""
        if document.get("type") == "transcript.text.delta":
            pieces = list(field(document, "delta", (), "output"))
            for piece in pieces:
                piece.lane = ("text",)
            return Event(pieces)
        if document.get("type") == "transcript.text.done":
            return Event(list(field(document, "text", (), "output")), [()])
        return NO_EVENT

    def beside(self, path: Path) -> tuple[Path, ...]:
        """See ``Walker``."""
        return (("logprobs",),)
