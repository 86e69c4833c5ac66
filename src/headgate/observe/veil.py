"""Masks what somebody has found in what was said: secrets and personal data give way to the names of their kinds.

What nobody can look into, pictures and sound in base64, goes as a whole. All texts of a document are looked at
together: most hold nothing, which is far quicker to see of the whole than of each.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from headgate.core.redact import redact
from headgate.dialects.text import DEEPEST, LONG_NUMBER

Find = Callable[[str], list[tuple[int, int, str]]]
"""Returns start, end and kind of what is to be masked in a text, in order; see ``guardrails.detect``."""
Mark = tuple[str, int, int, str]
"""Where something stands: the path of its string, start, end, and its kind."""
SHORTEST = 6
"""Characters below which nothing is found."""
MOST_MARKS = 1000
LARGE = 1024
"""Characters from which on a text may be a picture."""
MOST_LOOKED = 1_000_000
"""Characters of a document that are looked at: it takes a fifth of a second, and others have their turns meanwhile."""
BETWEEN = "\n\x00\n"
SECRET_NAME = re.compile(
    r"(?i)secret|passw(?:or)?d|passphrase|api[_-]?key|(?:access|private|auth|signing)[_-]?key|authorization|cookie|"
    r"credential|(?:access|auth|refresh|id|session|bearer)[_-]?token"
)
"""What a field is called whose text is a secret."""
_BLOB = re.compile(r"(?:data:[a-z0-9.+/;=-]{1,100},)?[A-Za-z0-9+/_-]{1024,}={0,2}")


class Veil:
    """Looks at documents with what finds; counts, and notes where."""

    def __init__(self, find: Find, *, masks: bool) -> None:
        """*masks*: what is found is taken out; else it is only noted."""
        self._find = find
        self._masks = masks
        self.found: Counter[str] = Counter()
        self.marks: list[Mark] = []

    def over(self, value: Any) -> Any:
        """Return a JSON *value* as it may be kept."""
        value = self._named(value, "", 0)
        places = list(_texts(value, "", 0))
        texts, room = [], MOST_LOOKED
        for _, text in places:
            seen = self._seen(text, room)
            texts.append(seen)
            room -= len(seen)
        kept = self._kept(texts, [path for path, _ in places])
        return _rebuilt(value, iter(kept), 0) if self._masks else value

    def text(self, text: str) -> str:
        """Return a text as it may be kept."""
        if len(text) < SHORTEST:
            return text
        kept = self._kept([self._seen(text, MOST_LOOKED)], [""])[0]
        return kept if self._masks else text

    def _kept(self, texts: list[str], paths: list[str]) -> list[str]:
        whole = BETWEEN.join(texts)
        starts = [0, *accumulate(len(text) + len(BETWEEN) for text in texts)]
        held: dict[int, list[tuple[int, int, str]]] = {}
        for start, end, kind in self._find(whole):
            at = bisect_right(starts, start) - 1
            begin, stop = start - starts[at], min(end - starts[at], len(texts[at]))
            self._note(kind, paths[at], begin, stop)
            held.setdefault(at, []).append((begin, stop, kind))
        if not self._masks:
            return texts
        for at, found in held.items():
            texts[at] = _masked(texts[at], found)
        if redact(whole) == whole:
            return texts
        return [redact(text) for text in texts]

    def _named(self, value: Any, path: str, depth: int) -> Any:
        """Return *value* without the texts that their names call secrets, whatever they look like."""
        if depth > DEEPEST or not isinstance(value, dict | list):
            return value
        if isinstance(value, list):
            return [self._named(one, f"{path}[{i}]", depth + 1) for i, one in enumerate(value)]
        found = {}
        for name, one in value.items():
            inside = f"{path}.{name[:100]}" if path else name[:100]
            if isinstance(one, str) and one and SECRET_NAME.search(name):
                self._note("named", inside, 0, len(one))
                found[name] = "<SECRET>" if self._masks else one
            else:
                found[name] = self._named(one, inside, depth + 1)
        return found

    def _note(self, kind: str, path: str, start: int, end: int) -> None:
        self.found[kind] += 1
        if len(self.marks) < MOST_MARKS:
            self.marks.append((path, start, end, kind))

    def _seen(self, text: str, room: int) -> str:
        """Return what of a text is looked at; what is not, is not kept where anything is masked."""
        if len(text) > LARGE and _BLOB.fullmatch(text):
            self.found["blob"] += 1
            return f"<BLOB {len(text)}>"
        return text if len(text) <= room else f"<CUT {len(text)}>"


def _masked(text: str, found: list[tuple[int, int, str]]) -> str:
    out, at = [], 0
    for start, end, kind in found:
        out += [text[at:start], f"<{kind.upper()}>"]
        at = end
    return "".join(out) + text[at:]


def _counts(value: Any) -> bool:
    """Whether *value* is looked at: a text that may hold something, or a number that may be somebody's."""
    if isinstance(value, str):
        return len(value) >= SHORTEST
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LONG_NUMBER


def _texts(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if _counts(value):
        yield path, str(value)
    elif depth > DEEPEST:
        return
    elif isinstance(value, dict):
        for name, one in value.items():
            if _counts(name):
                yield path, name
            yield from _texts(one, f"{path}.{name[:100]}" if path else name[:100], depth + 1)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _texts(one, f"{path}[{i}]", depth + 1)


def _rebuilt(value: Any, texts: Iterator[str], depth: int) -> Any:
    """Return *value* with what :func:`_texts` told of it replaced, in the same order; what lies deeper is left out."""
    if _counts(value):
        text = next(texts)
        return value if text == str(value) else text
    if not isinstance(value, dict | list):
        return value
    if depth > DEEPEST:
        return None
    if isinstance(value, list):
        return [_rebuilt(one, texts, depth + 1) for one in value]
    found = {}
    for name, one in value.items():
        shown = next(texts) if _counts(name) else name
        found[shown] = _rebuilt(one, texts, depth + 1)
    return found
