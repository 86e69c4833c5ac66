"""Four real processes, one home, one budget: to the last hold, at every instant."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from headgate.ledger.drain import Drainer
from headgate.storage.sql import open_sql

HOLD = 100_000
PROCESSES = 4

WORKER = """
import asyncio, sys
from pathlib import Path
from headgate.core.errors import BudgetSpent
from headgate.ledger.books import LedgerBooks
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.storage import desk
from headgate.storage.desk import Desk
from tests.ledger.conftest import ask, end, hold, who

desk.BUDGET["postgresql"] = 20.0   # the machine may be busy

async def main(home, cap, settle):
    store = Desk(sys.argv[4])
    journal = Journal(home / "journal")
    # who waits for what others settle gives up where nothing can come any more, not because the machine is busy
    books = LedgerBooks(journal, SqlGrants(store, journal.id, 4), wait_seconds=60 if settle else 0.7)
    caller = who(nano=cap)
    counts = [0, 0, 0]
    async def one():
        try:
            taken = await hold(books, ask(caller))
        except BudgetSpent as error:
            assert error.headers == {"x-should-retry": "false"}
            counts[1] += 1
            return
        counts[0] += 1
        if settle:
            await asyncio.sleep(0.002)
            counts[2] += 60_000
            end(books, taken, 60_000)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(4):
        await asyncio.gather(*[one() for _ in range(150)])
    print(*counts, flush=True)
    # alive, with its holds open, until the test has looked; on a thread, as what it has left the others wait for
    await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "settle"))
"""


SAMPLE = """SELECT CAST((SELECT COALESCE(SUM(nano), 0) FROM balances WHERE scope = 'k1' AND period = 't')
    + (SELECT COALESCE(SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END), 0) FROM grants) AS BIGINT)"""


def race(url: str, home: Path, cap: int, settle: bool) -> tuple[list[list[int]], Drainer]:
    """Let four processes spend one budget; look at the store all the while. Return what each counted."""
    drainer = Drainer(home / "journal", url)
    command = [sys.executable, "-c", WORKER, os.fspath(home), str(cap), "settle" if settle else "keep", url]
    racers = [
        subprocess.Popen(command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == b"ready\n"
    drainer.start()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    sql = open_sql(url)
    begun = time.monotonic()
    while time.monotonic() - begun < 1.0:
        assert sql.execute(SAMPLE).fetchone()[0] <= cap
        time.sleep(0.005)
    counts = []
    for racer in racers:
        assert racer.stdout is not None
        counts.append([int(word) for word in racer.stdout.readline().split()])
    sql.close()
    for racer in racers:
        racer.communicate(b"end\n", timeout=30)
    return counts, drainer


def one(url: str, query: str) -> tuple[Any, ...]:
    sql = open_sql(url)
    (row,) = sql.execute(query).fetchall()
    sql.close()
    return row


@pytest.mark.parametrize("holds", [7, 2001])
def test_exactly_as_many_as_a_small_or_a_large_cap_holds(database, tmp_path, holds):
    test_exactly_as_many_as_the_cap_holds(f"sqlite:///{database}", tmp_path, holds)


def test_exactly_as_many_as_the_cap_holds(url, tmp_path, holds=250):
    counts, drainer = race(url, tmp_path, holds * HOLD + HOLD - 1, settle=False)
    assert sum(admitted for admitted, _, _ in counts) == min(holds, PROCESSES * 600)
    assert sum(admitted + refused for admitted, refused, _ in counts) == PROCESSES * 600
    drainer.stop()
    assert one(url, "SELECT CAST(SUM(nano) AS BIGINT), MAX(billed) FROM ledger") == (holds * HOLD, "uncertain")
    assert one(url, "SELECT count(*) FROM grants") == (0,)


def test_what_is_settled_is_room_for_others(url, tmp_path):
    cap = 1000 * 60_000 + HOLD
    counts, drainer = race(url, tmp_path, cap, settle=True)
    drainer.stop()
    (spent,) = one(url, "SELECT CAST(SUM(nano) AS BIGINT) FROM ledger")
    assert spent == sum(paid for _, _, paid in counts) <= cap
    assert sum(admitted for admitted, _, _ in counts) == 1001, "1,000 that are settled leave room for one hold"
