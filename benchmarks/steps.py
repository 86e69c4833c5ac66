"""Microseconds of the gateway's own steps, one by one: what a request's CPU is made of besides sockets and parsing.

To add a step: write a function that prepares it and returns the call to be timed, and put it into `STEPS`.
"""

import timeit
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Call = Callable[[], object]
REPEATS = 7
ENOUGH = 0.01  # seconds of one timing


@dataclass(frozen=True)
class Timing:
    """Microseconds per call: the median and the least of several timings."""

    name: str
    median: float
    least: float


def price_cost() -> Call:
    from headgate.core.money import Price, Usage

    price, usage = Price(input=1_000_000, output=2_000_000), Usage(input=112, output=24)
    return lambda: price.cost(usage)


def price_bound() -> Call:
    from headgate.core.money import Price

    price = Price(input=1_000_000, output=2_000_000)
    return lambda: price.bound(540, 256)


STEPS: tuple[tuple[str, Callable[[], Call]], ...] = (
    ("ledger: cost of an answer", price_cost),
    ("ledger: bound of a hold", price_bound),
)


def measure(steps: tuple[tuple[str, Callable[[], Call]], ...] = STEPS) -> list[Timing]:
    return [time_one(name, prepare()) for name, prepare in steps]


def time_one(name: str, call: Call) -> Timing:
    timer = timeit.Timer(call)
    count = 1
    while timer.timeit(count) < ENOUGH / 2:
        count *= 4
    each = sorted(seconds / count * 1e6 for seconds in timer.repeat(REPEATS, count))
    return Timing(name, median(each), each[0])
