"""Finding things in text, in one pass from left to right, so that a stream and a whole text give the same answer.

A finder decides at each place by what stands from ``NEAR`` characters before it to one after the match, and a match is
at most ``WORD`` characters long unless its finder says more. So of a text that is still growing everything is final but
an end that :func:`held` tells: a word that is not complete, a row of digits that may go on.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

NEAR = 96
WORD = 330
"""Characters of the longest word that may be a match: an e-mail address has at most 320."""
ROW = 64
"""Characters of the longest row of digits and signs that may be a match."""

Finder = Callable[[str, int], Iterator[tuple[int, int]]]
"""``find(text, start)`` yields the matches that begin at *start* or later, in order and apart from each other."""

IN_WORDS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._%+-=/:&?#~'!$*^"
    + "".join(chr(c) for c in range(0xC0, 0x250) if chr(c).isalpha())
)  # fmt: skip
IN_ROWS = "0123456789 ()./-+AB"  # the letters are those of Corsica, in a French number
_WORD_BACK = re.compile(f"[{re.escape(IN_WORDS)}]*")
_GROUPED = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}(?: |[ ]?[0-9]{1,2}|[ ]?[0-9]{2}(?:[ -]?[A-Za-z0-9]){0,31}[ -]?)\Z")
_ROW_STARTS = re.compile(r"[0-9+(]")

_HIDDEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_ODD = {c: 0x20 for c in (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)}
_ODD |= {c: 0x2D for c in (*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63)}
_ODD |= {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}
_ODD |= {0x2024: 0x2E, 0x3002: 0x2E, 0xFF61: 0x2E}
_ODD |= {c: 0x30 + unicodedata.decimal(chr(c)) for c in range(0x80, 0x1FBFA) if unicodedata.category(chr(c)) == "Nd"}
# Of what lies beyond the first 65,536 characters the expression would try one after another: it takes all of them.
_ODD_NEAR = "".join([re.escape(chr(c)) for c in sorted(_ODD) if c < 0x10000])
_ODD_ONE = re.compile(f"[{_ODD_NEAR}\U00010000-\U0010ffff]")


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\"\\/bfnrt]))")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")


class Folded:
    """A text with odd forms of digits, letters, dashes and spaces made plain, and what is invisible left out.

    Of a text that is JSON the escapes are read too, so that what hides in them is seen. Where *odd* forms are to stay
    nothing but that is done.
    """

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, text: str, json: bool = False, *, odd: bool = False) -> None:
        self._starts: list[int] | None = None
        self._ends: list[int] | None = None
        if json and "\\" in text:
            text = self._unescape(text)
        if odd or text.isascii():
            self.text = text
            return
        if _HIDDEN.search(text):
            kept = [i for i, c in enumerate(text) if not _HIDDEN.match(c)]
            starts, ends = self._starts, self._ends
            self._starts = kept if starts is None else [starts[i] for i in kept]
            self._ends = [i + 1 for i in kept] if ends is None else [ends[i] for i in kept]
            text = _HIDDEN.sub("", text)
        self.text = text.translate(_ODD) if _ODD_ONE.search(text) else text

    def _unescape(self, text: str) -> str:
        out: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for found in _ESCAPE.finditer(text):
            begin, end = found.span()
            out.append(text[at:begin])
            starts.extend(range(at, begin))
            ends.extend(range(at + 1, begin + 1))
            out.append(chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2]))
            starts.append(begin)
            ends.append(end)
            at = end
        out.append(text[at:])
        starts.extend(range(at, len(text)))
        ends.extend(range(at + 1, len(text) + 1))
        self._starts, self._ends = starts, ends
        return "".join(out)

    def back(self, at: int, size: int) -> int:
        """Return where the place *at* of the plain text stands in the text as it was, which is *size* long."""
        return at if self._starts is None else self._starts[at] if at < len(self._starts) else size

    def end(self, at: int) -> int:
        """Return where a match that ends at *at* ends in the text as it was."""
        return at if self._ends is None else self._ends[at - 1] if at else 0

    def forth(self, at: int) -> int:
        """Return where the place *at* of the text as it was stands in the plain text."""
        return at if self._starts is None else bisect_left(self._starts, at)


def cut_escape(text: str) -> int:
    """Return where an escape begins that the end of a JSON text cuts; ``len(text)`` where none does."""
    found = _CUT_ESCAPE.search(text, max(len(text) - 6, 0))
    if found is None:
        return len(text)
    # of several backslashes in a row every second one is itself escaped
    run = len(text[: found.start() + 1]) - len(text[: found.start() + 1].rstrip("\\"))
    return found.start() if run % 2 else len(text)


def held(text: str) -> int:
    """Return from where the end of a plain *text* may still become a match: an unfinished word, row or grouped code."""
    tail = text[-WORD:]
    offset = len(text) - len(tail)
    back = _WORD_BACK.match(tail[::-1])
    begin = word = len(tail) - (back.end() if back is not None else 0)
    head = tail[:word] if tail[word : word + 1].isdigit() else tail  # a word may end a row
    row = head[-ROW:]
    if not row.isalpha():
        started = _ROW_STARTS.search(row, len(row.rstrip(IN_ROWS)))
        if started is not None:
            begin = min(begin, len(head) - len(row) + started.start())
        grouped = _GROUPED.search(tail, max(len(tail) - ROW, 0))
        if grouped is not None:
            begin = min(begin, grouped.start())
    return offset + begin


LETTERS = "A-Za-zÀ-ÖØ-öø-ɏ"
APART = ' ,\n;"ぁ-ヿ一-鿿가-힣'
"""Characters that end a word, and are no part of a row."""
_IN_CALM_WORDS = "".join([c for c in IN_WORDS if c.isalpha()]) + ".!?'-"
_TWO_LETTERS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2} \Z")
CALM = 256
"""Characters that a calm text holds back at most."""


def held_calm(text: str) -> int:
    """Return what :func:`held` does, of a *text* of ``LETTERS``, ``APART`` and ``.!?'-`` alone; it takes a tenth."""
    end = len(text.rstrip(_IN_CALM_WORDS))
    if end == len(text) and text[-1:] == " ":
        code = _TWO_LETTERS.search(text, max(end - 4, 0))  # a grouped code may begin so
        if code is not None:
            return code.start()
    return end


def merged(found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return *found* in order; of those that overlap one is left, over all of them, named as the longest is."""
    out: list[tuple[int, int, str]] = []
    longest = 0
    for start, end, kind in sorted(found, key=lambda one: (one[0], -one[1])):
        if out and start < out[-1][1]:
            before = out[-1]
            name = kind if end - start > longest else before[2]
            longest = max(longest, end - start)
            out[-1] = (before[0], max(before[1], end), name)
        else:
            out.append((start, end, kind))
            longest = end - start
    return out
