"""Fenced code told from prose, as it streams: https://spec.commonmark.org/0.31.2/#fenced-code-blocks."""

import re
import textwrap

import msgspec

_OPEN = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`\r\n]*)\r?\n?$")
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
    """Cuts a text that arrives in any pieces. ``text`` is the prose so far, ``blocks`` the code so far."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._prose: list[str] = []
        self._line = ""
        self._open: tuple[Block, str] | None = None

    @property
    def text(self) -> str:
        """The prose, without the fences."""
        return "".join(self._prose).strip()

    def feed(self, text: str) -> list[Piece]:
        """Take more text; return the lines it completes."""
        *lines, self._line = (self._line + text).splitlines(keepends=True) or [""]
        if self._line.endswith("\n"):
            lines.append(self._line)
            self._line = ""
        return [piece for line in lines if (piece := self._take(line)) is not None]

    def close(self) -> list[Piece]:
        """Take the last line, which has no end."""
        line, self._line = self._line, ""
        piece = self._take(line) if line else None
        return [piece] if piece is not None else []

    def _take(self, line: str) -> Piece | None:
        if self._open is not None:
            block, fence = self._open
            bare = line.strip()
            if len(bare) >= len(fence) and bare == fence[0] * len(bare):
                self._open = None
                return None
            block.code += line
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
