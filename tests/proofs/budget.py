"""A budget of so many holds, hit by many callers over several workers: exactly so many are admitted."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.proofs import Progress
from tests.proofs.load import Load, Tally

CALLS = 10_000
WORKERS = 3
CONCURRENCY = 48
USD = 0.000025  # what one call of the wall costs: 11 x 1 + 7 x 2 USD per million


def prove(scale: float, folder: Path, progress: Progress) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        return measured(scale, folder, progress, at_end)


def measured(scale: float, folder: Path, progress: Progress, at_end: ExitStack) -> str:
    wall = Wall()
    calls = round(CALLS * scale)
    worth = calls // 4
    provider = (
        f'{{kind: openai-compatible, base_url: "http://127.0.0.1:{wall.port}/v1", price: {{input: 1, output: 2}}}}'
    )
    gateway = Gateway(
        folder / "home", config=f"providers: {{wall: {provider}}}\n", args=("--workers", str(WORKERS))
    ).start()
    at_end.callback(gateway.kill)
    cap = round(worth * USD, 9)
    key = gateway.key("capped", "--budget", f"{cap:.9f}", "--window", "total")
    tally = Tally()
    load = Load(gateway.port, key, "wall/good", concurrency=CONCURRENCY, tally=tally, total=calls, max_tokens=7)
    load.join()
    progress(calls, calls)
    assert gateway.stop() == 0
    spent = (
        sqlite3.connect(gateway.home / "headgate.db").execute("SELECT COALESCE(SUM(nano), 0) FROM ledger").fetchone()[0]
    )
    cap_nano = round(cap * 1e9)
    assert spent <= cap_nano, f"spent {spent} of {cap_nano}"
    assert spent >= 0.98 * cap_nano, f"only {spent} of {cap_nano} could be used"
    assert set(tally.statuses) == {200, 429}, tally.statuses
    assert tally.statuses[200] * 25_000 == spent
    return f"{calls} calls from {CONCURRENCY} callers over {WORKERS} workers: {tally.statuses[200]} admitted, {spent / cap_nano:.1%} of the cap, never over it"
