"""Rendezvous hashing: who always meets the same deployment while it is there, in proportion to weights."""

from collections.abc import Sequence
from hashlib import blake2b
from math import log

from headgate.routing.candidates import LANE, columns
from headgate.routing.types import Option

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SPREAD = 0xD6E8FEB86659FD93
HALF = LANE // 2
SMALLEST = 2.0**-64


def mixed(*parts: str | int) -> int:
    """Return 64 bits for *parts*."""
    return int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest())


def draws(seed: int, options: Sequence[Option]) -> list[float]:
    """Return a score for each option that *seed* alone decides: each is least in proportion to its weight.

    Where an option goes, only those it was least for move to another.
    """
    all_ = columns(options)
    ones = all_.ones  # every digest has a lane of one long number, so that all are mixed by a few multiplications
    x = (all_.packed ^ (seed * ones)) * GOLDEN
    x = ((x ^ (x >> HALF)) & (MASK * ones)) * SPREAD
    mixed_ = memoryview((x ^ (x >> HALF)).to_bytes(len(all_) * LANE // 8, "little")).cast("Q")[::2]
    if all_.even:
        return [score * SMALLEST for score in mixed_]
    return [-log(score * SMALLEST or SMALLEST) * share for score, share in zip(mixed_, all_.shares, strict=True)]
