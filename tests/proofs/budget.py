"""A budget of so many holds, hit by many callers over several processes: they wait and are clamped, and it is used up.

The store is looked at all the while: what is spent and what is out for holds never pass the budget in any look.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from headgate.storage.sql import open_sql
from tests.proofs import Progress
from tests.proofs.fleet import NANO, Fleet
from tests.proofs.load import Load, Tally

CALLS = 10_000
PROCESSES = 3
CONCURRENCY = 48
LOOK = """SELECT CAST((SELECT COALESCE(SUM(nano), 0) FROM balances WHERE scope = ? AND period = 't')
    + (SELECT COALESCE(SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END), 0) FROM grants
       WHERE scope = ? AND period = 't') AS BIGINT)"""


def prove(scale: float, folder: Path, progress: Progress, *, postgres: bool = False, redis: bool = False) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        fleet = Fleet(folder, at_end, count=PROCESSES, postgres=postgres, redis=redis)
        calls = round(CALLS * scale)
        cap = calls // 4 * NANO
        made = fleet.first.cli(
            "keys", "create", "--name", "capped", "--budget", f"{cap / 1e9:.9f}", "--window", "total"
        )
        tally = Tally()
        load = Load(
            fleet.ports, made["key"], "wall/good", concurrency=CONCURRENCY, tally=tally, total=calls, max_tokens=7
        )
        looks, highest = looked(fleet, made["id"], load, cap)
        progress(calls, calls)
        fleet.stop()
        spent = fleet.spent()
    assert spent <= cap, f"spent {spent} of {cap}"
    assert spent >= 0.98 * cap, f"only {spent} of {cap} could be used"
    assert highest > 0, "no look saw anything"
    assert set(tally.statuses) == {200, 429}, tally.statuses
    assert tally.statuses[200] * NANO == spent
    return (
        f"{calls} calls from {CONCURRENCY} callers over {PROCESSES} processes: {tally.statuses[200]} admitted, "
        f"{spent / cap:.1%} of the cap, spent and held at most {highest / cap:.1%} of "
        f"it in {looks} looks"
    )


def looked(fleet: Fleet, scope: str, load: Load, cap: int) -> tuple[int, int]:
    """Look while *load* lasts; return how often, and the most that was spent and out for holds."""
    sql, looks, highest = open_sql(fleet.url, patience=60.0), 0, 0
    try:
        while any(thread.is_alive() for thread in load.threads):
            (found,) = sql.execute(LOOK, (scope, scope)).fetchone()
            assert found <= cap, f"{found} of {cap} spent and held"
            looks, highest = looks + 1, max(highest, found)
            time.sleep(0.01)
    finally:
        sql.close()
    return looks, highest
