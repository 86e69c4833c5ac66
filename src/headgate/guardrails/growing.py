"""What of a stream stands in line: texts that grow, and the events that bring parts of them."""

from itertools import accumulate
from typing import Any

from headgate.dialects.text import Path, Piece
from headgate.guardrails.frames import Frame
from headgate.guardrails.lane import Lane


class Growing:
    """A lane, and how far it was looked at by guardrails that look at windows."""

    __slots__ = ("ended", "json", "lane", "looked", "out", "place", "raw", "windowed")

    def __init__(self, lane: Lane, place: Any, *, windowed: bool, json: bool) -> None:
        self.lane = lane
        self.place = place
        self.windowed = windowed
        self.json = json
        self.looked = 0
        self.ended = False
        self.raw: list[str] = []
        self.out: list[str] = []


Part = tuple[Path, str, Growing, int, int]
"""Path, text, what it is a part of, and from where to where."""
Entry = tuple[Frame, tuple[Part, ...], tuple[Piece, ...]]
"""An event in line: its parts of growing texts, and the texts that it tells whole."""


class Read:
    """A read whose events all are parts of one growing text; ``at`` is how many have gone on."""

    __slots__ = ("_data", "_pieces", "at", "begin", "ends", "growing", "path", "texts")

    def __init__(self, data: bytes, path: Path, texts: list[str], growing: Growing) -> None:
        self._data = data
        self._pieces: list[bytes] = []
        self.path = path
        self.texts = texts
        self.growing = growing
        self.at = 0
        self.begin = growing.lane.size
        growing.lane.add("".join(texts))
        self.ends = list(accumulate(map(len, texts), initial=self.begin))[1:]

    def raw(self, first: int, last: int) -> bytes:
        """Return the events *first* to *last* as they came."""
        if not first and last == len(self.texts):
            return self._data
        return b"".join([piece + b"\n\n" for piece in self._split()[first:last]])

    def frame(self, number: int) -> Frame:
        """Return one event."""
        piece = self._split()[number]
        return Frame(piece + b"\n\n", piece[6:])

    def _split(self) -> list[bytes]:
        self._pieces = self._pieces or self._data.split(b"\n\n")
        return self._pieces
