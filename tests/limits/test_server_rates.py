"""Limits in the rows of a database server that goes away and comes back."""

import asyncio
import os
from collections.abc import Callable
from time import monotonic

import pytest

from headgate.limits import server_rates
from headgate.limits.gcra import Rule
from headgate.limits.rates import Claim, Granted, Places, Refused
from headgate.limits.server_rates import ServerRates
from headgate.storage import desk as desks
from headgate.storage.desk import Desk
from headgate.storage.sql import StoreDown

MINUTE = Rule.of(60, 60)


class Cut:
    """Stands between a desk and its database."""

    def __init__(self, desk: Desk) -> None:
        self.away = False
        transact = desk._sql.transact

        def through(work, lock=()):
            if self.away:
                raise StoreDown("away")
            return transact(work, lock)

        desk._sql.transact = through  # type: ignore[method-assign]


async def take(store: ServerRates, units: int = 1, *, cap: int | None = None) -> Granted | Refused:
    places = [Places("k1", cap, 1)] if cap is not None else []
    claims = [Claim("k1", "rpm", MINUTE, units, units)] if units else []
    return await asyncio.wait_for(store.take(claims, places, lambda found: None), 10)


async def count(stores: list[ServerRates], tries: int) -> int:
    return sum([isinstance(await take(stores[n % len(stores)]), Granted) for n in range(tries)])


async def until(holds: Callable[[], object]) -> None:
    end = monotonic() + 10
    while not holds():
        assert monotonic() < end
        await asyncio.sleep(0.02)


@pytest.fixture
async def pair(migrated, monkeypatch):
    monkeypatch.setattr(server_rates, "SETTLE_SECONDS", 0.4)
    monkeypatch.setattr(desks, "RETRY_SECONDS", 0.05)
    made = [Desk(migrated) for _ in range(2)]
    stores = [ServerRates(desk, os.urandom(4).hex(), 2) for desk in made]
    yield stores, [Cut(desk) for desk in made]
    for desk in made:
        await asyncio.to_thread(desk.close)


async def test_away_each_keeps_to_its_part_and_there_is_no_burst_on_return(pair):
    stores, cuts = pair
    assert await count(stores, 20) == 20
    for cut in cuts:
        cut.away = True
    had = await count(stores, 80)
    assert 36 <= had <= 42, "what was left of sixty, cut into two"
    assert not any(store.up for store in stores)
    for cut in cuts:
        cut.away = False
    await until(lambda: [store._desk.failing_since for store in stores] == [None, None])
    assert await count(stores, 40) <= 4
    await asyncio.sleep(0.6)
    assert await count(stores, 40) <= 4, "the server knows what was used without it"
    assert all(store.up for store in stores)


async def test_places_taken_and_returned_meanwhile_are_told(pair):
    (one, two), cuts = pair
    assert isinstance(await take(one, 0, cap=4), Granted)
    for cut in cuts:
        cut.away = True
    assert isinstance(await take(one, 0, cap=4), Granted)
    assert isinstance(await take(one, 0, cap=4), Refused), "half of four"
    for cut in cuts:
        cut.away = False
    await until(lambda: one.up)  # it finds that out by itself, and tells what it has
    assert [isinstance(await take(two, 0, cap=4), Granted) for _ in range(3)] == [True, True, False]
    one.give([], [("k1", 2)])
    await asyncio.sleep(0.2)
    assert isinstance(await take(two, 0, cap=4), Granted)


async def test_places_of_a_dead_machine_come_back_and_its_room_does_not(migrated, tmp_path):
    from headgate.ledger.keeper import Keeper
    from headgate.storage.sql import open_sql

    def story() -> None:
        dead, alive = [
            Keeper(migrated, tmp_path / name, lambda facts: None, node) for name, node in (("a", "n1"), ("b", "n2"))
        ]
        sql = open_sql(migrated)
        dead.beat()
        dead.begin("j1")
        for scope, period in (("k1", "c"), ("k1", "m")):
            sql.transact(
                lambda s, row=(scope, period): s.execute(  # type: ignore[misc]
                    "INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES ('j1', ?, ?, 0, 5, 0)",
                    row,
                )
            )
        alive.beat()
        alive.forget([])
        assert sql.execute("SELECT count(*) FROM grants").fetchone() == (2,)
        sql.transact(lambda s: s.execute("UPDATE nodes SET seen_at = seen_at - 61000000 WHERE id = 'n1'"))
        alive.beat()
        alive.forget([])
        assert sql.execute("SELECT period FROM grants").fetchall() == [("m",)], "what it covers is in its journal"
        for one in (dead, alive, sql):
            one.close()

    await asyncio.to_thread(story)
