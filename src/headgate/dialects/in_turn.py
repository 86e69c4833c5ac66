"""Calls of tools told one after the other, for formats whose clients take a call for whole once the next thing begins.

Some servers begin several calls at once and tell their arguments in turns.
"""

import re
from collections import deque

from headgate.core.chat import (
    Chunk,
    CitationDelta,
    Counted,
    End,
    PartDelta,
    SignatureDelta,
    Start,
    TextDelta,
    ToolDelta,
)
from headgate.dialects.pictures import no_room
from headgate.dialects.sse import LIMIT
from headgate.dialects.watch import interrupted

Said = TextDelta | SignatureDelta | CitationDelta | ToolDelta
_PIECE = 100  # characters that a piece counts as, beside its own
_MARK = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class InTurn:
    """Holds what comes in the middle of a call back until the call's arguments are whole, or the answer ends."""

    __slots__ = ("_call", "_calls", "_depth", "_escaped", "_held", "_quoted", "_size", "_whole")

    def __init__(self) -> None:
        self._call: int | None = None
        """The call that is being told."""
        self._held: deque[list[Said]] = deque()
        """What has to wait, in order: the pieces of one call together, and what stands between calls."""
        self._calls: dict[int, list[Said]] = {}
        """Those of the calls among them."""
        self._size = 0
        self._begin(None)

    def order(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return what of the first choice may be told now; raise ``UpstreamFailed`` where too much has to wait."""
        told: list[Chunk] = []
        for chunk in chunks:
            if isinstance(chunk, Start | Counted):
                told.append(chunk)
            elif chunk.choice != 0:
                continue
            elif isinstance(chunk, PartDelta):
                raise no_room()  # no format whose blocks come in turn has any for it
            elif isinstance(chunk, End):
                while self._held:
                    self._release(told)
                told.append(chunk)
            else:
                self._take(chunk, told)
        return told

    def _take(self, chunk: Said, told: list[Chunk]) -> None:
        own = isinstance(chunk, ToolDelta) and chunk.index == self._call
        if not own and (self._held or not self._free()):
            self._hold(chunk)
            return
        self._tell(chunk, told)
        while self._held and self._free():
            self._release(told)

    def _free(self) -> bool:
        return self._call is None or self._whole

    def _begin(self, call: int | None) -> None:
        self._call = call
        self._depth, self._quoted, self._escaped, self._whole = 0, False, False, False

    def _tell(self, chunk: Said, told: list[Chunk]) -> None:
        call = chunk.index if isinstance(chunk, ToolDelta) else None
        if call != self._call:
            self._begin(call)
        if isinstance(chunk, ToolDelta) and chunk.arguments:
            self._follow(chunk.arguments)
        told.append(chunk)

    def _follow(self, text: str) -> None:
        """See whether the arguments are whole: the object that they began has ended."""
        start, self._escaped = int(self._escaped), False
        for found in _MARK.finditer(text, start):
            mark = found[0]
            if mark[0] == "\\":
                self._escaped = len(mark) == 1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark in "{[" else -1
                self._whole = self._whole or self._depth <= 0

    def _hold(self, chunk: Said) -> None:
        self._size += _size(chunk)
        if self._size > LIMIT:
            raise interrupted(f"began a call of a tool and told over {LIMIT // 2**20} MiB before it ended it")
        if isinstance(chunk, ToolDelta):
            pieces = self._calls.get(chunk.index)
            if pieces is None:
                pieces = self._calls[chunk.index] = []
                self._held.append(pieces)
            pieces.append(chunk)
        elif self._held and not isinstance(self._held[-1][0], ToolDelta):
            self._held[-1].append(chunk)
        else:
            self._held.append([chunk])

    def _release(self, told: list[Chunk]) -> None:
        """Tell what has waited longest."""
        for chunk in self._held.popleft():
            self._size -= _size(chunk)
            if isinstance(chunk, ToolDelta):
                self._calls.pop(chunk.index, None)
            self._tell(chunk, told)


def _size(chunk: Said) -> int:
    if isinstance(chunk, ToolDelta):
        return _PIECE + len(chunk.arguments)
    return _PIECE + (len(chunk.text) if isinstance(chunk, TextDelta) else 0)
