"""The trained judge of two questions: trees over what `features.py` counts. Plain Python, some tens of microseconds.

Trained by ``benchmarks/cache/train.py``; what on, and how well it does: ``docs/how-to/semantic-cache.md``.
"""

import json
import lzma
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from math import exp

from headgate.cache.semantic.features import Rarity

FORM = 1


class Verifier:
    """A sum of trees. A tree is a list of nodes ``(feature, border, left, right)``; a leaf has the feature -1."""

    def __init__(self, name: str, start: float, trees: Sequence[Sequence[tuple[int, float, int, int]]]) -> None:
        self.name = name
        self._start = start
        self._trees = trees

    def judge(self, found: Sequence[float]) -> float:
        """Return how likely the two questions ask the same, 0 to 1, by their *found* features."""
        total = self._start
        for tree in self._trees:
            feature, border, left, right = tree[0]
            while feature >= 0:
                feature, border, left, right = tree[left if found[feature] <= border else right]
            total += border
        return 1 / (1 + exp(-max(min(total, 40.0), -40.0)))


@lru_cache(maxsize=1)
def rarity() -> Rarity:
    """Return how rare words are in questions."""
    return Rarity(rarities())


@lru_cache(maxsize=1)
def rarities() -> dict[str, float]:
    """Return stem -> idf: line n of the list has those of n / 4."""
    raw = lzma.decompress(_data("rarity.xz")).decode()
    found: dict[str, float] = {}
    for number, line in enumerate(raw.split("\n")):
        found.update(dict.fromkeys(line.split(), number / 4))
    return found


@lru_cache(maxsize=4)
def load(name: str) -> Verifier:
    """Return the verifier for vectors of the kind *name*, ``lexical`` or ``minilm``; read on first use."""
    found = json.loads(lzma.decompress(_data(f"{name}.xz")))
    if found["form"] != FORM:
        raise ValueError(f"the verifier {name!r} is of another version")
    return Verifier(name, found["start"], [[tuple(node) for node in tree] for tree in found["trees"]])


def _data(name: str) -> bytes:
    return (files("headgate.cache.semantic") / "data" / name).read_bytes()
