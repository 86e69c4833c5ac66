"""What a window will have cost at its end: what is spent, and for each day to come what such a weekday usually costs.

The interval is where the end lies four times out of five, taking days as independent of each other: it is as wide as
the days of the last weeks differed from what was usual for their weekday.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from math import sqrt

import msgspec

DAYS = 28
"""How far back it looks."""
FOUR_IN_FIVE = 1.2816
"""Standard deviations on each side that hold 80 percent of a normal distribution."""
METHOD = "weekday means of the last 28 days; interval 80 percent"


class Forecast(msgspec.Struct, frozen=True):
    """Nano-dollars or tokens at the end of the window. ``days`` is on how many days of the past it rests."""

    low: int
    likely: int
    high: int
    days: int
    method: str = METHOD


def forecast(spent: int, past: Mapping[date, int], ahead: Sequence[tuple[date, float]]) -> Forecast | None:
    """Return the forecast of a window of which *spent* is spent; ``None`` where nothing is known of the past.

    *past* has what whole days cost, those without anything too; *ahead* are the days to come, each with the part of it
    that is to come.
    """
    if not past:
        return None
    usual = _usual(past)
    likely = spent + sum(usual[day.weekday()] * part for day, part in ahead)
    errors = [cost - usual[day.weekday()] for day, cost in past.items()]
    free = max(len(errors) - len({day.weekday() for day in past}), 1)
    deviation = sqrt(sum(error * error for error in errors) / free)
    wide = FOUR_IN_FIVE * deviation * sqrt(sum(part for _, part in ahead))
    return Forecast(max(round(likely - wide), spent), round(likely), round(likely + wide), len(past))


def _usual(past: Mapping[date, int]) -> list[float]:
    """Return what each weekday costs; the mean of all days for one that is not among them at least twice."""
    mean = sum(past.values()) / len(past)
    found = []
    for weekday in range(7):
        costs = [cost for day, cost in past.items() if day.weekday() == weekday]
        found.append(sum(costs) / len(costs) if len(costs) > 1 else mean)
    return found
