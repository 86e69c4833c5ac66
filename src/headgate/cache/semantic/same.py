"""Whether two answers say the same: what a verified lookup is judged by. Pure."""

from math import sqrt

from headgate.cache.semantic.features import Rarity
from headgate.cache.semantic.words import Asked, asked

LONGEST = 4_000
"""Characters of an answer that are looked at."""
SHORT = 12
"""Words up to which an answer is a fact: its numbers must be the same."""


def agreement(stored: str, fresh: str, rarity: Rarity) -> float:
    """Return how far two answers say the same, 0 to 1: the cosine of their words, each weighed by how rare it is.

    Of two short ones a number or a negation that only one has makes it 0.
    """
    if stored.strip() == fresh.strip():
        return 1.0
    a, b = _taken(stored), _taken(fresh)
    if not a.words or not b.words:
        return 0.0
    if min(len(a.words), len(b.words)) <= SHORT and (a.numbers != b.numbers or a.negated != b.negated):
        return 0.0
    one, other = _weights(a, rarity), _weights(b, rarity)
    shared = sum(weight * other[stem] for stem, weight in one.items() if stem in other)
    return shared / sqrt(sum(w * w for w in one.values()) * sum(w * w for w in other.values()))


def _taken(text: str) -> Asked:
    return asked(text[:LONGEST])


def _weights(found: Asked, rarity: Rarity) -> dict[str, float]:
    counts: dict[str, float] = {}
    for stem in found.stems:
        counts[stem] = counts.get(stem, 0.0) + 1
    return {stem: sqrt(count) * (0.1 + rarity(stem)) for stem, count in counts.items()}
