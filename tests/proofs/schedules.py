"""Four processes and one budget, through a hundred thousand random schedules of calls, aborts, retries and crashes."""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.proofs import Progress

SCHEDULES = 100_000
AT_ONCE = 500
LEAST = 0.98


def some(first: int, count: int) -> float:
    """Run schedules one after another; return the least share of the budget that could be used."""
    from tests.simulation.clock import simulated
    from tests.simulation.schedule import Schedule

    least = 1.0
    for seed in range(first, first + count):
        with simulated(seed) as loop:
            loop.set_exception_handler(lambda loop, context: None)
            try:
                used = loop.run_until_complete(Schedule(loop, seed).run())
            except BaseException as error:
                raise AssertionError(f"schedule {seed}: {type(error).__name__}: {error}") from None
            assert used >= LEAST, f"schedule {seed}: only {used:.1%} of the budget could be used"
            least = min(least, used)
    return least


def prove(scale: float, folder: Path, progress: Progress) -> str:
    count = max(round(SCHEDULES * scale), 1)
    size = min(AT_ONCE, -(-count // (os.cpu_count() or 1)))
    parts = [(first, min(size, count - first)) for first in range(0, count, size)]
    least, done = 1.0, 0
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(some, *part) for part in parts]):
            least, done = min(least, future.result()), done + 1
            progress(min(done * size, count), count)
    return f"{count} schedules of four processes: never over the budget, and at least {least:.1%} of it was used"
