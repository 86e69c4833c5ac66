"""Rendezvous hashing: who always meets the same deployment while it is there, in proportion to weights."""

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from typing import Any

from headgate.routing.candidates import DRAWN, KEPT, LANE, MASK, TOLD, Candidates, Column

GOLDEN = 0x9E3779B1
SPREAD = 0x85EBCA77
HALF = LANE // 2
LONGEST = log(DRAWN + 1)


def mixed(*parts: str | int) -> int:
    """Return 64 bits for *parts*."""
    return int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest())


def draws(seed: int, options: Candidates) -> Sequence[Any]:
    """Return a score for each option that *seed* alone decides: each is least in proportion to its weight.

    Where an option goes, only those it was least for move to another. Where all weights are 1 it is at most ``DRAWN``.
    """
    kept = options.draws.get(seed)  # a conversation has several turns
    if kept is not None:
        return kept
    if len(options) > TOLD:
        return list(_drawn(seed, options))
    if len(options.draws) * len(options) >= KEPT:
        options.draws.clear()
    options.draws[seed] = found = Column(_drawn(seed, options))
    return found


def _drawn(seed: int, options: Candidates) -> Sequence[float]:
    packed, ones, masks, limits, lanes, shares = options.lots
    x = (packed ^ ((seed & MASK) * ones)) * GOLDEN  # a lane for each digest: all are mixed by a few multiplications
    x = ((x ^ (x >> HALF)) & masks) * SPREAD
    x = (x ^ (x >> HALF)) & limits | ones
    drawn = lanes.unpack(x.to_bytes(lanes.size, "little"))
    if shares is None:
        return drawn
    return [(LONGEST - each) * share for each, share in zip(map(log, drawn), shares, strict=True)]
