"""Intervals: against published values, and by how often they hold the truth."""

import random

import pytest

from headgate.feedback.opinion import mean, quality, share, student
from headgate.storage.feedback_rows import Tally


@pytest.mark.parametrize(
    ("good", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_as_newcombe_has_them(good, count, low, high):
    """https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I, method 3."""
    found = share(good, count)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(("freedom", "value"), [(1, 12.706), (10, 2.228), (11, 2.201), (30, 2.042), (120, 1.980)])
def test_students_quantiles_as_tables_have_them(freedom, value):
    assert student(freedom) == pytest.approx(value, abs=1e-3)


def test_a_mean_holds_the_truth_as_often_as_it_says():
    rng, hits = random.Random(7), 0
    for _ in range(1000):
        scores = [rng.betavariate(4, 2) for _ in range(8)]
        found = mean(sum(scores), sum(one * one for one in scores), len(scores))
        assert found is not None
        hits += found.low <= 4 / 6 <= found.high
    assert 920 <= hits <= 980


def test_nothing_and_one():
    assert share(0, 0) is None and mean(0, 0, 0) is None
    one = mean(0.7, 0.49, 1)
    assert one is not None
    assert (one.mean, one.low, one.high) == (0.7, 0.0, 1.0)


def tally(name, ups, downs):
    return Tally(
        name=name, answers=ups + downs, ups=ups, downs=downs, scores=0, score_sum=0.0, score_squares=0.0, comments=0,
        corrections=0,
    )  # fmt: skip


def test_a_model_does_not_rise_by_a_few_kind_words():
    found = quality([tally("a/m", 29, 0), tally("b/m", 30, 10), tally("c/m", 3000, 1000), tally(None, 99, 0)])
    assert set(found) == {"b/m", "c/m"}
    assert found["b/m"] < found["c/m"] < 0.75
