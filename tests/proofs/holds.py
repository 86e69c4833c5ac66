"""Ten thousand calls at once, each costing all it held, against a budget of a quarter of them: to the last hold.

One process alone, then three on SQLite and three on PostgreSQL. Calls are made to the books themselves, so that nothing
else decides who gets through; the store is looked at all the while.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from headgate.ledger.drain import Drainer
from headgate.storage.sql import open_sql
from headgate.storage.upgrade import ensure
from tests.proofs import Progress
from tests.servers import Postgres, psql

CALLS = 10_000
HOLD = 100_000
SAMPLE = """SELECT CAST((SELECT COALESCE(SUM(nano), 0) FROM balances WHERE scope = 'team:s' AND period = 't')
    + (SELECT COALESCE(SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END), 0) FROM grants WHERE scope = 'team:s')
    AS BIGINT)"""

WORKER = """
import asyncio, sys
from pathlib import Path
from headgate.access.types import Budget, Principal
from headgate.core.errors import BudgetSpent, Unavailable
from headgate.ledger.books import LedgerBooks
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.storage.desk import Desk
from tests.ledger.conftest import ask, end, hold

async def main(home, url, processes, calls, cap):
    desk = Desk(url)
    journal = Journal(Path(home) / "journal")
    books = LedgerBooks(journal, SqlGrants(desk, journal.id, processes))
    budget = Budget(cap, "total", scope="team:s")
    callers = [Principal(kind="key", id=f"k{n}", tenant_id="t1", name="k", budgets=(budget,)) for n in range(50)]
    counts = [0, 0]
    async def one(number):
        while True:
            try:
                taken = await hold(books, ask(callers[number % 50], clamp=False))
            except BudgetSpent:
                counts[1] += 1
                return
            except Unavailable:  # the server took longer than a caller is made to wait: it asks again
                await asyncio.sleep(0.05)
                continue
            counts[0] += 1
            end(books, taken, taken.nano)
            return
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*[one(number) for number in range(calls)])
    print(*counts, flush=True)
    books.close()
    desk.close()
    journal.close()

asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
"""


def race(url: str, home: Path, processes: int, calls: int) -> str:
    """Let *processes* make *calls* at once; return what was found."""
    cap = calls // 4 * HOLD
    ensure(url)
    drainer = Drainer(home / "journal", url)
    each = [calls // processes + (number < calls % processes) for number in range(processes)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, os.fspath(home), url, str(processes), str(count), str(cap)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for count in each
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
        drainer.start()
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        sql, samples = open_sql(url, patience=60.0), 0
        while any(racer.poll() is None for racer in racers):
            assert sql.execute(SAMPLE).fetchone()[0] <= cap, "spent and granted pass the budget"
            samples += 1
            time.sleep(0.005)
        counts = [[int(word) for word in (racer.communicate()[0] or "").split()] for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
        drainer.stop()
    (spent,) = sql.execute("SELECT CAST(SUM(nano) AS BIGINT) FROM ledger").fetchone()
    (left,) = sql.execute("SELECT CAST(COUNT(*) AS BIGINT) FROM grants").fetchone()
    sql.close()
    admitted, refused = (sum(count[n] for count in counts) for n in (0, 1))
    assert (admitted, refused) == (calls // 4, calls - calls // 4), (
        f"{admitted} admitted and {refused} refused of {calls}"
    )
    assert spent == cap and left == 0, f"spent {spent} of {cap}, {left} grants left"
    return f"{admitted} of {calls} ({samples} looks)"


def prove(scale: float, folder: Path, progress: Progress) -> str:
    calls, found = round(CALLS * scale / 4) * 4, []
    with ExitStack() as at_end:
        server = Postgres().start()
        at_end.callback(server.close)
        psql(server.url, "create database holds")
        stores = (
            ("one process", f"sqlite:///{folder / 'one.db'}", 1),
            ("three on SQLite", f"sqlite:///{folder / 'three.db'}", 3),
            ("three on PostgreSQL", server.url.rsplit("/", 1)[0] + "/holds", 3),
        )
        for number, (name, url, processes) in enumerate(stores):
            home = folder / f"home{number}"
            home.mkdir()
            found.append(f"{name}: {race(url, home, processes, calls)}")
            progress(number + 1, len(stores))
    return f"exactly a quarter admitted, and never over the budget; {'; '.join(found)}"
