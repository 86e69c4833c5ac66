"""Forecasts: right where days are alike, wide where they are not."""

from datetime import date, timedelta
from typing import Any

from headgate.billing import forecast as made

FIRST = date(2026, 3, 2)  # a Monday


def forecast(*asked: Any) -> Any:
    return made.forecast(*asked)


def past(costs):
    return {FIRST + timedelta(n): cost for n, cost in enumerate(costs)}


def ahead(*parts):
    return [(FIRST + timedelta(28 + n), part) for n, part in enumerate(parts)]


def test_without_a_past_there_is_none():
    assert forecast(5, {}, ahead(1)) is None


def test_days_that_are_alike_give_one_figure():
    found = forecast(10, past([100] * 28), ahead(0.5, 1, 1))
    assert (found.low, found.likely, found.high, found.days) == (260, 260, 260, 28)


def test_weekends_are_told_from_weekdays():
    found = forecast(0, past([100, 100, 100, 100, 100, 0, 0] * 4), ahead(*[1] * 7))
    assert (found.low, found.likely, found.high) == (500, 500, 500)


def test_days_that_differ_widen_it_and_it_is_never_below_what_is_spent():
    found = forecast(1000, past([0, 200] * 14), ahead(1, 1))
    assert found.low < found.likely < found.high
    assert found.low >= 1000


def test_four_in_five_ends_lie_within():
    from random import Random

    random = Random(5)
    inside = 0
    for _ in range(400):
        seen = past([random.randrange(0, 1000) for _ in range(28)])
        found = forecast(0, seen, ahead(*[1] * 10))
        inside += found.low <= sum(random.randrange(0, 1000) for _ in range(10)) <= found.high
    assert 0.68 < inside / 400 < 0.92
