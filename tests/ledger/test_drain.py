"""From journal to database: what is stored, when, and what stands in the way."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from time import time_ns

import msgspec
import pytest

from headgate.core.ids import new_id
from headgate.core.money import Usage
from headgate.core.record import Record
from headgate.ledger.books import LedgerBooks
from headgate.ledger.drain import Drainer
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.ledger.windows import bounds
from headgate.observe.facts import Facts
from headgate.storage.check import commits_file
from headgate.storage.desk import Desk
from headgate.storage.sql import BadValue, open_sql
from headgate.storage.sqlite import connect
from headgate.storage.upgrade import ensure
from tests.ledger.conftest import ask, end, eventually, hold, hold_now, record, who


@pytest.fixture
def seen() -> list[Facts]:
    return []


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest) -> str:
    """The URL of the database; a test that looks into the file itself is ``on_sqlite`` only."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('database')}"
    found: str = request.getfixturevalue("migrated")
    return found


on_sqlite = pytest.mark.parametrize("where", ["sqlite"], indirect=True)


def apart(work) -> None:
    """Do *work* of a drainer where it does it itself."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


class Apart(Drainer):
    """Drains in a thread when it is told to, as it does by itself: a server's connection is no guest in our loop."""

    def drain(self) -> int:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(super().drain).result()

    def stop(self) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(super().stop).result()


@pytest.fixture
def drainer(journal, where, seen):
    made = Apart(journal._directory, where, seen=seen.extend, node="n1")
    yield made
    made.stop()


@pytest.fixture
async def books(journal, where):
    desk = Desk(where)
    made = LedgerBooks(journal, SqlGrants(desk, journal.id, 1))
    yield made
    made.close()
    desk.close()


@pytest.fixture
def query(where):
    sql = open_sql(where)
    with ThreadPoolExecutor(1) as thread:
        yield lambda text, *values: thread.submit(lambda: sql.execute(text, values).fetchall()).result()
        thread.submit(sql.close)


SPENT = "SELECT nano FROM balances WHERE scope = 'k1' AND period = 't'"


def call(books: LedgerBooks, nano: int = 30, caller=None, **fields) -> Record:
    taken = hold_now(books, ask(caller or who()))
    taken.charge_nano, taken.charge_tokens = nano, 3
    made = record(taken.ask, nano, **fields)
    books.end(made, [taken])
    return made


async def test_a_record_is_stored_whole(books, drainer, query):
    made = call(books, session="s", tags=("a", "b"), metadata={"x": [1]}, parameters={"n": msgspec.Raw(b"1")})
    drainer.drain()
    ((detail, key, model, provider, cost, status, trace),) = query(
        "SELECT detail, key_id, model, provider, cost_nano, status, trace_id FROM records WHERE id = ?", made.id
    )
    assert msgspec.json.decode(detail, type=Record) == msgspec.structs.replace(made, parameters={"n": 1})
    assert (key, model, provider, cost, status) == ("k1", "local/mock", "local", 30, "success")
    assert trace is None, "it follows from the id"


async def test_a_callers_own_trace_can_be_found(books, drainer, query):
    made = call(books, trace_id="0af7651916cd43dd8448eb211c80319c")
    drainer.drain()
    assert query("SELECT id FROM records WHERE trace_id = '0af7651916cd43dd8448eb211c80319c'") == [(made.id,)]


