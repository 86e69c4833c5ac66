"""Rendezvous hashing: who always meets the same deployment while it is there, in proportion to weights."""

from collections.abc import Sequence
from hashlib import blake2b
from math import log

from headgate.routing.types import Option

MASK = (1 << 63) - 1
RANGE = float(1 << 63)


def mixed(*parts: str | int) -> int:
    """Return 64 bits for *parts*."""
    return int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest())


def draws(seed: int, options: Sequence[Option]) -> list[float]:
    """Return a score for each option that *seed* alone decides: each is least in proportion to its weight.

    Where an option goes, only those it was least for move to another.
    """
    # A tuple of integers is hashed without a seed of the process, and far faster than by a digest.
    if all([option.weight == 1 for option in options]):
        return [(hash((option.digest, seed)) & MASK) / RANGE for option in options]
    return [-log(((hash((option.digest, seed)) & MASK) + 1) / RANGE) / option.weight for option in options]
