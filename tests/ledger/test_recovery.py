"""Processes that die: at any byte of a line, at any moment, by SIGKILL."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from headgate.core.record import Record
from headgate.ledger.books import LedgerBooks
from headgate.ledger.drain import Drainer
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.ledger.recover import interrupted
from headgate.storage.desk import Desk
from headgate.storage.sqlite import connect
from tests.ledger.conftest import ask, end, hold, record, who

HOLD = 100_000


async def scene(home: Path) -> tuple[bytes, str]:
    """Write a journal with all kinds of lines; return its bytes and its name."""
    desk = Desk(home / "headgate.db")
    journal = Journal(home / "journal", sync_seconds=30)
    books = LedgerBooks(journal, SqlGrants(desk, journal.id, 1))
    caller = who(nano=10**9)
    ended = await hold(books, ask(caller))
    released = await hold(books, ask(caller))
    books.hold(ask(who("k2"), price=None))
    end(books, ended, 70)
    retried = msgspec.structs.replace(released.ask, attempt=2)
    books.release(released)
    await hold(books, retried)
    books.close()
    journal.close()
    desk.close()
    (segment,) = (home / "journal").glob("*.log")
    return segment.read_bytes(), segment.name


async def test_torn_about_every_line_and_all_over(tmp_path, template):
    home = tmp_path / "first"
    home.mkdir()
    shutil.copy(template, home / "headgate.db")
    whole, name = await scene(home)
    lines = whole.splitlines(keepends=True)
    assert [line[:5] for line in lines] == [b'["h",', b'["h",', b'["h",', b'["e",', b'["r",', b'["h",']
    ends = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    near = {cut for end in ends for cut in range(max(end - 8, 0), min(end + 8, len(whole)) + 1)}
    for cut in sorted(near | set(range(0, len(whole), 7))):
        await torn(tmp_path / "torn", home, name, whole[:cut])


async def torn(copy: Path, home: Path, name: str, data: bytes) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home, copy)
    (copy / "journal" / name).write_bytes(data)
    drainer = Drainer(copy / "journal", copy / "headgate.db")
    drainer.recover()
    drainer.stop()
    con = connect(copy / "headgate.db")
    charges = dict(con.execute("SELECT billed, SUM(nano) FROM ledger GROUP BY 1"))
    codes = sorted(code or "" for (code,) in con.execute("SELECT json_extract(detail, '$.code') FROM records"))
    grants = con.execute("SELECT count(*) FROM grants").fetchone()
    con.close()
    holds, ends, releases = (data.count(b'["%s",' % kind) for kind in (b"h", b"e", b"r"))
    complete = data.count(b"\n")
    assert holds + ends + releases - complete in (0, 1), "at most the last line is torn"
    expected = {0: (0, 0, 0), 1: (1, 0, 0), 2: (2, 0, 0), 3: (2, 1, 0), 4: (1, 1, 70), 5: (0, 1, 70), 6: (1, 1, 70)}
    budgeted, free, paid = expected[complete]
    assert charges.get("uncertain", 0) == budgeted * HOLD
    assert charges.get("usage", 0) == paid
    assert codes == [""] * (paid > 0) + ["interrupted"] * (budgeted + free)
    assert grants == (0,)
    assert drainer.dead_letters == 0


async def test_what_an_interrupted_call_looks_like(tmp_path, database, desk):
    journal = Journal(tmp_path / "journal")
    books = LedgerBooks(journal, SqlGrants(desk, journal.id, 1))
    first = await hold(books, ask(who(), target="a/x"))
    books.hold(msgspec.structs.replace(first.ask, attempt=2, target="b/y", surface="anthropic"))
    unpriced = await hold(books, ask(who(), price=None))
    journal.close()
    drainer = Drainer(tmp_path / "journal", database)
    drainer.recover()
    drainer.stop()
    con = connect(database)
    details = [msgspec.json.decode(d, type=Record) for (d,) in con.execute("SELECT detail FROM records ORDER BY id")]
    rows = con.execute(
        "SELECT attempt, nano, tokens, billed, target FROM ledger ORDER BY attempt, nano DESC"
    ).fetchall()
    con.close()
    two, one = sorted(details, key=lambda each: -len(each.attempts))
    assert (two.id, two.status, two.code, two.billed, two.http_status) == (
        first.ask.call_id,
        "failure",
        "interrupted",
        "uncertain",
        500,
    )
    assert [(a.provider, a.model, a.held_nano, a.cost_nano, a.billed) for a in two.attempts] == [
        ("a", "x", HOLD, HOLD, "uncertain"),
        ("b", "y", HOLD, HOLD, "uncertain"),
    ]
    assert two.cost_nano == 2 * HOLD
    assert (one.id, one.cost_nano) == (unpriced.ask.call_id, None), "no price is never zero"
    assert rows == [
        (1, HOLD, 50, "uncertain", "a/x"),
        (1, 0, 50, "uncertain", "local/mock"),
        (2, HOLD, 50, "uncertain", "b/y"),
    ]
    assert interrupted([]) == []


WORKER = """
import asyncio, os, sys
from pathlib import Path
from headgate.ledger.books import LedgerBooks
from headgate.ledger.drain import Drainer
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.storage.desk import Desk
from tests.ledger.conftest import ask, end, hold, who

