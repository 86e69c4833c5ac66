"""Four real processes, one home, one budget: to the last hold, at every instant."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headgate.ledger.drain import Drainer
from headgate.storage.sqlite import connect

HOLD = 100_000
PROCESSES = 4

WORKER = """
import asyncio, sys
from pathlib import Path
from headgate.core.errors import BudgetSpent
from headgate.ledger.books import LedgerBooks
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.storage.desk import Desk
from tests.ledger.conftest import ask, end, hold, who

async def main(home, cap, settle):
    desk = Desk(home / "headgate.db")
    journal = Journal(home / "journal")
    books = LedgerBooks(journal, SqlGrants(desk, journal.id, 4), wait_seconds=0.7)
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
    sys.stdin.readline()   # alive, with its holds open, until the test has looked

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "settle"))
"""


def race(database: Path, cap: int, settle: bool) -> tuple[list[list[int]], Drainer]:
    """Let four processes spend one budget; look at the store all the while. Return what each counted."""
    home = database.parent
    drainer = Drainer(home / "journal", database)
    command = [sys.executable, "-c", WORKER, os.fspath(home), str(cap), "settle" if settle else "keep"]
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
    con = connect(database)
    begun = time.monotonic()
    while time.monotonic() - begun < 1.0:
        ((spent, granted),) = con.execute(
            "SELECT (SELECT COALESCE(SUM(nano), 0) FROM balances WHERE scope = 'k1' AND period = 't'), (SELECT COALESCE(SUM(MAX(amount, 0)), 0) FROM grants)"
        ).fetchall()
        assert spent + granted <= cap
        time.sleep(0.005)
    counts = []
    for racer in racers:
        assert racer.stdout is not None
        counts.append([int(word) for word in racer.stdout.readline().split()])
    con.close()
    for racer in racers:
        racer.communicate(b"end\n", timeout=30)
    return counts, drainer


@pytest.mark.parametrize("holds", [7, 250, 2001])
def test_exactly_as_many_as_the_cap_holds(database, holds):
    counts, drainer = race(database, holds * HOLD + HOLD - 1, settle=False)
    assert sum(admitted for admitted, _, _ in counts) == min(holds, PROCESSES * 600)
    assert sum(admitted + refused for admitted, refused, _ in counts) == PROCESSES * 600
    drainer.stop()
    con = connect(database)
    assert con.execute("SELECT SUM(nano), MAX(billed) FROM ledger").fetchone() == (holds * HOLD, "uncertain")
    assert con.execute("SELECT count(*) FROM grants").fetchone() == (0,)
    con.close()


def test_what_is_settled_is_room_for_others(database):
    cap = 1000 * 60_000 + HOLD
    counts, drainer = race(database, cap, settle=True)
    drainer.stop()
    con = connect(database)
    ((spent,),) = con.execute("SELECT SUM(nano) FROM ledger").fetchall()
    con.close()
    assert spent == sum(paid for _, _, paid in counts) <= cap
    assert sum(admitted for admitted, _, _ in counts) >= 990, "of the 1,000 that fit"
