"""One suite for SQL on the embedded database and on PostgreSQL, and for the desk that works on either."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest

from headgate.core.errors import Unavailable
from headgate.storage.desk import BUDGET, Desk
from headgate.storage.sql import BadValue, DiskFull, Sql, StoreDown, TableMissing, open_sql
from tests.servers import embedded, psql

PUT = (
    "INSERT INTO balances (scope, period, start, nano, tokens) VALUES (?, 'd', ?, ?, ?)"
    " ON CONFLICT (scope, period, start) DO UPDATE SET nano = balances.nano + excluded.nano"
)
NEW = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
SUM = "SELECT CAST(COALESCE(SUM(nano), 0) AS BIGINT) FROM balances WHERE scope = ?"


@pytest.fixture
def sql(url: str) -> Iterator[Sql]:
    made = open_sql(url)
    yield made
    made.close()


def total(sql: Sql, scope: str = "k") -> int:
    (found,) = sql.execute(SUM, (scope,)).fetchone() or (0,)
    return int(found)


def test_a_transaction_is_stored_whole_or_not_at_all(sql):
    def work(inside: Sql) -> str:
        assert inside.execute(PUT, ("k", 1, 5, 0)).rowcount == 1
        inside.executemany(PUT, [("k", 1, 5, 0), ("k", 2, 7, 0)])
        assert total(inside) == 17
        return "done"

    assert sql.transact(work, lock=["k", "other"]) == "done"
    assert total(sql) == 17

    def fails(inside: Sql) -> None:
        inside.execute(PUT, ("k", 1, 5, 0))
        raise KeyError

    with pytest.raises(KeyError):
        sql.transact(fails)
    assert total(sql) == 17
    assert sql.execute("UPDATE balances SET tokens = 1 WHERE scope = ?", ("k",)).rowcount == 2
    assert sql.execute("DELETE FROM balances WHERE start = ? RETURNING nano", (2,)).fetchall() == [(7,)]


def test_what_is_there_already_is_not_counted_as_new(sql):
    assert sql.transact(lambda s: s.insert(NEW, [("a", 1), ("b", 2)])) == 2
    assert sql.transact(lambda s: s.insert(NEW, [("b", 3), ("c", 4)])) == 1
    assert list(sql.execute("SELECT value FROM meta WHERE name = ?", ("b",))) == [(2,)]
    assert sql.execute("SELECT 1 FROM meta WHERE name = ?", ("z",)).fetchone() is None


@pytest.mark.parametrize("value", [2**63, None, "a\ud800"])
def test_a_value_that_cannot_be_stored_spoils_its_savepoint_only(sql, value):
    row = (value, 1) if isinstance(value, str) else ("a", value)

    def work(inside: Sql) -> None:
        inside.execute("SAVEPOINT one")
        with pytest.raises(BadValue):
            inside.execute("INSERT INTO meta (name, value) VALUES (?, ?)", row)
        inside.execute("ROLLBACK TO one")
        inside.execute("RELEASE one")
        inside.execute(NEW, ("good", 1))

    sql.transact(work)
    assert sql.execute("SELECT name FROM meta").fetchall() == [("good",)]


def test_a_table_that_is_not_there_is_told_apart(sql):
    with pytest.raises(TableMissing):
        sql.execute("SELECT * FROM absent")
    assert total(sql) == 0


def test_who_locks_a_name_comes_after_who_has_it(sql, url):
    others = [open_sql(url) for _ in range(3)]

    def add(inside: Sql) -> None:
        (found,) = inside.execute(SUM, ("k",)).fetchone()
        inside.execute(PUT, ("k", found, 1, 0))  # two who read the same would write the same day

    def many(one: Sql) -> None:
        for _ in range(20):
            one.transact(add, lock=["k", "b", "a"])
        one.close()

    threads = [threading.Thread(target=many, args=(each,)) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sql.execute("SELECT CAST(COUNT(*) AS BIGINT) FROM balances").fetchone() == (60,)


def test_the_clock_is_the_stores(sql):
    assert sql.transact(lambda s: s.now()) <= sql.now()
    assert sql.ticks() <= sql.ticks()


def test_two_that_wait_for_each_other_both_get_there(migrated):
    sql = open_sql(migrated)
    sql.transact(lambda s: s.insert(NEW, [("a", 0), ("b", 0)]))
    barrier = threading.Barrier(2, timeout=10)
    turns = []

    def work(first: str, second: str) -> None:
        one = open_sql(migrated)

        def both(inside: Sql) -> None:
            turns.append(first)
            inside.execute("UPDATE meta SET value = value + 1 WHERE name = ?", (first,))
            if len(turns) <= 2:
                barrier.wait()
            inside.execute("UPDATE meta SET value = value + 1 WHERE name = ?", (second,))

        one.transact(both)
        one.close()

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sql.execute("SELECT value FROM meta ORDER BY name").fetchall() == [(2,), (2,)]
    assert len(turns) == 3, "one was done again"
    sql.close()


def test_a_connection_that_broke_while_idle_is_opened_again(migrated):
    sql = open_sql(migrated)
    sql.transact(lambda s: s.insert(NEW, [("a", 0)]))
    psql(
        migrated,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'headgate'",
    )
    assert sql.transact(lambda s: s.insert(NEW, [("b", 0)])) == 1
    sql.close()


def test_a_connection_that_breaks_inside_leaves_nothing_behind(migrated):
    sql, other = open_sql(migrated), open_sql(migrated)

    def work(inside: Sql) -> None:
        inside.execute(NEW, ("a", 0))
        (mine,) = inside.execute("SELECT pg_backend_pid()").fetchone()
        other.execute("SELECT pg_terminate_backend(?)", (mine,))
        cast(Any, inside)._loop.run_until_complete(asyncio.sleep(0.3))  # it is noticed between two statements
        inside.execute(NEW, ("b", 0))

    with pytest.raises(StoreDown):
        sql.transact(work)
    assert other.execute("SELECT name FROM meta").fetchall() == []
    assert sql.transact(lambda s: s.insert(NEW, [("c", 0)])) == 1
    assert not sql.committed("99999999999")
    sql.close()
    other.close()


def test_a_server_that_is_not_there_is_told_soon():
    sql = open_sql("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreDown):
        sql.execute("SELECT 1")
    sql.close()


async def test_a_desk_answers_what_was_done_and_tells_later_what_was_given_up(url):
    desk = Desk(url)
    assert await desk.ask(lambda sql: sql.insert(NEW, [("a", 1)]), lock=["a"]) == 1
    begun, go_on, late = threading.Event(), threading.Event(), asyncio.Event()

    def slow(sql: Sql) -> int:
        begun.set()
        go_on.wait(10)
        return sql.insert(NEW, [("b", 1)])

    answer = desk.ask(slow, late=lambda value: late.set())
    await asyncio.to_thread(begun.wait, 10)
    answer.cancel()
    go_on.set()
    await asyncio.wait_for(late.wait(), 10)
    desk.tell(lambda sql: sql.execute(NEW, ("c", 1)))
    assert await desk.ask(lambda sql: sql.execute("SELECT name FROM meta ORDER BY name").fetchall()) == [
        ("a",),
        ("b",),
        ("c",),
    ]
    desk.close()


async def test_work_that_can_never_be_done_is_left_out_and_the_rest_of_its_batch_done(url, caplog):
    desk = Desk(url)
    gate = threading.Event()
    first = desk.ask(lambda sql: gate.wait(5))
    desk.tell(lambda sql: sql.execute(NEW, ("a", 1)))
    desk.tell(lambda sql: sql.execute(NEW, ("bad", 2**63)), lock=["x\ud800"])
    desk.tell(lambda sql: int("a fault of its own"))
    asked = desk.ask(lambda sql: sql.execute(NEW, ("bad", 2**63)))
    good = desk.ask(lambda sql: sql.execute(NEW, ("b", 2)).rowcount)
    gate.set()
    if BUDGET[desk._sql.kind] is None:
        assert await first
    with pytest.raises(Unavailable) as caught:
        await asked
    assert isinstance(caught.value.__cause__, BadValue)
    assert await good == 1
    names = await desk.ask(lambda sql: sql.execute("SELECT name FROM meta ORDER BY name").fetchall())
    assert names == [("a",), ("b",)]
    assert (desk.dropped, desk.failures, desk.failing_since) == (3, 0, None), "the database is well"
    assert caplog.text.count("can never be done") == 3
    desk.close()


async def test_a_desk_whose_disk_was_full_finds_out_by_itself_that_there_is_room(tmp_path):
    file = shutil.copy(embedded(), tmp_path / "headgate.db")
    desk, full = Desk(file), True

    def fill(sql: Sql) -> None:
        if full:
            sql.execute("PRAGMA max_page_count = 1")  # of this connection: no more pages than there are

    def large(sql: Sql) -> None:
        fill(sql)
        sql.execute(NEW, ("x" * 2_000_000, 1))

    with pytest.raises(Unavailable) as caught:
        await desk.ask(large)
    assert isinstance(caught.value.__cause__, DiskFull)
    assert (str(caught.value.__cause__), desk.full, desk.failures) == ("the disk is full", True, 1)
    async with asyncio.timeout(5):
        while desk.failing_since is not None:
            await asyncio.sleep(0.02)
    full = False
    await desk.ask(large)
    desk.close()


def test_a_value_too_large_for_its_index_is_no_outage(migrated):
    sql = open_sql(migrated)
    with pytest.raises(BadValue):
        sql.transact(lambda s: s.execute(PUT, ("".join(map(chr, range(0x4E00, 0x4E00 + 9000))), 1, 1, 1)))
    sql.close()


async def test_a_slow_server_keeps_nobody_waiting(migrated, monkeypatch):
    monkeypatch.setitem(BUDGET, "postgresql", 0.25)
    desk = Desk(migrated)
    for _ in range(40):
        with suppress(Unavailable):  # who asks first waits for the connection, too
            await desk.ask(lambda sql: sql.execute("SELECT 1"))
            break
    came = asyncio.Event()
    with pytest.raises(Unavailable) as caught:
        async with asyncio.timeout(1.0):
            await desk.ask(lambda sql: sql.execute("SELECT 1 FROM pg_sleep(1.5)"), late=lambda rows: came.set())
    assert caught.value.code == "storage_unavailable"
    await asyncio.wait_for(came.wait(), 10)
    desk.close()


class Broken:
    """A connection whose commits are cut after the server has, or has not, stored them."""

    def __init__(self, sql: Any, *, stored: bool) -> None:
        self.sql, self.stored = sql, stored
        self.cuts = 1

    def cut(self) -> None:
        run = self.sql._run

        def failing(doing):
            if self.cuts and "COMMIT" in str(doing.cr_frame.f_locals.get("query", "")):
                self.cuts -= 1
                if self.stored:
                    run(doing)
                else:
                    doing.close()
                self.sql._give_up()
                raise StoreDown("cut")
            return run(doing)

        self.sql._run = failing


@pytest.mark.parametrize("stored", [True, False])
async def test_a_commit_that_nobody_confirmed_happens_once(migrated, stored, monkeypatch):
    monkeypatch.setitem(BUDGET, "postgresql", 0.25)
    desk = Desk(migrated)
    await desk.ask(lambda sql: sql.execute("SELECT 1"))
    Broken(desk._sql, stored=stored).cut()
    late: list[int] = []
    with pytest.raises(Unavailable):
        await desk.ask(lambda sql: sql.execute(PUT, ("k", 1, 5, 0)).rowcount, late=late.append)
    desk.tell(lambda sql: sql.execute(PUT, ("k", 1, 100, 0)))
    (found,) = (await desk.ask(lambda sql: sql.execute(SUM, ("k",)))).fetchone()
    assert found == (105 if stored else 100), "who gave up and was not served wants nothing any more"
    assert late == ([1] if stored else [])
    desk.close()


async def test_both_ways_in_read_a_url_alike(migrated):
    from sqlalchemy import text

    from headgate.storage.engine import open_engine

    url = f"{migrated}?sslmode=disable&target_session_attrs=any"
    engine = open_engine(url)
    async with engine.connect() as con:
        assert (await con.execute(text("SELECT count(*) FROM meta"))).scalar_one() == 0
    await engine.dispose()
    desk = Desk(url)
    assert (await desk.ask(lambda sql: sql.execute("SELECT count(*) FROM meta"))).fetchone() == (0,)
    desk.close()
