"""One suite for the grants in memory and in the database."""

import asyncio

import pytest

from headgate.core.errors import Unavailable
from headgate.ledger.balances import Scope
from headgate.ledger.grants import SqlGrants, slice_of
from headgate.storage.desk import Desk
from headgate.storage.sqlite import connect
from tests.ledger.conftest import DAY, eventually

SCOPE = Scope("k1", "day", 100 * DAY, 101 * DAY)


async def settled() -> None:
    await asyncio.sleep(0.05)


async def test_one_process_takes_all_the_room(stores):
    store = stores("a", 1)
    answer = await store.take(SCOPE, 1000, 10, 10)
    assert (answer.granted, answer.elsewhere) == (1000, 0)
    answer = await store.take(SCOPE, 1000, 10, 10)
    assert (answer.granted, answer.elsewhere) == (0, 0)


async def test_several_take_slices_and_never_more_than_the_cap(stores):
    processes = [stores(name, 4) for name in "abcd"]
    taken = 0
    for turn in range(4000):
        answer = await processes[turn % 4].take(SCOPE, 100_000, 100, 100)
        taken += answer.granted
        assert taken <= 100_000
        if not answer.granted:
            break
    assert taken == 100_000
    assert answer.elsewhere > 0, "the others hold the rest"


def test_slices_shrink_to_one_hold():
    assert slice_of(100_007, 10, 10, 4) == 6250
    assert slice_of(64 * 4 * 10, 10, 10, 4) == 160
    assert slice_of(64 * 4 * 10 - 1, 10, 10, 4) == 10
    assert slice_of(10, 10, 1, 4) == 10
    assert slice_of(9, 10, 3, 4) == 9
    assert slice_of(2, 10, 3, 4) == 0
    assert slice_of(-5, 10, 3, 1) == 0


async def test_what_is_given_back_can_be_taken_by_another(stores):
    one, other = stores("a", 2), stores("b", 2)
    assert (await one.take(SCOPE, 10, 10, 10)).granted == 10
    assert (await other.take(SCOPE, 10, 4, 4)).granted == 0
    one.give(SCOPE, 6)
    await settled()
    answer = await other.take(SCOPE, 10, 4, 4)
    assert (answer.granted, answer.elsewhere) == (4, 6)


async def test_less_than_needed_if_it_is_enough(stores):
    store = stores("a", 1)
    assert (await store.take(SCOPE, 10, 20, 11)).granted == 0
    answer = await store.take(SCOPE, 10, 20, 10)
    assert (answer.granted, answer.elsewhere) == (10, 0)


async def test_use_beyond_the_grant_counts(stores):
    one, other = stores("a", 2), stores("b", 2)
    await one.take(SCOPE, 100, 60, 60)
    one.give(SCOPE, -30)
    await settled()
    assert (await other.take(SCOPE, 100, 50, 1)).granted == 10


async def test_scopes_do_not_touch_each_other(stores):
    store = stores("a", 1)
    await store.take(SCOPE, 10, 10, 10)
    for scope in (
        Scope("k2", "day", 100 * DAY, 101 * DAY),
        Scope("k1", "day", 101 * DAY, 102 * DAY),
        Scope("k1", "total", 0, 2**62),
    ):
        assert (await store.take(scope, 10, 10, 10)).granted == 10


async def test_what_is_spent_in_the_window_is_gone(desk, database):
    con = connect(database)
    days = [("k1", "d", 99 * DAY, 1000), ("k1", "d", 100 * DAY, 7), ("k1", "d", 101 * DAY, 2000), ("k1", "t", 0, 3007)]
    con.executemany("INSERT INTO balances VALUES (?, ?, ?, ?, 0)", [*days, ("k2", "d", 100 * DAY, 5000)])
    con.close()
    store = SqlGrants(desk, "a", 1)
    assert (await store.take(SCOPE, 100, 1, 1)).granted == 93
    assert (await store.take(Scope("k1", "total", 0, 2**62), 10_000, 1, 1)).granted == 10_000 - 3007


async def test_a_cap_below_what_is_spent_gives_nothing(desk, database):
    con = connect(database)
    con.execute("INSERT INTO balances VALUES ('k1', 'd', ?, 50, 0)", (100 * DAY,))
    con.close()
    answer = await SqlGrants(desk, "a", 1).take(SCOPE, 40, 5, 1)
    assert (answer.granted, answer.elsewhere) == (0, 0)


async def test_rows_at_zero_disappear(desk, database):
    store = SqlGrants(desk, "a", 2)
    await store.take(SCOPE, 10, 10, 10)
    store.give(SCOPE, 10)
    await settled()
    con = connect(database)
    assert con.execute("SELECT count(*) FROM grants").fetchone() == (0,)
    con.close()


async def test_giving_back_waits_for_a_locked_database(desk, database, monkeypatch):
    monkeypatch.setattr("headgate.storage.desk.RETRY_SECONDS", 0.05)
    desk._patience = 0.02
    one, other = SqlGrants(desk, "a", 2), SqlGrants(desk, "b", 2)
    await one.take(SCOPE, 10, 10, 10)
    con = connect(database)
    con.execute("BEGIN IMMEDIATE")
    one.give(SCOPE, 10)
    with pytest.raises(Unavailable):
        await other.take(SCOPE, 10, 10, 10)
    con.execute("ROLLBACK")
    con.close()
    await eventually(lambda: not desk._owed)
    assert (await other.take(SCOPE, 10, 10, 10)).granted == 10
    assert desk.failures >= 1


async def test_what_waits_at_the_end_is_still_done(database):
    desk = Desk(database)
    store = SqlGrants(desk, "a", 2)
    await store.take(SCOPE, 10, 10, 10)
    store.give(SCOPE, 10)
    desk.close()
    con = connect(database)
    assert con.execute("SELECT count(*) FROM grants").fetchone() == (0,)
    con.close()
