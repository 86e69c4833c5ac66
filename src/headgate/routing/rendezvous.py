"""Rendezvous hashing: who always meets the same deployment while it is there, in proportion to weights."""

from collections.abc import Sequence
from hashlib import blake2b
from math import log

from headgate.routing.types import Option

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SPREAD = 0xD6E8FEB86659FD93
RANGE = float(1 << 64)


def mixed(*parts: str | int) -> int:
    """Return 64 bits for *parts*."""
    return int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest())


def draws(seed: int, options: Sequence[Option]) -> list[float]:
    """Return a score for each option that *seed* alone decides: each is least in proportion to its weight.

    Where an option goes, only those it was least for move to another.
    """
    scores = []
    for option in options:
        x = ((option.digest ^ seed) * GOLDEN) & MASK
        x = ((x ^ (x >> 32)) * SPREAD) & MASK
        scores.append((x ^ (x >> 32)) / RANGE)
    if all([option.weight == 1 for option in options]):
        return scores
    return [-log(score or 1 / RANGE) / option.weight for score, option in zip(scores, options, strict=True)]
