"""What every reader of an event stream shares."""

from typing import Any

import msgspec

from headgate.core.chat import Chunk, Counted, Start, TextDelta, ToolDelta
from headgate.dialects.sse import Event, Parser
from headgate.dialects.watch import Watch, loosely, size


class SseReader(Watch):
    """Reads an event stream of another dialect: what it says, not how it says it."""

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        super().__init__()
        self._parser = Parser()

    def feed(self, data: bytes) -> list[Chunk]:
        """Take what was read, cut anywhere; return the chunks it completes."""
        chunks: list[Chunk] = []
        if self.ended or self.failure is not None:
            return chunks
        for event in self._parser.feed(data):
            if event.data is not None:
                self._read(event, event.data, chunks)
            if self.ended or self.failure is not None:
                return chunks
        if self._parser.overflow:
            self._too_large()
        return chunks

    def close(self) -> list[Chunk]:
        """The upstream has ended: return the last chunks, or set ``failure`` where it was cut."""
        chunks = self.feed(b"\n\n") if self._parser.pending else []
        if not self.ended and self.failure is None:
            self.ended = self._ending is None and self._whole()
            self._broken_off()
        return chunks

    def _read(self, event: Event, data: bytes, chunks: list[Chunk]) -> None:
        try:
            document = loosely(data)
        except msgspec.DecodeError:
            self._unreadable(event.name, data)
            return
        self._broken_in_a_row = 0
        self.events += 1
        if isinstance(document, list) and document:
            document = document[0]  # Gemini wraps errors so
        if not isinstance(document, dict):
            return
        if document.get("error") is not None or event.name == "error":
            self._fail_with(document.get("error") or document)  # Responses' may be flat
            return
        before = len(chunks)
        self._understand(document, data, chunks)
        for chunk in chunks[before:]:
            if isinstance(chunk, TextDelta):
                self.text_bytes += size(chunk.text)
            elif isinstance(chunk, ToolDelta):
                self.text_bytes += size(chunk.arguments)
        if not self.started:
            self.started = self.ended or any(map(_says, chunks[before:]))

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        """Add what one event says to *chunks*."""
        raise NotImplementedError

    def _whole(self) -> bool:
        """Tell whether the answer is complete although its terminator is missing."""
        raise NotImplementedError


def _says(chunk: Chunk) -> bool:
    """Whether *chunk* is of the answer itself: not its head, its usage, or a text that is empty yet."""
    return bool(chunk.text) if isinstance(chunk, TextDelta) else not isinstance(chunk, Start | Counted)
