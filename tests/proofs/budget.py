"""A budget of so many holds, hit by many callers over several processes: exactly so many are admitted."""

from contextlib import ExitStack
from pathlib import Path

from tests.proofs import Progress
from tests.proofs.fleet import NANO, Fleet
from tests.proofs.load import Load, Tally

CALLS = 10_000
PROCESSES = 3
CONCURRENCY = 48


def prove(scale: float, folder: Path, progress: Progress, *, postgres: bool = False, redis: bool = False) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        fleet = Fleet(folder, at_end, count=PROCESSES, postgres=postgres, redis=redis)
        calls = round(CALLS * scale)
        cap = calls // 4 * NANO
        key = fleet.first.key("capped", "--budget", f"{cap / 1e9:.9f}", "--window", "total")
        tally = Tally()
        load = Load(fleet.ports, key, "wall/good", concurrency=CONCURRENCY, tally=tally, total=calls, max_tokens=7)
        load.join()
        progress(calls, calls)
        fleet.stop()
        spent = fleet.spent()
    assert spent <= cap, f"spent {spent} of {cap}"
    assert spent >= 0.98 * cap, f"only {spent} of {cap} could be used"
    assert set(tally.statuses) == {200, 429}, tally.statuses
    assert tally.statuses[200] * NANO == spent
    return (
        f"{calls} calls from {CONCURRENCY} callers over {PROCESSES} processes: {tally.statuses[200]} admitted, "
        f"{spent / cap:.1%} of the cap, never over it"
    )
