"""What is measured of a deployment."""

import random
import time

import pytest

from headgate.routing.statistics import Statistics


def test_an_answer_is_measured() -> None:
    one = Statistics()
    one.answered(1000.0, 200.0, 80)
    m = one.measured
    assert (m.samples, m.latency_ms, m.first_token_ms, m.p95_ms, m.error_rate) == (1, 1000.0, 200.0, 1000.0, 0.0)
    assert m.tokens_per_second == 100.0


def test_one_slow_call_does_not_count_for_much_and_lasting_slowness_does() -> None:
    one = Statistics()
    for _ in range(50):
        one.answered(100.0, None, 0)
    one.answered(1100.0, None, 0)
    assert one.measured.latency_ms == pytest.approx(200.0)
    for _ in range(60):
        one.answered(1100.0, None, 0)
    assert one.measured.latency_ms > 1090


def test_the_95th_percentile_is_that_of_the_last_calls() -> None:
    one, chance = Statistics(), random.Random(1)
    values = [chance.expovariate(1 / 100) for _ in range(1000)]
    for value in values:
        one.answered(value, value / 2, 10)
    last = sorted(values[-64:])
    assert last[56] <= one.measured.p95_ms <= last[63]
    assert one.measured.first_token_p95_ms == one.measured.p95_ms / 2


def test_the_error_rate_rises_and_falls() -> None:
    one = Statistics()
    for _ in range(30):
        one.answered(10.0, None, 0)
    for _ in range(30):
        one.failed()
    assert one.measured.error_rate > 0.9 and one.measured.latency_ms == 10.0
    for _ in range(50):
        one.answered(10.0, None, 0)
    assert one.measured.error_rate < 0.05


def test_its_cost_does_not_grow() -> None:
    one = Statistics()

    def took() -> float:
        began = time.perf_counter()
        for i in range(2000):
            one.answered(100.0 + i % 50, 10.0, 24)
        return time.perf_counter() - began

    first = min(took() for _ in range(3))
    for i in range(50_000):
        one.answered(float(i), 1.0, 1)
    assert min(took() for _ in range(5)) < first * 5
