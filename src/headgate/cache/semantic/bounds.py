"""Error bounds from counts: which threshold keeps the share of wrong answers under a stated one. Pure.

Clopper and Pearson, Biometrika 26 (1934): an exact bound of a share, from one side. Fixed sequence: thresholds are
tried from the strictest on, and the first that fails ends the search: so trying many does not spend the confidence.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, lgamma, log

CONFIDENCE = 0.99
"""How sure a threshold must be to keep its bound."""
NEVER = 1.01
"""A threshold that no score reaches."""


def at_most(share: float, of: int, found: int) -> float:
    """Return the probability of at most *found* in *of* tries that each succeed with probability *share*."""
    if found >= of or share <= 0:
        return 1.0
    if found < 0 or share >= 1:
        return 0.0
    ratio = share / (1 - share)
    peak = min(found, int((of + 1) * share))  # from the largest term on, both ways: none of the others is too small
    ways = lgamma(of + 1) - lgamma(peak + 1) - lgamma(of - peak + 1)
    first = exp(ways + peak * log(share) + (of - peak) * log(1 - share))
    total = one = first
    for i in range(peak, 0, -1):
        one *= i / ((of - i + 1) * ratio)
        total += one
        if one < first * 1e-16:
            break
    one = first
    for i in range(peak, found):
        one *= (of - i) / (i + 1) * ratio
        total += one
        if one < first * 1e-16:
            break
    return min(1.0, total)


@lru_cache(maxsize=4096)
def most_wrong(of: int, bound: float, confidence: float = CONFIDENCE) -> int:
    """Return how many of *of* outcomes may be wrong for the share to be under *bound* with *confidence*; -1: none.

    That is where the upper bound of Clopper and Pearson is at most *bound*.
    """
    low, high = -1, of
    while low < high:
        middle = (low + high + 1) // 2
        if at_most(bound, of, middle) <= 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def refuted(of: int, wrong: int, bound: float, confidence: float = CONFIDENCE) -> bool:
    """Tell whether *wrong* of *of* shows, with *confidence*, that the share is over *bound*."""
    return wrong > 0 and 1 - at_most(bound, of, wrong - 1) <= 1 - confidence


def threshold(wrong: Sequence[float], of: int, bound: float, confidence: float = CONFIDENCE) -> float:
    """Return the lowest threshold that keeps the share of wrong answers among *of* requests under *bound*.

    *wrong* are the scores of the requests whose answer would have been wrong: what is served at a threshold has at
    least that score, so going down their count only grows, and the sequence ends where it passes what is allowed.
    """
    allowed = most_wrong(of, bound, confidence)
    if allowed < 0:
        return NEVER
    worst = sorted(wrong, reverse=True)
    return above(worst[allowed]) if allowed < len(worst) else 0.0


def above(score: float) -> float:
    """Return the threshold that just does not let *score* pass."""
    return score + 1e-9


def own_threshold(outcomes: Iterable[tuple[float, bool]], general: float, wrong_share: float, lowest: float) -> float:
    """Return the threshold of one entry from its own outcomes: ``(score, right)``; *general* where they are too few.

    A wrong answer at some score raises it past that score. It falls under *general*, never under *lowest*, only as far
    as the entry's own right answers show, with 95 percent confidence, that at most *wrong_share* of its hits are wrong.
    """
    found = sorted(outcomes, reverse=True)
    wrong = [score for score, right in found if not right]
    least = max([general, *[above(score) for score in wrong]]) if wrong else general
    best = general
    bad = 0
    for count, (score, right) in enumerate(found, 1):
        bad += not right
        if most_wrong(count, wrong_share, 0.95) >= bad:
            best = min(best, score)
    return max(best, lowest) if not wrong else least
