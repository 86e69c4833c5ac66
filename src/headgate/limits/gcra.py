"""The generic cell rate algorithm (GCRA): an exact token bucket that keeps one number. No clock, no store, no rounding.

A rule allows ``limit`` units per ``period``, and a burst of the limit's own number. Its state is the *theoretical
arrival time* (TAT): when the bucket would be full again. Time is kept in ticks, as many to the nanosecond as the rule
needs for whole numbers: a unit then costs ``cost`` ticks exactly. The algorithm is in ITU-T I.371, annex A.
"""

import math
from fractions import Fraction
from functools import lru_cache

import msgspec

SECOND = 10**9


class Rule(msgspec.Struct, frozen=True):
    """Units per time, in whole ticks.

    >>> rule = Rule.of(5, 60)  # five a minute
    >>> [wait(rule, tat, 0, 1) for tat in (0, taken(rule, 0, 0, 5))]
    [0, 12000000000]
    """

    limit: str
    """The number itself, for people."""
    period: int
    """Nanoseconds."""
    scale: int
    """Ticks in a nanosecond."""
    cost: int
    """Ticks of one unit."""
    burst: int
    """Ticks that may be ahead of now: the limit's own number, and one unit at least."""

    @classmethod
    def of(cls, limit: float, seconds: int) -> "Rule":
        """Return the rule of *limit* units (up to three decimals) in *seconds*; all who have the same share one."""
        return _rule(limit, seconds)

    def reduced(self, units: int) -> "Rule":
        """Return this rule with a burst smaller by *units*, but of one at least."""
        burst = max(self.burst - units * self.cost, self.cost)
        return msgspec.structs.replace(self, burst=burst)


@lru_cache(maxsize=4096)
def _rule(limit: float, seconds: int) -> Rule:
    ratio = Fraction(limit).limit_denominator(1000)
    if ratio <= 0:
        raise ValueError(f"a rate limit is above zero, not {limit!r}")
    cost = seconds * SECOND * ratio.denominator
    most = math.gcd(ratio.numerator, cost)  # the smaller the numbers, the cheaper their arithmetic
    scale, cost = ratio.numerator // most, cost // most
    shown = f"{limit:.3f}".rstrip("0").rstrip(".")
    return Rule(shown, seconds * SECOND, scale, cost, max(scale * seconds * SECOND, cost))


def wait(rule: Rule, tat: int, now: int, units: int) -> int:
    """Return how many nanoseconds *units* must wait at *now* (nanoseconds); 0 admits, -1 is never."""
    ticks = now * rule.scale
    ahead = max(tat, ticks) + units * rule.cost - ticks - rule.burst
    if ahead <= 0:
        return 0
    return -(-ahead // rule.scale) if units * rule.cost <= rule.burst else -1


def taken(rule: Rule, tat: int, now: int, units: int) -> int:
    """Return the state after *units* were taken, whether there was room or not."""
    return max(tat, now * rule.scale) + units * rule.cost


def given(rule: Rule, tat: int, units: int) -> int:
    """Return the state after *units* came back unused."""
    return tat - units * rule.cost


def left(rule: Rule, tat: int, now: int) -> int:
    """Return how many whole units could be taken at *now*; negative after an overshoot."""
    ahead = max(tat - now * rule.scale, 0)
    return (rule.burst - ahead) // rule.cost


def full_in(rule: Rule, tat: int, now: int) -> int:
    """Return in how many nanoseconds the whole burst is there again."""
    return max(-(-(tat - now * rule.scale) // rule.scale), 0)


def converted(old: tuple[int, int], new: Rule, tat: int, now: int) -> int:
    """Carry a state over from a rule of another (scale, cost): as many units are used as were."""
    scale, cost = old
    return now * new.scale + -(-max(tat - now * scale, 0) * new.cost // cost)
