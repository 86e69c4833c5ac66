"""Bounds of shares, and the thresholds that follow."""

import random
from math import comb

import pytest

from headgate.cache.semantic import bounds
from headgate.cache.semantic.bounds import NEVER, at_most, most_wrong, own_threshold, refuted, threshold


@pytest.mark.parametrize(
    ("share", "of", "found"), [(0.02, 100, 0), (0.02, 500, 12), (0.3, 40, 5), (0.9, 30, 29), (0.5, 9, 9)]
)
def test_the_binomial_is_exact(share: float, of: int, found: int) -> None:
    exact = sum(comb(of, i) * share**i * (1 - share) ** (of - i) for i in range(found + 1))
    assert at_most(share, of, found) == pytest.approx(exact, rel=1e-9)


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    # 95 percent, one side: 0 of 148 does not show less than 2 percent, 0 of 149 does; 29 of 2,000 is 1.98 percent.
    assert most_wrong(148, 0.02, 0.95) == -1 and most_wrong(149, 0.02, 0.95) == 0
    assert most_wrong(2000, 0.02, 0.95) == 29 and most_wrong(2000, 0.02) == 25
    assert most_wrong(200_000, 0.02) == pytest.approx(4000 - 2.326 * 62.6, abs=3)
    assert not refuted(100, 5, 0.02) and refuted(100, 7, 0.02) and not refuted(10, 0, 0.02)


def test_a_threshold_lets_as_many_wrong_ones_pass_as_are_allowed() -> None:
    wrong = [i / 100 for i in range(100)]
    least = threshold(wrong, 2000, 0.02)
    assert sum(score >= least for score in wrong) == most_wrong(2000, 0.02)
    assert threshold(wrong, 100, 0.02) == NEVER and threshold([], 2000, 0.02) == 0.0


def test_a_stated_bound_holds_as_often_as_it_says() -> None:
    """A world whose true share of wrong answers at each threshold is known: the one chosen keeps the bound."""
    draw = random.Random(3)
    held = 0
    for _ in range(400):
        wrong = [
            one for one in (draw.random() for _ in range(1000)) if draw.random() < 0.2
        ]  # wrong above t: 0.2 (1 - t)
        held += 0.2 * (1 - threshold(wrong, 1000, 0.02)) <= 0.02
    assert held >= 400 * bounds.CONFIDENCE - 10


def test_an_entry_learns_from_its_own_outcomes() -> None:
    assert own_threshold([(0.9, False)], 0.8, 0.14, 0.4) > 0.9
    assert own_threshold([(0.7, True)] * 5, 0.8, 0.14, 0.4) == 0.8
    assert own_threshold([(0.7, True)] * 30, 0.8, 0.14, 0.4) == 0.7
    assert own_threshold([(0.1, True)] * 30, 0.8, 0.14, 0.4) == 0.4
    assert own_threshold([(0.7, True)] * 30 + [(0.5, False)], 0.8, 0.14, 0.4) == 0.8