async def main(home, name):
    # What was acknowledged goes to a file of the test's own, written like the journal: before, and after.
    def note(*words):
        os.write(log, (" ".join(map(str, words)) + "\\n").encode())
    log = os.open(home / f"log.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    desk = Desk(home / "headgate.db")
    journal = Journal(home / "journal", segment_bytes=20_000)
    books = LedgerBooks(journal, SqlGrants(desk, journal.id, WORKERS))
    drainer = Drainer(home / "journal", home / "headgate.db")
    if DRAINS:
        drainer.start()
    caller = who(nano=10**12)
    n = 0
    async def one():
        nonlocal n
        while True:
            taken = await hold(books, ask(caller))
            note("held", taken.ask.call_id, taken.nano)
            await asyncio.sleep(0.001)
            n += 1
            nano = n % 100
            end(books, taken, nano)
            note("ended", taken.ask.call_id, nano)
    await asyncio.gather(*[one() for _ in range(8)])

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def start(home: Path, name: str, workers: int, drains: bool) -> "subprocess.Popen[bytes]":
    code = WORKER.replace("WORKERS", str(workers)).replace("DRAINS", str(drains))
    return subprocess.Popen([sys.executable, "-c", code, os.fspath(home), name], cwd=Path(__file__).parents[2])


def told(home: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Return what was held and what was ended, as the processes themselves wrote it down."""
    held: dict[str, int] = {}
    ended: dict[str, int] = {}
    for log in home.glob("log.*"):
        for line in log.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                what, call, nano = line.split()
                (held if what == "held" else ended)[call] = int(nano)
    return held, ended


@pytest.mark.parametrize("workers", [1, 3])
def test_killed_in_the_middle_nothing_is_lost_or_doubled(database, workers):
    home = database.parent
    for turn in range(3):
        processes = [start(home, f"{turn}.{n}", workers, drains=n == 0) for n in range(workers)]
        begun = time.monotonic()
        while len(told(home)[1]) < 200 * (turn + 1):
            time.sleep(0.05)
            assert time.monotonic() - begun < 30
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait()
    drainer = Drainer(home / "journal", database)
    drainer.recover()
    drainer.stop()
    held, ended = told(home)
    con = connect(database)
    records = dict(con.execute("SELECT id, cost_nano FROM records"))
    ledger: dict[str, int] = dict(con.execute("SELECT call_id, SUM(nano) FROM ledger GROUP BY 1"))
    codes = {call for (call,) in con.execute("SELECT id FROM records WHERE json_extract(detail, '$.code') IS NOT NULL")}
    ((total,),) = con.execute("SELECT SUM(nano) FROM balances WHERE period = 't' AND scope = 'tenant:t1'")
    counted = con.execute("SELECT count(*) FROM records").fetchone()[0]
    grants = con.execute("SELECT count(*) FROM grants").fetchone()
    con.close()
    assert held.keys() - records.keys() == set(), "every dispatched call has a record"
    assert counted == len(records), "and one only"
    for call, nano in ended.items():
        assert records[call] == nano
        assert ledger.get(call, 0) == nano
        assert call not in codes
    for call in codes:
        assert ledger[call] == HOLD, "interrupted: the hold in full"
    assert total == sum(ledger.values())
    assert grants == (0,)
    # A file not yet named is what a kill in the instant of a start or a new segment leaves; it holds nothing.
    assert [path.name for path in (home / "journal").iterdir() if path.suffix != ".new"] == ["drain.lock"]


async def test_the_next_process_starts_from_whole_balances(database):
    home = database.parent
    caller = who(nano=10 * HOLD)
    for turn in range(3):
        drainer = Drainer(home / "journal", database)
        drainer.recover()
        desk = Desk(database)
        journal = Journal(home / "journal", sync_seconds=30)
        books = LedgerBooks(journal, SqlGrants(desk, journal.id, 1), wait_seconds=10.0)
        for _ in range(3):
            await hold(books, ask(caller))  # never ended: the process is lost
        (account,) = books._purses.accounts.values()
        assert account.free == (10 - 3 * (turn + 1)) * HOLD
        books.close()
        journal.close()
        desk.close()
        drainer._release()
    await asyncio.sleep(0)
    assert record(ask(caller)).billed == "usage"
