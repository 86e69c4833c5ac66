"""The thresholds of a tenant, and how they follow what was verified."""

import random

from headgate.cache.semantic.bounds import NEVER, threshold
from headgate.cache.semantic.calibrate import ENOUGH, FRESH, MOST, Calibration, Outcome, Shipped, shipped

BEFORE = Shipped(2000, tuple(0.9 - i / 100 for i in range(40)), (0.95, 0.9, 0.85, 0.8, 0.7, 0.6))
DAY = 86_400_000_000
AGO = 30 * 86_400


def made(bound: float = 0.02) -> Calibration:
    return Calibration(BEFORE, bound, AGO, 0)


def test_it_starts_with_what_the_package_brings() -> None:
    assert made().general() == threshold(BEFORE.wrong, 2000, 0.02)
    assert made(0.001).general() > made(0.02).general() and made(0.0005).threshold(b"k") == NEVER
    for name in ("lexical", "minilm"):
        ours = shipped(name)
        assert ours.of > 5000 and 0.4 < threshold(ours.wrong, ours.of, 0.02) < 0.95


def test_own_outcomes_that_refute_it_raise_it_at_once() -> None:
    known = made()
    before = known.general()
    for i in range(40):
        known.learn(Outcome(i, before + 0.02, right=i % 2 == 0))
    assert known.general() > before + 0.02


def test_enough_outcomes_of_ones_own_stand_alone() -> None:
    known = made()
    draw = random.Random(2)
    for i in range(ENOUGH):
        score = draw.random()
        known.learn(Outcome(i, score, right=score > 0.45))
    assert known.general() < made().general()
    for i in range(MOST):
        known.learn(Outcome(i, 0.99, right=i % 5 > 0))
    assert len(known) == MOST and known.general() > 0.99


def test_an_entry_that_was_wrong_once_must_be_surer() -> None:
    known = made()
    known.learn(Outcome(1, 0.93, right=False, key=b"bad"))
    assert known.threshold(b"bad") > 0.93 > known.threshold(b"other")
    for i in range(40):
        known.learn(Outcome(i, 0.5, right=True, key=b"good"))
    assert known.threshold(b"good") < known.threshold(b"other")


def test_old_outcomes_vouch_for_nothing_until_there_are_new_ones() -> None:
    known = made()
    assert not known.stale(29 * DAY) and known.stale(31 * DAY)
    for i in range(FRESH - 1):
        known.learn(Outcome(31 * DAY + i))
        assert known.stale(31 * DAY + i)
    known.learn(Outcome(32 * DAY))
    assert not known.stale(33 * DAY)
    again = Calibration(BEFORE, 0.02, AGO, 40 * DAY)  # a restart makes no outcome younger
    again.learn(Outcome(2 * DAY))
    assert again.stale(40 * DAY)
    assert not Calibration(BEFORE, 0.02, 0, 0).stale(10_000 * DAY)
