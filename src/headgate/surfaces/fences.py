"""Fenced code told from prose, as it streams: https://spec.commonmark.org/0.31.2/#fenced-code-blocks."""

import re
import textwrap

import msgspec

from headgate.core.errors import UpstreamFailed

_OPEN = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`\r\n]*)\r?\n?$")
MAX_TEXT = 8 * 1024 * 1024
"""Characters of one answer that are kept for its last event."""
_PATH = re.compile(r"(?:path|file|filename|title)=[\"']?([^\"'\s]+)")


class Block(msgspec.Struct):
    """One block of code."""

    index: int
    language: str | None
    path: str | None
    code: str = ""
    formatted: bool = False
    """The language's own formatter has been over it."""


class Piece(msgspec.Struct):
    """More of the prose, or of the block it names."""

    text: str
    block: Block | None = None


class Fences:
    """Cuts a text that arrives in any pieces. ``text`` is the prose so far; ``blocks`` are whole once it is closed."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._prose: list[str] = []
        self._line: list[str] = []
        """The last line, which has no end yet."""
        self._size = 0
        self._open: tuple[Block, str] | None = None
        self._code: list[str] = []
        """The lines of the open block."""

    @property
    def text(self) -> str:
        """The prose, without the fences."""
        return "".join(self._prose).strip()

    def feed(self, text: str) -> list[Piece]:
        """Take more text; return the lines it completes. Raise ``UpstreamFailed`` past 8 million characters."""
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise UpstreamFailed(
                f"The answer has over {MAX_TEXT:,} characters.",
                status=502,
                code="upstream_invalid_response",
                retry=False,
            )
        head, end, tail = text.rpartition("\n")
        if not end:
            self._line.append(text)
            return []
        lines = ("".join(self._line) + head + end).split("\n")[:-1]
        self._line = [tail] if tail else []
        return [piece for line in lines if (piece := self._take(line + "\n")) is not None]

    def close(self) -> list[Piece]:
        """Take the last line, which has no end."""
        line, self._line = "".join(self._line), []
        piece = self._take(line) if line else None
        self._shut()
        return [piece] if piece is not None else []

    def _shut(self) -> None:
        if self._open is not None:
            self._open[0].code = "".join(self._code)
            self._open, self._code = None, []

    def _take(self, line: str) -> Piece | None:
        if self._open is not None:
            block, fence = self._open
            bare = line.strip()
            if len(bare) >= len(fence) and bare == fence[0] * len(bare):
                self._shut()
                return None
            self._code.append(line)
            return Piece(line, block)
        found = _OPEN.match(line)
        if found is None:
            self._prose.append(line)
            return Piece(line)
        info = found[2].strip()
        path = _PATH.search(info)
        language = re.split(r"[\s:{]", info, maxsplit=1)[0].lower() if info else ""
        block = Block(len(self.blocks), language or None, path[1] if path else None)
        self.blocks.append(block)
        self._open = block, found[1]
        return None


def tidy(code: str) -> str:
    """Return *code* with plain line ends, no common indentation, no blanks at line ends, and one line end last."""
    lines = code.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    plain = textwrap.dedent("\n".join(line.rstrip() for line in lines)).strip("\n")
    return plain + "\n" if plain else ""
