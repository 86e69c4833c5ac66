"""The events of a stream, as a caller's dialect frames them, cut apart and put together again."""

from typing import Protocol

import msgspec

from headgate.dialects.gemini_array import Cutter
from headgate.dialects.sse import Parser


class Frame(msgspec.Struct):
    """One event: the bytes it came as, and in them the JSON document, where it has one."""

    raw: bytes
    data: bytes | None = None

    def written(self, data: bytes) -> bytes:
        """Return the event with another document."""
        assert self.data is not None
        if self.raw.count(self.data) == 1:
            return self.raw.replace(self.data, data)
        head = b"".join([line + b"\n" for line in self.raw.splitlines() if line and not line.startswith(b"data:")])
        return head + b"data: " + data + b"\n\n"


class Frames(Protocol):
    """Cuts a stream of whole events."""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the events that *data* completes."""
        ...

    def rest(self) -> bytes:
        """Return what is left at the end."""
        ...


class SseFrames:
    """Server-sent events."""

    def __init__(self) -> None:
        self._parser: Parser | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """See ``Frames``."""
        if self._parser is None:
            if data[-2:] == b"\n\n" and b"\r" not in data:
                return [_frame(piece) for piece in data.split(b"\n\n") if piece]
            if not data:
                return []
            self._parser = Parser()
        return [Frame(event.raw, _document(event.data)) for event in self._parser.feed(data)]

    def rest(self) -> bytes:
        """See ``Frames``."""
        return self._parser.rest() if self._parser is not None else b""


def _frame(piece: bytes) -> Frame:
    piece = piece.lstrip(b"\n")
    at = 0 if piece.startswith(b"data: ") else piece.find(b"\ndata: ") + 1
    raw = piece + b"\n\n"
    if not at and not piece.startswith(b"data: "):
        return Frame(raw)
    end = piece.find(b"\n", at)
    if end != -1:
        event = Parser().feed(raw)[0]
        return Frame(raw, _document(event.data))
    return Frame(raw, _document(piece[at + 6 :]))


def _document(data: bytes | None) -> bytes | None:
    return data if data is not None and data[:1] in (b"{", b"[") and data != b"[DONE]" else None


class ArrayFrames:
    """The elements of one JSON array."""

    def __init__(self) -> None:
        self._cutter = Cutter()

    def feed(self, data: bytes) -> list[Frame]:
        """See ``Frames``."""
        elements, out = self._cutter.feed(data)
        frames = []
        for element in elements:
            end = out.index(element) + len(element)
            frames.append(Frame(out[:end], element))
            out = out[end:]
        if out:
            frames.append(Frame(out))
        return frames

    def rest(self) -> bytes:
        """See ``Frames``."""
        return b""


def frames(stream_type: str) -> Frames:
    """Return what cuts streams of that content type."""
    return SseFrames() if stream_type == "text/event-stream" else ArrayFrames()
