"""Ledger, limiter and router through thousands of simulated days: any order of calls, failures and crashes keeps what is
promised. A failure names its seed, from which it replays.
"""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.proofs import Progress

SEEDS = 10_000
STEPS = 200
AT_ONCE = 50


def some(first: int, count: int) -> tuple[int, int]:
    """Run seeds one after another; return how many calls and charges there were."""
    from tests.simulation.world import simulate

    calls = charges = 0
    for seed in range(first, first + count):
        try:
            world = simulate(seed, STEPS)
        except BaseException as error:
            where = f"; replay with: python -m tests.simulation {seed} {STEPS}"
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}{where}") from None
        calls += len(world.calls)
        charges += len(world.charged)
    return calls, charges


def prove(scale: float, folder: Path, progress: Progress) -> str:
    seeds = max(round(SEEDS * scale), 1)
    calls = charges = done = 0
    size = min(AT_ONCE, -(-seeds // (os.cpu_count() or 1)))
    parts = [(first, min(size, seeds - first)) for first in range(0, seeds, size)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(some, *part) for part in parts]):
            found = future.result()
            calls, charges, done = calls + found[0], charges + found[1], done + 1
            progress(min(done * size, seeds), seeds)
    return f"{seeds} seeds of {STEPS} steps, {calls} calls, {charges} charges: nothing overspent, lost or doubled"
