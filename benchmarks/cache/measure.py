"""Hits and wrong hits under a bound, over many calibrations."""

import random
from collections.abc import Callable, Sequence
from statistics import mean

import msgspec

from benchmarks.cache.scores import Judged
from headgate.cache.semantic.bounds import NEVER, threshold

CALIBRATIONS = 100
MOST = 5_000
"""Rows that a calibration learns from, at most: as many outcomes as a cache remembers."""
FIXED = (0.80, 0.85, 0.90, 0.95, 0.98)
Score = Callable[[Judged], float]


class Shares(msgspec.Struct, frozen=True):
    """Shares of all requests: what was answered from the cache, and what of it wrongly."""

    hits: float
    wrong: float

    @property
    def precision(self) -> float:
        """The share of hits that are right."""
        return 1 - self.wrong / self.hits if self.hits else 1.0


class Bounded(msgspec.Struct, frozen=True):
    """What many calibrations came to."""

    calibrations: int
    rows: int
    """That each learned from; the others were measured on."""
    hits: float
    hits_least: float
    hits_most: float
    wrong: float
    wrong_most: float
    held: int
    """Calibrations whose share of wrong hits, on rows they did not see, was within the bound."""


def at(rows: Sequence[Judged], score: Score, least: float) -> Shares:
    """Return what a threshold gives."""
    given = [row for row in rows if score(row) >= least]
    return Shares(len(given) / len(rows), sum(not row.same for row in given) / len(rows))


def bounded(
    rows: Sequence[Judged], score: Score, bound: float, calibrations: int = CALIBRATIONS, learn: int = 0
) -> Bounded:
    """Draw rows at random, choose a threshold by them as the cache does, measure on all others; many times."""
    scored = [(score(row), row.same) for row in rows]
    learn = learn or min(MOST, len(rows) // 3)
    draw = random.Random(20261121)
    found = []
    for _ in range(calibrations):
        draw.shuffle(scored)
        least = threshold([one for one, same in scored[:learn] if not same], learn, bound)
        rest = scored[learn:]
        given = [same for one, same in rest if one >= least and least < NEVER]
        found.append(Shares(len(given) / len(rest), sum(not same for same in given) / len(rest)))
    hits, wrong = [one.hits for one in found], [one.wrong for one in found]
    return Bounded(
        calibrations,
        learn,
        mean(hits),
        min(hits),
        max(hits),
        mean(wrong),
        max(wrong),
        sum(one <= bound for one in wrong),
    )
