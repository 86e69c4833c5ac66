"""Masks what somebody has found in what was said: secrets and personal data give way to the names of their kinds.

What nobody can look into, pictures and sound in base64, goes as a whole. All texts of a document are looked at
together: most hold nothing, which is far quicker to see of the whole than of each.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

from headgate.core.redact import redact
from headgate.dialects.text import DEEPEST, LONG_NUMBER

Find = Callable[[str], list[tuple[int, int, str]]]
"""Returns start, end and kind of what is to be masked in a text, in order; see ``guardrails.detect``."""
Mark = tuple[str, int, int, str]
"""Where something stands: the path of its string, start, end, and its kind."""
Place = tuple["Place", str] | None
"""Where a value stands: what it is in, and its name or number there."""
SHORTEST = 6
"""Characters below which nothing is found."""
SHORTEST_NAME = 3
OWN_WORDS = frozenset(
    {
        "cached_tokens", "choices", "code", "completion_tokens", "completion_tokens_details", "content", "created",
        "finish_reason", "index", "input_tokens", "logprobs", "max_completion_tokens", "max_tokens", "message",
        "messages", "model", "name", "object", "output_tokens", "param", "prompt_tokens", "prompt_tokens_details",
        "reasoning_tokens", "refusal", "role", "stop_reason", "stop_sequence", "stream", "stream_options",
        "system_fingerprint", "temperature", "text", "tools", "total_tokens", "type", "usage",
    }
)  # fmt: skip
"""Names that stand in most documents, and say nothing of what stands under them."""
LONGEST_NAME = 40
"""Characters of a name about which is remembered what it says: the same few stand in every document."""
MOST_MARKS = 1000
LARGE = 1024
"""Characters from which on a text may be a picture."""
MOST_LOOKED = 1_000_000
"""Characters of a document that are looked at: it takes a fifth of a second, and others have their turns meanwhile."""
BETWEEN = "\n\x00"
"""A find does not reach over it; the words before a number, by which it is known, may stand before it as well."""
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
        texts: list[str] = []
        places: list[Place] = []
        plain = _gather(value, None, 0, texts, places)
        if not plain:
            value = self._named(value, "", 0)
            texts, places = [], []
            _gather(value, None, 0, texts, places)
        seen, room = [], MOST_LOOKED
        for text in texts:
            seen.append(self._seen(text, room))
            room -= len(seen[-1])
        kept = self._kept(seen, places)
        return _rebuilt(value, iter(kept), 0) if self._masks and not (plain and kept == texts) else value

    def text(self, text: str) -> str:
        """Return a text as it may be kept."""
        if len(text) < SHORTEST:
            return text
        kept = self._kept([self._seen(text, MOST_LOOKED)], [None])[0]
        return kept if self._masks else text

    def _kept(self, texts: list[str], places: list[Place]) -> list[str]:
        whole = BETWEEN.join(texts)
        held: dict[int, list[tuple[int, int, str]]] = {}
        if finds := self._find(whole):
            starts = [0, *accumulate(len(text) + len(BETWEEN) for text in texts)]
            for start, end, kind in finds:
                at = bisect_right(starts, start) - 1
                begin, stop = start - starts[at], min(end - starts[at], len(texts[at]))
                self._note(kind, _path(places[at]), begin, stop)
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
            if isinstance(one, str) and one and _is_secret(name):
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


def _tells(name: str) -> bool:
    """Whether the name of a field is looked at as a text is: it may hold something, or say what follows it."""
    return len(name) >= SHORTEST_NAME and name not in OWN_WORDS


def _is_secret(name: str) -> bool:
    """Whether what a field of this name holds is a secret."""
    return _known_as_secret(name) if len(name) <= LONGEST_NAME else SECRET_NAME.search(name) is not None


@lru_cache(4096)
def _known_as_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def _gather(value: Any, place: Place, depth: int, texts: list[str], places: list[Place]) -> bool:
    """Add all that is looked at in *value*; return whether it may stay but for that: no name calls a text a secret."""
    if _counts(value):
        texts.append(str(value))
        places.append(place)
        return True
    if depth > DEEPEST:
        return not isinstance(value, dict | list)
    plain = True
    if isinstance(value, dict):
        for name, one in value.items():
            if _tells(name):
                texts.append(name)
                places.append(place)
            if _is_secret(name) and isinstance(one, str) and one:
                plain = False
            plain = _gather(one, (place, name), depth + 1, texts, places) and plain
    elif isinstance(value, list):
        for i, one in enumerate(value):
            plain = _gather(one, (place, f"[{i}]"), depth + 1, texts, places) and plain
    return plain


def _path(place: Place) -> str:
    """Return where a text stands, in words."""
    names = []
    while place is not None:
        place, name = place
        names.append(name if name[:1] == "[" else f".{name[:100]}")
    return "".join(reversed(names)).removeprefix(".")


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
        shown = next(texts) if _tells(name) else name
        found[shown] = _rebuilt(one, texts, depth + 1)
    return found
