"""Regular expressions in linear time: every way to read is followed at once, as <https://swtch.com/~rsc/regexp/> shows.

What would need a second look at the text (back-references, lookaround) is refused. The text may still be growing: then
:meth:`Expression.held` tells where a match may have begun. Of the matches that begin first the longest counts.
"""

import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator
from typing import Any

Test = Callable[[str], bool]

LARGEST = 2000
"""Instructions that an expression may come to, with its repeats written out."""
CACHED = 4096
"""Steps that are remembered."""
CHAR, SPLIT, JUMP, ASSERT, MATCH = range(5)
_CATEGORIES: dict[Any, Test] = {
    sre.CATEGORY_DIGIT: str.isdecimal,
    sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdecimal(),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    sre.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
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
        self._longest = longest
        self._seen: dict[tuple[frozenset[int], str, str], tuple[frozenset[int], bool]] = {}

    def find(self, text: str, start: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the matches that begin at *start* or later, empty ones left out."""
        if not self._anywhere(text, start):
            return
        at = start
        while at < len(text):
            found = self._first(text, at)
            if found is None:
                return
            yield found
            at = found[1]

    def held(self, text: str, start: int = 0) -> int:
        """Return where the first match that the end of *text* leaves open begins; ``len(text)`` where none does."""
        threads: dict[int, int] = {}
        size = len(text)
        for at in range(max(start, size - self._longest), size + 1):
            ready = self._ready({**threads, **({0: at} if 0 not in threads else {})}, text, at, open_end=True)
            if at == size:
                return min([begin for begin in ready.values() if begin < size], default=size)
            threads = self._step(ready, text[at], at)
        return size

    def _anywhere(self, text: str, start: int) -> bool:
        """Whether anything matches at all: one look-up for each character, since most texts hold nothing."""
        states = frozenset((0,))
        before = text[start - 1 : start]
        seen = self._seen
        for char in text[start:]:
            step = seen.get((states, before, char))
            if step is None:
                step = self._learn(states, before, char)
            states, matched = step
            if matched:
                return True
            before = char
        return any(self._code[pc][0] == MATCH for pc in self._ready(dict.fromkeys(states, 0), text, len(text)))

    def _learn(self, states: frozenset[int], before: str, char: str) -> tuple[frozenset[int], bool]:
        pair = before + char
        ready = self._ready(dict.fromkeys(states, 0), pair, len(before))
        after = frozenset(self._step(ready, char, 0)) | {0}
        # an expression that matches nothing at all is looked at by `_first`, which leaves empty matches out
        step = after, any(self._code[pc][0] == MATCH for pc in ready) and states != {0}
        if len(self._seen) >= CACHED:
            self._seen.clear()
        self._seen[(states, before, char)] = step
        return step

    def _first(self, text: str, start: int) -> tuple[int, int] | None:
        threads: dict[int, int] = {}
        best: tuple[int, int] | None = None
        for at in range(start, len(text) + 1):
            if best is None and 0 not in threads:
                threads[0] = at
            ready = self._ready(threads, text, at)
            for pc, begin in ready.items():
                if self._code[pc][0] == MATCH and begin < at and (best is None or begin <= best[0]):
                    best = begin, at
            if at == len(text):
                break
            threads = self._step(ready, text[at], at)
            if best is not None:
                threads = {pc: begin for pc, begin in threads.items() if begin <= best[0]}
                if not threads:
                    break
        return best

    def _ready(self, threads: dict[int, int], text: str, at: int, *, open_end: bool = False) -> dict[int, int]:
        """Return the instructions that wait for a character at *at*, each with where its earliest thread began."""
        out: dict[int, int] = {}
        todo = sorted(threads.items(), key=lambda one: -one[1])
        code = self._code
        while todo:
            pc, begin = todo.pop()
            if out.get(pc, begin + 1) <= begin:
                continue
            out[pc] = begin
            what = code[pc]
            if what[0] == JUMP:
                todo.append((what[1], begin))
            elif what[0] == SPLIT:
                todo += [(what[2], begin), (what[1], begin)]
            elif what[0] == ASSERT and (_holds(what[1], text, at) or (open_end and at == len(text))):
                todo.append((pc + 1, begin))
        return {pc: begin for pc, begin in out.items() if code[pc][0] in (CHAR, MATCH)}

    def _step(self, ready: dict[int, int], char: str, at: int) -> dict[int, int]:
        out: dict[int, int] = {}
        for pc, begin in ready.items():
            what = self._code[pc]
            if what[0] == CHAR and at - begin < self._longest and what[1](char) and out.get(pc + 1, begin + 1) > begin:
                out[pc + 1] = begin
        return out

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


def _is_word(char: str) -> bool:
    return bool(char) and (char.isalnum() or char == "_")


def _holds(place: str, text: str, at: int) -> bool:
    before, after = text[at - 1 : at] if at else "", text[at : at + 1]
    if place in ("edge", "inside"):
        return (_is_word(before) != _is_word(after)) == (place == "edge")
    return not (before if place == "begin" else after)


_PLACES = {
    sre.AT_BOUNDARY: "edge",
    sre.AT_NON_BOUNDARY: "inside",
    sre.AT_BEGINNING: "begin",
    sre.AT_BEGINNING_STRING: "begin",
    sre.AT_END: "end",
    sre.AT_END_STRING: "end",
}
