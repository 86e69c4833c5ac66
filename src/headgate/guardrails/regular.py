"""Regular expressions in linear time: every way to read is followed at once, as <https://swtch.com/~rsc/regexp/> shows.

What would need a second look at the text (back-references, lookaround) is refused. The text may still be growing: then
:meth:`Expression.held` tells where a match may have begun. Of the matches that begin first the longest counts.
"""

import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator
from typing import Any

from headgate.guardrails.automaton import ASSERT, CHAR, JUMP, MATCH, SPLIT, Automaton, Following, Test, is_word

LARGEST = 2000
"""Instructions that an expression may come to, with its repeats written out."""
_CATEGORIES: dict[Any, Test] = {
    sre.CATEGORY_DIGIT: str.isdecimal,
    sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdecimal(),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    sre.CATEGORY_WORD: is_word,
    sre.CATEGORY_NOT_WORD: lambda c: not is_word(c),
}


class Expression:
    """A compiled expression. A match has at most *longest* characters.

    Raise ``ValueError``, saying why, for one that cannot be had in linear time.
    """

    def __init__(self, pattern: str, ignore_case: bool = False, longest: int = 1024) -> None:
        try:
            tree = parser.parse(pattern, sre.SRE_FLAG_IGNORECASE if ignore_case else 0)
        except (parser.error, RecursionError, OverflowError) as error:
            raise ValueError(f"is no regular expression: {error}") from None
        self._flags = tree.state.flags
        self._code: list[tuple[Any, ...]] = []
        self._write(tree)
        self._code.append((MATCH,))
        self._automaton = Automaton(self._code, longest)

    @property
    def size(self) -> int:
        """How many instructions it comes to."""
        return len(self._code)

    def find(self, text: str, start: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the matches that begin at *start* or later, empty ones left out."""
        return self._automaton.find(text, start)

    def follow(self) -> Following:
        """Return what follows a text that grows."""
        return Following(self._automaton)

    def held(self, text: str) -> int:
        """Return where the first match that the end of *text* leaves open begins; ``len(text)`` where none does."""
        return self._automaton.held(text)

    def _write(self, tree: Any) -> None:
        for kind, value in tree:
            if len(self._code) > LARGEST:
                raise ValueError("is too large: write shorter repeats")
            self._one(kind, value)

    def _one(self, kind: Any, value: Any) -> None:
        code = self._code
        test = self._test(kind, value)
        if test is not None:
            code.append((CHAR, test))
        elif kind is sre.SUBPATTERN:
            if value[1] or value[2]:
                raise ValueError("sets flags for a part of it, which is not offered")
            self._write(value[3])
        elif kind is sre.BRANCH:
            self._branch(value[1])
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            self._repeat(*value)
        elif kind is sre.AT and value in _PLACES:
            code.append((ASSERT, _PLACES[value]))
        else:
            name = str(kind).lower().replace("_", " ")
            raise ValueError(f"has a part ({name}) that cannot be looked for in one pass")

    def _branch(self, ways: list[Any]) -> None:
        code, ends = self._code, []
        for way in ways[:-1]:
            split = len(code)
            code.append(())
            self._write(way)
            ends.append(len(code))
            code.append(())
            code[split] = (SPLIT, split + 1, len(code))
        self._write(ways[-1])
        for end in ends:
            code[end] = (JUMP, len(code))

    def _repeat(self, least: int, most: Any, body: Any) -> None:
        code = self._code
        for _ in range(least):
            self._write(body)
        if most is sre.MAXREPEAT:
            split = len(code)
            code.append(())
            self._write(body)
            code.append((JUMP, split))
            code[split] = (SPLIT, split + 1, len(code))
            return
        splits = []
        for _ in range(min(most, LARGEST) - least):
            splits.append(len(code))
            code.append(())
            self._write(body)
        for split in splits:
            code[split] = (SPLIT, split + 1, len(code))

    def _test(self, kind: Any, value: Any) -> Test | None:
        fold = bool(self._flags & sre.SRE_FLAG_IGNORECASE)
        if kind is sre.LITERAL:
            return _literal(chr(value), fold)
        if kind is sre.NOT_LITERAL:
            same = _literal(chr(value), fold)
            return lambda c: not same(c)
        if kind is sre.ANY:
            return (lambda c: True) if self._flags & sre.SRE_FLAG_DOTALL else (lambda c: c != "\n")
        if kind is sre.IN:
            return _set(value, fold)
        return None


def _literal(char: str, fold: bool) -> Test:
    if not fold:
        return char.__eq__
    forms = {char, char.lower(), char.upper()}
    return forms.__contains__


def _set(items: Any, fold: bool) -> Test:
    negated = bool(items) and items[0][0] is sre.NEGATE
    tests: list[Test] = []
    for kind, value in items:
        if kind is sre.LITERAL:
            tests.append(_literal(chr(value), fold))
        elif kind is sre.RANGE:
            tests.append(_range(chr(value[0]), chr(value[1]), fold))
        elif kind is sre.CATEGORY:
            tests.append(_CATEGORIES[value])
    return lambda c: any([test(c) for test in tests]) != negated


def _range(low: str, high: str, fold: bool) -> Test:
    if not fold:
        return lambda c: low <= c <= high
    return lambda c: low <= c <= high or low <= c.lower() <= high or low <= c.upper() <= high


_PLACES = {
    sre.AT_BOUNDARY: "edge",
    sre.AT_NON_BOUNDARY: "inside",
    sre.AT_BEGINNING: "begin",
    sre.AT_BEGINNING_STRING: "begin",
    sre.AT_END: "end",
    sre.AT_END_STRING: "end",
}
