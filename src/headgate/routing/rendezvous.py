"""Rendezvous hashing: who always meets the same deployment while it is there, in proportion to weights."""

from collections.abc import Sequence
from hashlib import blake2b
from math import log

from headgate.routing.candidates import LANE, MASK, columns
from headgate.routing.types import Option

GOLDEN = 0x9E3779B1
SPREAD = 0x85EBCA77
HALF = LANE // 2
RANGE = 1 << 30  # what Python compares fastest
DRAWN = RANGE - 1
LONGEST = log(RANGE)


def mixed(*parts: str | int) -> int:
    """Return 64 bits for *parts*."""
    return int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest())


def draws(seed: int, options: Sequence[Option]) -> Sequence[float]:
    """Return a score for each option that *seed* alone decides: each is least in proportion to its weight.

    Where an option goes, only those it was least for move to another. Where all weights are 1 it is below ``RANGE``.
    """
    all_ = columns(options)
    ones = all_.ones  # every digest has a lane of one long number, so that all are mixed by a few multiplications
    x = (all_.packed ^ ((seed & MASK) * ones)) * GOLDEN
    x = ((x ^ (x >> HALF)) & all_.masks) * SPREAD
    x = (x ^ (x >> HALF)) & (DRAWN * ones) | ones
    lanes = all_.lanes
    drawn = list(lanes.unpack(x.to_bytes(lanes.size, "little")))
    if all_.even:
        return drawn
    return [(LONGEST - each) * share for each, share in zip(map(log, drawn), all_.shares, strict=True)]
