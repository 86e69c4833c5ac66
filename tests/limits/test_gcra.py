"""The arithmetic against a token bucket kept in fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.limits.gcra import SECOND, Rule, converted, full_in, left, taken, wait
from headgate.limits.gcra import given as returned


class Bucket:
    """The textbook: tokens drip in continuously, up to the burst."""

    def __init__(self, limit: Fraction, seconds: int) -> None:
        self.rate = limit / (seconds * SECOND)
        self.size = max(limit, Fraction(1))
        self.tokens = self.size
        self.at = 0

    def drip(self, now: int) -> None:
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now

    def take(self, now: int, units: int) -> bool:
        self.drip(now)
        if self.tokens < units:
            return False
        self.tokens -= units
        return True


limits = st.one_of(st.integers(1, 10_000), st.sampled_from([0.1, 0.5, 1.5, 2.25, 3.333]))
steps = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 40)), max_size=60)


@given(limits, st.sampled_from([1, 60]), steps, st.integers(0, 10**17))
def test_it_decides_as_the_bucket_does(limit, seconds, steps, start):
    rule = Rule.of(limit, seconds)
    bucket = Bucket(Fraction(limit).limit_denominator(1000), seconds)
    bucket.at = now = start
    tat = 0
    for pause, units in steps:
        now += pause
        expected = bucket.take(now, units)
        delay = wait(rule, tat, now, units)
        assert (delay == 0) is expected
        if expected:
            tat = taken(rule, tat, now, units)
        elif delay > 0:
            assert wait(rule, tat, now + delay, units) == 0, "the wait that is told is long enough"
            assert wait(rule, tat, now + delay - 1, units) != 0, "and not longer than needed"
        else:
            assert units > bucket.size
        bucket.drip(now)
        assert left(rule, tat, now) == int(bucket.tokens)


def test_a_full_minute_at_once_then_one_by_one():
    rule, tat = Rule.of(60, 60), 0
    for _ in range(60):
        assert wait(rule, tat, 0, 1) == 0
        tat = taken(rule, tat, 0, 1)
    assert wait(rule, tat, 0, 1) == SECOND
    assert full_in(rule, tat, 0) == 60 * SECOND
    assert wait(rule, tat, SECOND, 1) == 0


def test_what_comes_back_can_be_taken_again():
    rule = Rule.of(1000, 60)
    tat = taken(rule, 0, 0, 1000)
    assert wait(rule, tat, 0, 1) > 0
    tat = returned(rule, tat, 900)
    assert left(rule, tat, 0) == 900
    assert wait(rule, tat, 0, 901) > 0


def test_giving_back_never_makes_more_than_the_burst():
    rule = Rule.of(10, 60)
    tat = returned(rule, taken(rule, 0, 0, 5), 5)
    much_later = 3600 * SECOND
    assert left(rule, returned(rule, tat, 5), much_later) == 10


def test_below_one_a_second_one_is_allowed_at_once():
    rule = Rule.of(0.5, 1)
    assert wait(rule, 0, 0, 1) == 0
    assert wait(rule, taken(rule, 0, 0, 1), 0, 1) == 2 * SECOND


def test_more_than_the_burst_is_never():
    assert wait(Rule.of(10, 60), 0, 0, 11) == -1


@pytest.mark.parametrize("limit", [0, -1, 0.0001])
def test_a_limit_is_above_zero(limit):
    with pytest.raises(ValueError, match="above zero"):
        Rule.of(limit, 1)


@given(st.integers(1, 10**4), st.integers(1, 10**4), st.integers(0, 10**4), st.integers(0, 10**10))
def test_a_changed_limit_keeps_what_is_used(old, new, used, pause):
    before, after = Rule.of(old, 60), Rule.of(new, 60)
    now = 10**15 + pause
    tat = taken(before, 0, 10**15, used)
    still_used = max(used - Fraction(old * pause, 60 * SECOND), 0)
    assert left(after, converted((before.scale, before.cost), after, tat, now), now) == (new - still_used) // 1
