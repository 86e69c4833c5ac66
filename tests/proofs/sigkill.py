"""SIGKILL under load: nothing that a caller or a provider saw is lost, nothing is there twice."""

import time
from contextlib import ExitStack
from pathlib import Path

from tests.proofs import Progress
from tests.proofs.fleet import NANO, Fleet
from tests.proofs.load import Load, Tally

CYCLES = 100
CONCURRENCY = 16
SECONDS = 1.0
WITHIN = 60.0
"""Seconds from a restart until every call that was dispatched is settled."""


def prove(scale: float, folder: Path, progress: Progress, *, postgres: bool = False) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        fleet = Fleet(folder, at_end, count=2 if postgres else 1, postgres=postgres)
        return measured(fleet, max(round(CYCLES * scale), 2), progress)


def measured(fleet: Fleet, cycles: int, progress: Progress) -> str:
    key = fleet.first.key("load", "--budget", "1000", "--window", "month")
    tally = Tally()
    load = Load(fleet.ports, key, "wall/good", concurrency=CONCURRENCY, tally=tally)
    for cycle in range(cycles):
        time.sleep(SECONDS)
        victim = fleet.gateways[cycle % len(fleet.gateways)]
        victim.kill()
        victim.start()
        progress(cycle + 1, cycles)
    again = time.monotonic()
    time.sleep(0.5)
    load.stop()
    while missing := fleet.sent() - {row[0] for row in fleet.rows("SELECT trace_id FROM records")}:
        assert time.monotonic() - again < WITHIN, f"{len(missing)} calls are not settled {WITHIN:.0f} s after a restart"
        time.sleep(0.2)
    settled = time.monotonic() - again
    fleet.stop()
    return f"{judge(fleet, tally, cycles)}; all settled {settled:.1f} s after the last restart"


def judge(fleet: Fleet, tally: Tally, cycles: int) -> str:
    recorded, sent = fleet.records(), fleet.sent()
    lost = [trace for trace in tally.answered if trace not in recorded]
    assert not lost, f"{len(lost)} answered calls are not on record"
    for trace, request_id in tally.answered.items():
        record = recorded[trace]
        assert record["id"] == request_id and record["status"] == "success", record
        assert record["cost_nano"] == NANO and record.get("billed") == "usage", record
    unknown = sent - set(recorded)
    assert not unknown, f"{len(unknown)} calls reached the provider and are not on record"
    costs, ledger = sum(record.get("cost_nano") or 0 for record in recorded.values()), fleet.spent()
    assert ledger == costs, f"the ledger says {ledger}, the records say {costs}"
    ((open_,),) = fleet.rows("SELECT CAST(COUNT(*) AS BIGINT) FROM grants WHERE amount <> 0")
    assert open_ == 0, f"{open_} grants are left of processes that ended"
    uncertain = sum(record.get("billed") == "uncertain" for record in recorded.values())
    return (
        f"{cycles} kills, {len(tally.answered)} answered, {len(sent)} dispatched: 0 lost, 0 doubled; "
        f"{uncertain} uncertain, {ledger} nano-dollars in the ledger agree to the last unit"
    )
