"""One suite for tokens per minute in one process and over shared rows."""

import asyncio

import pytest

from headgate.core.errors import RateLimited
from headgate.ledger.books import LedgerBooks
from headgate.ledger.journal import Journal
from headgate.ledger.meters import LocalMeter, Meter
from headgate.ledger.shared_meter import SharedMeter
from headgate.limits.store import SqlRates
from headgate.storage.desk import Desk
from tests.clock import Nanoseconds
from tests.ledger.conftest import MemoryGrants, ask, end, hold, who


@pytest.fixture
def clock() -> Nanoseconds:
    return Nanoseconds(10**15)


@pytest.fixture(params=["local", "one worker", "three workers"])
async def meters(request, clock, database):
    """Return a maker of one process's meter of a limit; they share what there is to share."""
    if request.param == "local":
        one: list[LocalMeter] = []

        def local(limit: int) -> Meter:
            one.append(one[0] if one else LocalMeter(limit, clock))
            return one[-1]

        yield local
        return
    desks: list[Desk] = []
    workers = 1 if request.param == "one worker" else 3

    def shared(limit: int) -> Meter:
        desks.append(Desk(database))
        return SharedMeter(SqlRates(desks[-1], "p", workers, clock), "k1", limit, clock)

    yield shared
    for desk in desks:
        desk.close()


async def take(meter: Meter, tokens: int) -> bool:
    if meter.room() < tokens and not meter.known():
        await meter.fetch(tokens, tokens)
    if meter.room() < tokens:
        return False
    meter.take(tokens)
    return True


async def test_no_more_than_the_limit_and_then_by_the_minute(meters, clock):
    meter = meters(60)
    assert [await take(meter, 20) for _ in range(4)] == [True, True, True, False]
    clock.advance(19.9)
    assert not await take(meter, 20)
    clock.advance(0.2)
    assert await take(meter, 20)


async def test_what_is_not_used_is_there_for_others(meters, clock):
    first, second = meters(1000), meters(1000)
    assert await take(first, 900)
    assert not await take(second, 500)
    first.give(800)
    await asyncio.sleep(0.1)
    clock.advance(0.06)
    assert await take(second, 500)


async def test_use_beyond_what_was_taken_counts(meters, clock):
    meter = meters(100)
    assert await take(meter, 50)
    meter.give(-100)
    await asyncio.sleep(0.1)
    clock.advance(0.06)
    assert not await take(meter, 1)
    clock.advance(29.5)
    assert not await take(meter, 1)
    clock.advance(1.5)
    assert await take(meter, 1)


async def test_the_wait_that_is_told_is_enough(meters, clock):
    meter = meters(60)
    assert await take(meter, 60)
    assert not await take(meter, 30)
    assert meter.wait(30) == 30 * 10**9
    assert meter.wait(61) == -1
    assert meter.reset() == 60 * 10**9
    clock.advance(30)
    assert await take(meter, 30)


async def test_a_changed_limit(meters, clock):
    meter = meters(100)
    assert await take(meter, 80)
    meter.follow(90)
    await asyncio.sleep(0.1)
    clock.advance(0.06)
    assert not await take(meter, 20)
    meter.follow(1000)
    await asyncio.sleep(0.1)
    clock.advance(0.06)
    assert await take(meter, 900)


async def test_three_processes_are_low_by_one_percent_at_most_and_never_high(clock, database):
    desks = [Desk(database) for _ in range(3)]
    meters = [SharedMeter(SqlRates(desk, "p", 3, clock), "k1", 30_000, clock) for desk in desks]
    taken = 0
    for turn in range(1000):
        taken += 100 * await take(meters[turn % 3], 100)
    assert 29_700 - 300 <= taken <= 30_000
    for meter in meters:
        meter.rest()
        meter.rest()
        assert meter.idle()
    for desk in desks:
        desk.close()


async def test_books_over_a_shared_meter(tmp_path, database):
    desk = Desk(database)
    journal = Journal(tmp_path / "journal")
    books = LedgerBooks(
        journal,
        MemoryGrants(),
        meter=lambda key, limit: SharedMeter(SqlRates(desk, "p", 2), key, limit),
        wait_seconds=0.3,
    )
    caller = who(tpm=1000)
    first = await hold(books, ask(caller, input=100, output=700, clamp=False))
    with pytest.raises(RateLimited) as caught:
        await hold(books, ask(caller, input=100, output=300, clamp=False))
    assert caught.value.headers["retry-after"] in {"12", "13"}
    end(books, first, 0, tokens=100)
    await asyncio.sleep(0.1)
    taken = await hold(books, ask(caller, input=100, output=5000, min_output=10))
    assert 780 <= taken.output_tokens <= 801
    books.close()
    journal.close()
    desk.close()
