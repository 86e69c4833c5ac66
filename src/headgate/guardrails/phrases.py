"""Finding any of many phrases at once: words looked up by the first of each phrase, so a long list costs no more."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

_WORD = re.compile(r"\w+")
GAP = 3
"""Characters that may stand between two words of a phrase."""
LONGEST = 512
"""Characters of a phrase of one's own: so much may have to be held back of a stream, and is looked at again with every
piece of it."""


class Phrases:
    """Phrases with their names. Case does not count unless *exact*; whole words count unless the phrase has none."""

    def __init__(self, named: Iterable[tuple[str, str]], exact: bool = False) -> None:
        """*named* are pairs of a phrase and what it is called."""
        self._exact = exact
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._signs: list[tuple[str, str]] = []
        self._longest = 0
        for phrase, name in named:
            plain = phrase if exact else lower(phrase)
            words = tuple(_WORD.findall(plain))
            self._longest = max(self._longest, len(phrase) + GAP * len(words))
            if words and _in_words(plain):
                self._by_first.setdefault(words[0], []).append((words, name))
            elif plain:
                self._signs.append((plain, name))
        for ways in self._by_first.values():
            ways.sort(key=lambda way: -len(way[0]))
        self._firsts = tuple(self._by_first)
        self._longest_in_words = max((len(ws) for ways in self._by_first.values() for ws, _ in ways), default=0)

    def find(self, text: str, start: int = 0) -> list[tuple[int, int, str]]:
        """Return what begins at *start* or later: start, end and name."""
        plain = text if self._exact else lower(text)
        found: list[tuple[int, int, str]] = []
        for sign, name in self._signs:
            at = plain.find(sign, start)
            while at != -1:
                found.append((at, at + len(sign), name))
                at = plain.find(sign, at + len(sign))
        if self._by_first:
            found += self._words(plain, start)
        return sorted(found)

    def held(self, text: str) -> int:
        """Return from where the end of *text* may still become a phrase."""
        size = len(text)
        tail = max(size - self._longest - 64, 0)
        plain = text if self._exact else lower(text[tail:])
        plain = plain[tail:] if self._exact else plain
        least = len(plain)
        for sign, _ in self._signs:
            for length in range(min(len(sign) - 1, len(plain)), 0, -1):
                if plain.endswith(sign[:length]):
                    least = min(least, len(plain) - length)
                    break
        words = list(_WORD.finditer(plain))[-self._longest_in_words :] if self._longest_in_words else []
        for i, word in enumerate(words):
            if word.start() >= least:
                break
            if self._may_go_on(plain, words[i:]):
                least = word.start()
                break
        return tail + least

    def _words(self, plain: str, start: int) -> Iterator[tuple[int, int, str]]:
        words = list(_WORD.finditer(plain, start))
        if start and words and words[0].start() == start and (plain[start - 1].isalnum() or plain[start - 1] == "_"):
            words.pop(0)  # the rest of a word that began before
        known = self._by_first
        skip = -1
        for i, word in enumerate(words):
            if i < skip:
                continue
            for phrase, name in known.get(word[0], ()):
                if self._follows(words[i : i + len(phrase)], phrase):
                    yield word.start(), words[i + len(phrase) - 1].end(), name
                    skip = i + len(phrase)
                    break

    @staticmethod
    def _follows(words: list[re.Match[str]], phrase: tuple[str, ...]) -> bool:
        if len(words) < len(phrase) or any(w[0] != p for w, p in zip(words, phrase, strict=True)):
            return False
        return all(b.start() - a.end() <= GAP for a, b in pairwise(words))

    def _may_go_on(self, plain: str, words: list[re.Match[str]]) -> bool:
        """Whether *words*, the last of which may be cut, may be the beginning of a phrase, or a whole one."""
        cut = words[-1].end() == len(plain)
        if not cut and len(plain) - words[-1].end() > GAP:
            return False
        said = [word[0] for word in words]
        if len(said) == 1 and cut:
            return any([first.startswith(said[0]) for first in self._firsts])
        for phrase, _ in self._by_first.get(said[0], ()):
            if len(phrase) < len(said) or (not cut and len(phrase) == len(said)):
                continue
            same = all(p == s for p, s in zip(phrase, said[:-1], strict=False))
            last = phrase[len(said) - 1]
            if same and (last.startswith(said[-1]) if cut else last == said[-1]):
                return True
        return False


def faults_of(field: str, phrases: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the *phrases* of a setting, each as the setting and why."""
    for number, phrase in enumerate(phrases, 1):
        if not phrase.strip():
            yield field, f"entry {number} is empty"
        elif len(phrase) > LONGEST:
            yield field, f"entry {number} has {len(phrase):,} characters; a phrase may have {LONGEST}"


def lower(text: str) -> str:
    """Return *text* in lower case, every character still in its place."""
    small = text.lower()
    return small if len(small) == len(text) else "".join([c.lower() if len(c.lower()) == 1 else c for c in text])


def _in_words(text: str) -> bool:
    """Whether *text* is words with spaces, in a script that has them: else its signs are looked for as they are."""
    if not all(ord(c) < 0x0E00 or 0x1E00 <= ord(c) < 0x2000 for c in text):
        return False
    between = _WORD.sub("", text)
    return between.isspace() or not between
