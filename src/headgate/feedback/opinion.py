"""What counts of opinions come to: a share or a mean, and where the truth lies 95 times in 100. Pure.

A share has Wilson's interval (https://doi.org/10.1080/01621459.1927.10502953), which is right for few opinions and for
shares near 0 and 1 too; a mean of scores has Student's, cut at 0 and 1.
"""

from collections.abc import Mapping, Sequence
from math import sqrt

import msgspec

from headgate.storage.feedback_rows import Tally

Z = 1.959964
"""Standard deviations on each side that hold 95 percent of a normal distribution."""
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""The same of Student's distribution, for 1 to 10 degrees of freedom."""


class Interval(msgspec.Struct, frozen=True):
    """A mean, and where it lies 95 times in 100."""

    mean: float
    low: float
    high: float


def share(good: int, count: int) -> Interval | None:
    """Return the share of *good* among *count*; ``None`` where there are none."""
    if not count:
        return None
    p, more = good / count, Z * Z / count
    middle = (p + more / 2) / (1 + more)
    half = Z / (1 + more) * sqrt(p * (1 - p) / count + more / (4 * count))
    return Interval(p, max(middle - half, 0.0), min(middle + half, 1.0))


def mean(total: float, squares: float, count: int) -> Interval | None:
    """Return the mean of *count* scores from 0 to 1, by their sum and their squares' sum; ``None`` for none."""
    if not count:
        return None
    middle = min(max(total / count, 0.0), 1.0)
    if count == 1:
        return Interval(middle, 0.0, 1.0)
    deviation = sqrt(max(squares - total * total / count, 0.0) / (count - 1))
    half = student(count - 1) * deviation / sqrt(count)
    return Interval(middle, max(middle - half, 0.0), min(middle + half, 1.0))


def student(freedom: int) -> float:
    """Return the two-sided 95 percent quantile of Student's distribution, to the third decimal or better."""
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    z3, z5, z7, n = Z**3, Z**5, Z**7, freedom  # Abramowitz and Stegun, 26.7.5
    return (
        Z
        + (z3 + Z) / (4 * n)
        + (5 * z5 + 16 * z3 + 3 * Z) / (96 * n**2)
        + (3 * z7 + 19 * z5 + 17 * z3 - 15 * Z) / (384 * n**3)
    )


def quality(tallies: Sequence[Tally], least: int = 30) -> Mapping[str, float]:
    """Return how good models are, from 0 to 1, by the feedback on their answers: what a route may state of them.

    *tallies* are by model. A thumb counts as the score 1 or 0. It is the lower end of the interval, so that a model
    does not rise by a few kind words; one of which fewer than *least* opinions are known is left out.
    """
    found = {}
    for one in tallies:
        count = one.ups + one.downs + one.scores
        if one.name is not None and count >= least:
            opinion = mean(one.score_sum + one.ups, one.score_squares + one.ups, count)
            found[one.name] = opinion.low if opinion is not None else 0.0
    return found
