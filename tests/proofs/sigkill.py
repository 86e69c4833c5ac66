"""SIGKILL under load: nothing that a caller or a provider saw is lost, nothing is there twice."""

import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.proofs import Progress
from tests.proofs.load import Load, Tally

CYCLES = 20
CONCURRENCY = 16
SECONDS = 1.0


def prove(scale: float, folder: Path, progress: Progress) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        return measured(scale, folder, progress, at_end)


def measured(scale: float, folder: Path, progress: Progress, at_end: ExitStack) -> str:
    wall = Wall()
    provider = (
        f'{{kind: openai-compatible, base_url: "http://127.0.0.1:{wall.port}/v1", price: {{input: 1, output: 2}}}}'
    )
    gateway = Gateway(folder / "home", config=f"providers: {{wall: {provider}}}\n").start()
    at_end.callback(gateway.kill)
    key = gateway.key("load", "--budget", "1000", "--window", "month")
    cycles = max(round(CYCLES * scale), 2)
    tally = Tally()
    load = Load(gateway.port, key, "wall/good", concurrency=CONCURRENCY, tally=tally)
    for cycle in range(cycles):
        time.sleep(SECONDS)
        gateway.kill()
        gateway.start()
        progress(cycle + 1, cycles)
    time.sleep(0.5)
    load.stop()
    assert gateway.stop() == 0
    sent = {a.head.decode().lower().split("traceparent: 00-")[1][:32] for a in wall.attempts}
    return judge(gateway.home / "headgate.db", sent, tally, cycles)


def judge(database: Path, sent: set[str], tally: Tally, cycles: int) -> str:
    con = sqlite3.connect(database)
    rows = con.execute(
        "SELECT id, COALESCE(trace_id, replace(id, '-', '')), status, cost_nano, json_extract(detail, '$.billed') FROM records"
    ).fetchall()
    traces = [row[1] for row in rows]
    assert len(traces) == len(set(traces)), "a call is recorded twice"
    recorded = {row[1]: row for row in rows}
    lost = [trace for trace in tally.answered if trace not in recorded]
    assert not lost, f"{len(lost)} answered calls are not on record"
    for trace, request_id in tally.answered.items():
        assert recorded[trace][0] == request_id and recorded[trace][2] == "success", recorded[trace]
        assert recorded[trace][3] == 25_000 and recorded[trace][4] == "usage", recorded[trace]
    unknown = sent - set(recorded)
    assert not unknown, f"{len(unknown)} calls reached the provider and are not on record"
    ledger, spent = con.execute("SELECT COALESCE(SUM(nano), 0), COUNT(*) FROM ledger").fetchone()
    costs = sum(row[3] or 0 for row in rows)
    assert ledger == costs, f"the ledger says {ledger}, the records say {costs}"
    uncertain = sum(row[4] == "uncertain" for row in rows)
    return (
        f"{cycles} kills, {len(tally.answered)} answered, {len(sent)} dispatched: 0 lost, 0 doubled; "
        f"{uncertain} uncertain, {spent} ledger rows agree to the last unit"
    )
