"""What a compiled expression does with a text: a few passes, each with bounded work for a character.

Whether anything matches is one look-up for each character, in states learnt on the way. Where something does, the text
is read from its end first: that tells of every place how far the nearest end of a match is, for each instruction. Then
it is read from its beginning, following only what leads to an end that is near enough. So no character is read for a
match that comes to nothing, nor for two.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Test = Callable[[str], bool]
Code = Sequence[tuple[Any, ...]]

CACHED = 4096
"""Steps that are remembered."""
BLOCK = 1024
"""Places whose distances are kept at once; of the others only those at the border of a block are."""
CHAR, SPLIT, JUMP, ASSERT, MATCH = range(5)


class Automaton:
    """Instructions, and a match's most characters. Of the matches that begin first the longest counts."""

    def __init__(self, code: Code, longest: int) -> None:
        self._code = code
        self._longest = longest
        self._seen: dict[tuple[frozenset[int], str, str], tuple[frozenset[int], bool]] = {}
        self._begins: dict[tuple[str, str], tuple[int, ...]] = {}
        self._before: list[list[int]] = [[] for _ in code]
        for pc, what in enumerate(code):
            for to in what[1:] if what[0] in (SPLIT, JUMP) else (pc + 1,) if what[0] == ASSERT else ():
                self._before[to].append(pc)

    @property
    def size(self) -> int:
        """How many instructions there are."""
        return len(self._code)

    def find(self, text: str, start: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the matches that begin at *start* or later, empty ones left out."""
        if not self.anywhere(text, start):
            return
        ways = _Ways(self._back, text, start)
        at = start
        while at < len(text):
            end = self._longest_at(text, at, ways) if 0 in ways.at(at) else at
            if end > at:
                yield at, end
            at = max(end, at + 1)

    def held(self, text: str) -> int:
        """Return where the first match that the end of *text* leaves open begins; ``len(text)`` where none does."""
        start = max(len(text) - self._longest, 0)
        following = Following(self, text[start - 1 : start] if start else "")
        following.feed(text[start:], range(start, len(text)))
        return following.held(len(text))

    def anywhere(self, text: str, start: int) -> bool:
        """Whether anything matches at all: one look-up for each character, since most texts hold nothing."""
        states = frozenset((0,))
        before = text[start - 1 : start] if start else ""
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
        after = frozenset(self.step(ready, char)) | {0}
        # an expression that matches nothing at all is looked at by `find`, which leaves empty matches out
        step = after, any(self._code[pc][0] == MATCH for pc in ready) and states != {0}
        if len(self._seen) >= CACHED:
            self._seen.clear()
        self._seen[(states, before, char)] = step
        return step

    def _longest_at(self, text: str, start: int, ways: "_Ways") -> int:
        """Return where the longest match that begins at *start* ends; *start* where none does."""
        code, best, at = self._code, start, start
        threads = {0: 0}
        while threads:
            ready = self._ready(threads, text, at)
            if at > start and any(code[pc][0] == MATCH for pc in ready):
                best = at
            if at == len(text):
                break
            room, after = self._longest - (at + 1 - start), ways.at(at + 1)
            threads = {pc: 0 for pc in self.step(ready, text[at]) if after.get(pc, room + 1) <= room}
            at += 1
        return best

    def _back(self, text: str, at: int, after: dict[int, int]) -> dict[int, int]:
        """Return how many characters from *at* on the nearest end of a match is, by instruction, from those *after*."""
        code, before, longest = self._code, self._before, self._longest
        seeds = [(0, len(code) - 1)]
        if after:
            char = text[at]
            for pc, distance in after.items():
                if pc and distance < longest and code[pc - 1][0] == CHAR and code[pc - 1][1](char):
                    seeds.append((distance + 1, pc - 1))
            seeds.sort()
        out: dict[int, int] = {}
        for distance, seed in seeds:
            todo = [seed]
            while todo:
                pc = todo.pop()
                if pc in out:
                    continue
                out[pc] = distance
                todo += [one for one in before[pc] if code[one][0] != ASSERT or holds(code[one][1], text, at)]
        return out

    def _ready(self, threads: dict[int, int], text: str, at: int) -> dict[int, int]:
        """Return the instructions that wait for a character at *at*, each with its thread's least number."""
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
            elif what[0] == ASSERT and holds(what[1], text, at):
                todo.append((pc + 1, begin))
        return {pc: begin for pc, begin in out.items() if code[pc][0] in (CHAR, MATCH)}

    def step(self, ready: dict[int, int], char: str) -> dict[int, int]:
        """Return where those of *ready* are that take *char*."""
        code = self._code
        return {pc + 1: begin for pc, begin in ready.items() if code[pc][0] == CHAR and code[pc][1](char)}

    def next(self, threads: dict[int, int], before: str, char: str) -> dict[int, int]:
        """Return where *threads* are after *char*."""
        return self.step(self._ready(threads, before + char, len(before)), char)

    def begin(self, before: str, char: str) -> tuple[int, ...]:
        """Return where threads are after *char* that begin with it."""
        found = self._begins.get((before, char))
        if found is None:
            if len(self._begins) >= CACHED:
                self._begins.clear()
            found = self._begins[before, char] = tuple(self.next({0: 0}, before, char))
        return found


class _Ways:
    """The distances of every place of a text, a block of places at a time."""

    def __init__(self, back: Callable[[str, int, dict[int, int]], dict[int, int]], text: str, start: int) -> None:
        self._back = back
        self._text = text
        self._start = start
        self._blocks: dict[int, list[dict[int, int]]] = {}
        self._borders: dict[int, dict[int, int]] = {}
        last = (len(text) - start) // BLOCK
        self._borders[last + 1] = {}
        for block in range(last, 0, -1):
            self._borders[block] = self._of(block)[0]

    def at(self, place: int) -> dict[int, int]:
        """Return those of *place*."""
        block, number = divmod(place - self._start, BLOCK)
        found = self._blocks.get(block)
        if found is None:
            for known in [one for one in self._blocks if one < block - 1]:
                del self._blocks[known]
            found = self._blocks[block] = self._of(block)
        return found[number]

    def _of(self, block: int) -> list[dict[int, int]]:
        after, found = self._borders[block + 1], []
        begin = self._start + block * BLOCK
        for at in range(min(begin + BLOCK - 1, len(self._text)), begin - 1, -1):
            after = self._back(self._text, at, after)
            found.append(after)
        found.reverse()
        return found


class Following:
    """A text that grows, and what of it may still become a match. Each character is read once, and kept nowhere."""

    __slots__ = ("_at", "_automaton", "_before", "_first", "_last", "_places")

    def __init__(self, automaton: Automaton, before: str = "") -> None:
        """*before* is the character before the text, where there is one."""
        self._automaton = automaton
        self._at = 0
        self._before = before
        # by instruction, the first and the last of the threads there: none of them begins outside of the two
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._places = array("q")

    def copy(self) -> "Following":
        """Return another of the same text."""
        other = Following(self._automaton, self._before)
        other._at, other._places = self._at, self._places[:]
        other._first, other._last = self._first.copy(), self._last.copy()
        return other

    def feed(self, text: str, places: Sequence[int]) -> None:
        """Take more of the text; *places* is where its characters stand, by whoever asks."""
        automaton, longest, before = self._automaton, self._automaton._longest, self._before
        first, last, at = self._first, self._last, self._at
        for char in text:
            begun = automaton.begin(before, char)
            if first:
                first = automaton.next(first, before, char)
                latest = automaton.next({pc: -begin for pc, begin in last.items()}, before, char)
                last = {pc: -begin for pc, begin in latest.items() if at + 1 + begin <= longest}
                if len(last) < len(first):
                    first = {pc: begin for pc, begin in first.items() if pc in last}
            for pc in begun:
                first.setdefault(pc, at)
                last[pc] = at
            before = char
            at += 1
        self._first, self._last, self._at, self._before = first, last, at, before
        self._places.extend(places)
        if len(self._places) > 4 * longest + BLOCK:
            del self._places[: -longest - 1]

    def held(self, end: int) -> int:
        """Return where the first match that is still open stands; *end* where there is none."""
        if not self._first:
            return end
        # what began before the longest match could is over, though another that is not has come to where it was
        back = self._at - max(min(self._first.values()), self._at - self._automaton._longest)
        return self._places[len(self._places) - back]


def is_word(char: str) -> bool:
    """Whether *char* is a part of words."""
    return bool(char) and (char.isalnum() or char == "_")


def holds(place: str, text: str, at: int) -> bool:
    """Whether *at* is such a *place* of *text*."""
    before, after = text[at - 1 : at] if at else "", text[at : at + 1]
    if place in ("edge", "inside"):
        return (is_word(before) != is_word(after)) == (place == "edge")
    return not (before if place == "begin" else after)