async def test_ledger_balances_and_usage_are_sums_of_the_same(books, drainer, query):
    for nano in (30, 40):
        call(books, nano, usage=Usage(input=10, output=20, cached=4, cache_write=3, reasoning=2))
    call(books, 0, status="failure", cost_nano=None)
    drainer.drain()
    call(books, 50)
    drainer.drain()
    assert query("SELECT MAX(key_id), MAX(tenant_id), SUM(nano), SUM(tokens), MAX(billed) FROM ledger") == [
        ("k1", "t1", 120, 12, "usage")
    ]
    today = bounds("day", time_ns() // 1000)[0]
    assert query("SELECT * FROM balances ORDER BY 1, 2") == [
        (scope, *row, 120, 12) for scope in ("k1", "tenant:t1") for row in (("d", today), ("t", 0))
    ]
    rows = query(
        "SELECT a, SUM(requests), SUM(unpriced), SUM(input), SUM(output), SUM(cached), SUM(cache_write),"
        " SUM(reasoning), SUM(cost_nano) FROM rollups WHERE tenant_id = 't1' AND cut = 'status' AND grain = 3600"
        " GROUP BY 1 ORDER BY 1"
    )
    assert rows == [("failure", 1, 1, 10, 20, 0, 0, 0, 0), ("success", 3, 0, 30, 60, 8, 6, 4, 120)]


async def test_a_charge_moves_from_granted_to_spent(books, drainer, query):
    caller = who(nano=1_000_000)
    taken = await hold(books, ask(caller))
    drainer.drain()
    assert query("SELECT SUM(amount) FROM grants") == [(1_000_000,)]
    end(books, taken, 70)
    drainer.drain()
    assert query("SELECT SUM(amount) FROM grants") == [(1_000_000 - 70,)]
    assert query(SPENT) == [(70,)]


async def test_seen_within_a_second_and_told_once(books, drainer, query, seen):
    drainer.start()
    made = call(books)
    begun = time.monotonic()
    while not query("SELECT 1 FROM records WHERE id = ?", made.id):
        assert time.monotonic() - begun < 5
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    assert [facts.id for facts in seen] == [made.id]
    assert drainer.stored == 1


@on_sqlite
async def test_a_line_read_twice_counts_once(books, drainer, database, query, seen, journal):
    made = call(books)
    drainer.drain()
    con = connect(database)
    con.execute("DELETE FROM journals")  # as if the note of the position had been lost
    con.close()
    again = Drainer(journal._directory, database, seen=seen.extend)
    drainer._release()
    call(books, 40)
    again.drain()
    assert query("SELECT count(*), SUM(cost_nano) FROM records") == [(2, 70)]
    assert query("SELECT SUM(nano) FROM ledger") == query(SPENT) == [(70,)]
    assert query("SELECT SUM(requests) FROM rollups WHERE cut = 'all' AND grain = 3600") == [(2,)]
    assert seen[0].id == made.id
    assert len(seen) == 2
    again._release()


async def test_in_flight_and_behind(books, drainer):
    taken = [books.hold(ask(who())) for _ in range(3)]
    drainer.drain()
    assert drainer.in_flight == 3
    books.release(taken[0])
    end(books, taken[1], 5)
    assert drainer.drain()
    assert (drainer.in_flight, drainer.behind) == (1, 0)


@on_sqlite
async def test_a_locked_database_makes_the_journal_longer_and_that_is_all(books, drainer, database, query, monkeypatch):
    monkeypatch.setattr(drainer._keeper._sql, "_patience", 0.02)
    monkeypatch.setattr("headgate.ledger.drain.POLL_SECONDS", 0.02)
    monkeypatch.setattr("headgate.ledger.drain.LONGEST_PAUSE", 0.1)
    drainer.start()
    con = connect(database)
    con.execute("BEGIN IMMEDIATE")
    for _ in range(10):
        call(books)
    await eventually(lambda: drainer.failing_since is not None)
    assert "locked" in drainer.error
    assert drainer.behind > 0
    con.execute("ROLLBACK")
    con.close()
    await eventually(lambda: drainer.failing_since is None)
    assert query("SELECT count(*) FROM records") == [(10,)]


@on_sqlite
async def test_a_database_that_went_away_is_not_recreated(books, drainer, database, monkeypatch):
    monkeypatch.setattr("headgate.ledger.drain.POLL_SECONDS", 0.02)
    drainer.start()
    away = database.with_name("away.db")
    database.rename(away)
    call(books)
    await eventually(lambda: drainer.error is not None)
    assert not database.exists()
    away.rename(database)
    await eventually(lambda: drainer.error is None)
    con = connect(database)
    assert con.execute("SELECT count(*) FROM records").fetchone() == (1,)
    con.close()


async def test_garbage_is_buried_and_the_rest_stored(books, drainer, journal, query):
    call(books)
    journal.append(b'["e","garbage"\n')
    journal.append(b"\x00\xff\n")
    journal.append(b'["e",1,2,3]\n')
    call(books, 40)
    drainer.drain()
    assert query("SELECT count(*), SUM(cost_nano) FROM records") == [(2, 70)]
    assert drainer.dead_letters == 2, "what is no end line is none of its business"
    assert (journal._directory / "dead.jsonl").read_bytes() == b'["e","garbage"\n["e",1,2,3]\n'


async def test_a_record_that_cannot_be_read_still_costs(books, drainer, journal, query):
    line = '["e","c1",1,[[1,%d,"k1",77,5,"usage","local/mock","UTC",[]]],{"id":"c1","at":"soon"}]\n'
    journal.append((line % (time_ns() // 1000)).encode())
    drainer.drain()
    assert drainer.dead_letters == 1
    assert query(SPENT) == [(77,)]
    ((detail, cost),) = query("SELECT detail, cost_nano FROM records")
    assert (msgspec.json.decode(detail)["code"], cost) == ("unreadable", 77)


async def test_a_row_the_database_refuses_is_bisected_out(books, drainer, query):
    call(books)
    call(books, 50, cost_nano=2**70)
    call(books, 40)
    drainer.drain()
    assert drainer.dead_letters == 1
    assert query(SPENT) == [(120,)], "its money counts"
    assert query("SELECT count(*) FROM records") == [(3,)]


async def test_characters_that_stores_cannot_hold(books, drainer, query):
    raw = msgspec.Raw(b'"a\\u0000b \\ud800 c \\udc00 d \\ud83d\\ude00 e \\\\u0000"')
    call(books, model_requested="nul \x00 in it", model_used=None, parameters={"stop": raw})
    drainer.drain()
    assert drainer.dead_letters == 0
    ((model, detail),) = query("SELECT model, detail FROM records")
    assert model == "nul � in it"
    found = msgspec.json.decode(detail, type=Record)
    assert found.parameters is not None
    assert found.parameters["stop"].startswith("a�b � c � d 😀 e ")
    assert "\\u0000" not in detail


@on_sqlite
async def test_an_observer_that_fails_stops_nothing(books, journal, database, query):
    def fail(batch: object) -> None:
        raise RuntimeError("observer")

    drainer = Drainer(journal._directory, database, seen=fail)
    call(books)
    drainer.drain()
    call(books)
    drainer.drain()
    assert query("SELECT count(*) FROM records") == [(2,)]
    drainer._release()


@on_sqlite
async def test_drained_segments_are_deleted_once_they_are_safe(database, desk, query):
    journal = Journal(database.parent / "journal", segment_bytes=3000)
    books = LedgerBooks(journal, SqlGrants(desk, journal.id, 1))
    open_ = hold_now(books, ask(who()))
    drainer = Drainer(journal._directory, database)
    for _ in range(20):
        call(books)
    assert len(list(journal._directory.glob("*.log"))) > 3
    drainer.drain()
    assert len(list(journal._directory.glob("*.log"))) > 3, "not before the database is synced"
    drainer.recover()
    assert len(list(journal._directory.glob("*.log"))) == 1
    assert commits_file(database).exists()
    books.close()
    journal.close()
    drainer.recover()
    drainer.stop()
    assert [path.name for path in journal._directory.iterdir()] == ["drain.lock"]
    assert query("SELECT count(*) FROM records") == [(21,)]
    assert query("SELECT json_extract(detail, '$.code') FROM records WHERE id = ?", open_.ask.call_id) == [
        ("interrupted",)
    ]
    ensure(f"sqlite:///{database}")


@on_sqlite
async def test_one_drains_and_another_stands_by(books, journal, database, query, monkeypatch):
    monkeypatch.setattr("headgate.ledger.drain.POLL_SECONDS", 0.02)
    first, second = (Drainer(journal._directory, database) for _ in range(2))
    first.start()
    await asyncio.sleep(0.1)
    second.start()
    call(books)
    await eventually(lambda: first.stored == 1)
    assert second.stored == 0
    first.stop()
    call(books)
    await eventually(lambda: second.stored == 1)
    second.stop()
    assert query("SELECT count(*) FROM records") == [(2,)]


@on_sqlite
async def test_leases_of_processes_that_left_nothing(drainer, database, query):
    con = connect(database)
    past, future = time_ns() // 1000 - 10**6, time_ns() // 1000 + 10**9
    rows = [("gone", "a", "d", 0, 5, past), ("elsewhere", "b", "d", 0, 5, future)]
    con.executemany("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?)", rows)
    con.close()
    drainer.recover()
    assert query("SELECT owner FROM grants") == [("elsewhere",)]


async def test_stopping_drains_what_is_there(books, drainer, query):
    drainer.start()
    made = [call(books) for _ in range(500)]
    drainer.stop()
    assert query("SELECT count(*) FROM records") == [(len(made),)]


def test_ids_are_36_characters():
    assert len(new_id()) == 36


COUNTED = "SELECT SUM(requests), SUM(cost_nano) FROM rollups WHERE cut = 'all' AND grain = 3600"


@pytest.fixture
def busy(monkeypatch):
    """So many calls come that counting may wait, however few they are."""
    monkeypatch.setattr("headgate.ledger.drain.FEW", -1)
    monkeypatch.setattr("headgate.ledger.drain.COUNT_SECONDS", 1000.0)


async def test_many_calls_are_stored_at_once_and_counted_together(books, drainer, query, busy):
    call(books)
    drainer._counted_at = time.monotonic()
    apart(drainer._pass)
    call(books, 40)
    apart(drainer._pass)
    assert query("SELECT COUNT(*) FROM records") == [(2,)] and query(SPENT) == [(70,)]
    assert query(COUNTED) == [(None, None)] and drainer.behind > 0
    drainer.drain()
    assert query(COUNTED) == [(2, 70)] and drainer.behind == 0
    assert query("SELECT viewed = position FROM journals") in ([(1,)], [(True,)])


async def test_what_was_stored_and_not_counted_is_counted_after_a_crash(books, drainer, where, query, journal, busy):
    call(books)
    drainer.drain()
    apart(drainer._pass)
    call(books, 40)
    call(books, 5, usage=Usage(input=7))
    apart(drainer._pass)
    apart(drainer._sync)
    assert query(COUNTED) == [(1, 30)]
    apart(drainer._release)  # as if it had been killed: nothing was counted
    again = Apart(journal._directory, where, node="n1")
    call(books, 6)
    again.drain()
    again.drain()
    assert query("SELECT COUNT(*) FROM records") == [(4,)] and query(SPENT) == [(81,)]
    assert query(COUNTED) == [(4, 81)] and again.behind == 0
    again.stop()


async def test_a_journal_stays_until_its_calls_are_counted(books, drainer, query, journal, busy):
    journal._segment_bytes = journal._full = 2_000
    call(books)
    drainer.drain()
    for _ in range(20):
        call(books)
    for _ in range(20):
        apart(drainer._pass)
    apart(drainer._sync)
    kept = len(list(journal._directory.glob("*.log")))
    assert kept > 3
    drainer.drain()
    assert query(COUNTED) == [(21, 630)]
    apart(drainer._sync)
    assert len(list(journal._directory.glob("*.log"))) < kept


async def test_one_that_no_sum_can_hold_leaves_the_others_counted(books, drainer, query, busy, monkeypatch):
    call(books)
    drainer.drain()
    for one in (40, 5, 6):
        call(books, one)
    apart(drainer._pass)
    add = drainer._keeper._viewing._views.add

    def refusing(sql, calls):
        add(sql, calls)
        if any(one.cost_nano == 5 for one in calls):
            raise BadValue("too large")

    monkeypatch.setattr(drainer._keeper._viewing._views, "add", refusing)
    drainer.drain()
    assert query(COUNTED) == [(3, 76)] and drainer._keeper.unseen == 1
    assert query("SELECT COUNT(*) FROM records") == [(4,)]


@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
async def test_names_too_long_for_an_index_stop_no_others(books, drainer, query, caplog):
    long = "local/" + "".join(map(chr, random.Random(1).sample(range(0x4E00, 0x9FFF), 500)))
    call(books)
    call(books, 40, route=long, model_used=long, provider_used="local")
    call(books, 5, trace_id=long * 2)
    call(books, 6)
    drainer.drain()
    assert query(COUNTED) == [(3, 41)] and drainer.unseen == 1 and "but in no sum" in caplog.text
    assert drainer.dead_letters == 1 and "dead.jsonl" in caplog.text
    assert query("SELECT COUNT(*) FROM records") == [(4,)] and query(SPENT) == [(81,)]
    call(books)
    drainer.drain()
    assert drainer.failing_since is None and query(COUNTED) == [(4, 71)]


async def test_what_a_gateway_of_before_stored_is_counted(books, drainer, where, query, journal, busy):
    call(books)
    drainer.drain()
    sql = open_sql(where)
    apart(lambda: sql.transact(lambda on: on.execute("UPDATE journals SET viewed = NULL")))
    apart(sql.close)
    apart(drainer._release)
    again = Apart(journal._directory, where, node="n1")
    again._counted_at = time.monotonic()
    call(books, 40)
    apart(again._pass)
    call(books, 5)
    apart(again._pass)
    apart(again._release)
    last = Apart(journal._directory, where, node="n1")
    last.drain()
    last.drain()
    assert query(COUNTED) == [(3, 75)]
    last.stop()
