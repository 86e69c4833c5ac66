"""A text that grows: what of it is final, what was found in it, and how it reads after masks and originals are put in.

The one place where texts are edited: a whole text is one that has grown in a single step.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from headgate.guardrails.mask import Masks, inside_json
from headgate.guardrails.types import Follow, Guardrail

_QUOTES = re.compile(r'\\.|"', re.DOTALL)
NEAR = 96

Mask = Callable[[int, str, str], str]
"""``mask(guard, kind, value)``: what takes the place of *value*, found by that guardrail."""


class Found(msgspec.Struct, frozen=True):
    """What one guardrail found: characters from the beginning of the lane."""

    guard: int
    start: int
    end: int
    type: str


class Lane:
    """One growing text. ``done`` is how far it is final: characters from its beginning."""

    __slots__ = (
        "_across", "_base", "_buffer", "_edits", "_follow", "_guards", "_json", "_mask", "_masked", "_masks", "_near",
        "_noted", "_quoted", "done", "size",
    )  # fmt: skip

    def __init__(
        self,
        guards: Sequence[tuple[int, Guardrail]],
        masks: Masks | None,
        mask: Mask,
        masked: Collection[int],
        *,
        json: bool = False,
        near: int = NEAR,
    ) -> None:
        """*guards* look for patterns as the text grows; each goes by its number. *masked* are those whose finds go.

        *near* is how many characters before what is final are kept.
        """
        self._guards = guards
        self._follow: list[Follow] | None = None
        self._masks = masks if masks else None
        self._mask = mask
        self._masked = masked
        self._near = near
        self._noted: list[Found] = []
        self._json = json
        self._buffer = ""
        self._base = 0
        self._across = 0  # what is final next lies up to there
        self._edits: list[tuple[int, int, str]] = []
        self._quoted = False
        self.done = 0
        self.size = 0

    def add(self, text: str) -> None:
        """Take what has come."""
        self._buffer += text
        self.size += len(text)

    def through(self, text: str) -> bool:
        """Take *text* if nothing waits before it and it may go on at once as it is; return whether it did."""
        if self.done < self.size or self._masks is not None or self._noted:
            return False
        size = len(text)
        for _, guard in self._guards:
            if guard.passes(text) != size:
                return False
        self._buffer += text
        self.size += size
        self._release(self.size - self._base)
        self._trim(self.size)
        return True

    def note(self, found: Sequence[Found]) -> None:
        """Take note of what was found elsewhere; what lies before ``done`` has gone out."""
        self._noted += [one for one in found if one.end > self.done]

    def text(self, start: int, end: int) -> str:
        """Return the characters *start* to *end* as they came; they are kept until ``near`` are final after them."""
        return self._buffer[max(start - self._base, 0) : end - self._base]

    def settle(self, *, final: bool = False, limit: int | None = None) -> list[Found]:
        """Decide as far as can be, at most up to *limit*; return what was found there, masked or not."""
        text, start = self._buffer, self.done - self._base
        if start == len(text):
            return []
        if self._masks is None and not self._noted and self._calm(text[start:], start, final, limit):
            return []
        end = len(text)
        if not final:
            pending = text[start:]
            if self._follow is None:
                self._follow = [guard.follow(self._json) for _, guard in self._guards]
            for follow in self._follow:
                end = min(end, start + follow(pending, self.done))
            if self._masks is not None:
                end = min(end, start + self._masks.held(pending, self._json))
        if limit is not None:
            end = min(end, limit - self._base)
        if self._json and not final and (len(text[start:end]) - len(text[start:end].rstrip("\\"))) % 2:
            end -= 1  # an escape is not taken apart
        if end <= start or (end + self._base < self._across and not final):
            return []
        back = [] if self._masks is None else self._masks.find(text, start, self._json)
        base = self._base
        found = [(s, e, i, kind) for i, guard in self._guards for s, e, kind in guard.find(text, start, self._json)]
        noted = [(max(n.start - base, start), n.end - base, n.guard, n.type) for n in self._noted]
        ranges = [(s, e) for s, e, _ in back] + [(s, e) for s, e, _, _ in (*found, *noted)]
        end = _apart(end, ranges)
        if end <= start:
            self._across = base + max(e for s, e in ranges if s <= start < e)
            return []
        out = [Found(i, s + base, e + base, kind) for s, e, i, kind in sorted(found) if e <= end]
        told = [Found(i, s + base, e + base, kind) for s, e, i, kind in noted if e <= end]
        self._noted = [n for n in self._noted if n.end - base > end]
        if back or out or told:
            self._edit(start, end, [(s, e, v) for s, e, v in back if e <= end], _in_order([*out, *told]))
        self._release(end)
        return out

    def _calm(self, pending: str, start: int, final: bool, limit: int | None) -> bool:
        """Whether in *pending* plainly nothing is; if so, what of it may go is final now."""
        end = len(pending)
        for _, guard in self._guards:
            free = guard.passes(pending)
            if free < 0:
                return False
            end = min(end, free)
        end = start + (len(pending) if final else end)
        if limit is not None:
            end = min(end, limit - self._base)
        if end > start:
            self._release(end)
        return True

    def cut(self, start: int, end: int) -> str:
        """Return how the characters *start* to *end*, which are final, read now; each is asked for once, in order."""
        text, base = self._buffer, self._base
        out: list[str] = []
        at = start
        while self._edits and self._edits[0][0] < end:
            begin, stop, instead = self._edits[0]
            if begin >= start:  # else it was put in where it began
                out += [text[at - base : begin - base], instead]
            at = min(stop, end)
            if stop > end:
                break
            self._edits.pop(0)
        out.append(text[at - base : end - base])
        self._trim(end)
        return "".join(out)

    def touched(self, start: int, end: int) -> bool:
        """Whether the characters *start* to *end*, which are final, read otherwise now."""
        return bool(self._edits) and self._edits[0][0] < end and self._edits[0][1] > start

    def passed(self, end: int) -> None:
        """The characters up to *end* went out as they were."""
        self._trim(end)

    def _edit(self, start: int, end: int, back: list[tuple[int, int, str]], found: list[Found]) -> None:
        text, base = self._buffer, self._base
        put_back = []
        for s, e, value in back:
            put_back.append((s + base, e + base, inside_json(value) if self._json else value))
        edits = list(put_back)
        quoted, quotes = self._quoted, self._quotes(start, end) if self._json else iter(())
        quote = next(quotes, end)
        for one in self._clusters(found, put_back):
            while quote < one.start - base:
                quoted, quote = not quoted, next(quotes, end)
            instead = self._mask(one.guard, one.type, text[one.start - base : one.end - base])
            if self._json and not quoted:
                instead = f'"{instead}"'  # a bare number: its placeholder is text
            edits.append((one.start, one.end, instead))
        self._edits += sorted(edits)

    def _clusters(self, found: list[Found], put_back: list[tuple[int, int, str]]) -> list[Found]:
        """What is to be masked; of those that overlap one over all of them, or the rest of a match would show."""
        out: list[Found] = []
        ends = [e for _, e, _ in put_back]
        for one in found:
            after = bisect_right(ends, one.start)
            if one.guard not in self._masked or (after < len(ends) and put_back[after][0] < one.end):
                continue
            if out and one.start < out[-1].end:
                last = out.pop()
                wide = one if one.end - one.start > last.end - last.start else last
                one = Found(wide.guard, last.start, max(last.end, one.end), wide.type)
            out.append(one)
        return out

    def _quotes(self, start: int, end: int) -> Iterator[int]:
        """Where strings of the JSON that the text is begin and end."""
        return (one.start() for one in _QUOTES.finditer(self._buffer, start, end) if one[0] == '"')

    def _release(self, end: int) -> None:
        if self._json:
            self._quoted ^= sum(1 for _ in self._quotes(self.done - self._base, end)) % 2 == 1
        self.done = self._base + end

    def _trim(self, end: int) -> None:
        drop = min(end, self.done - self._near) - self._base
        if drop > 4 * NEAR:
            self._buffer = self._buffer[drop:]
            self._base += drop


def _apart(end: int, ranges: list[tuple[int, int]]) -> int:
    """Return the last place up to *end* that no range lies across."""
    while True:
        across = [s for s, e in ranges if s < end < e]
        if not across:
            return end
        end = min(across)


def _in_order(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda one: (one.start, -one.end))
