"""Holds, ends, refusals and waiting, one process at a time."""

import asyncio
import errno
import gc
import os
from time import monotonic
from typing import Any

import msgspec
import pytest

from headgate.access.types import Principal
from headgate.core.errors import BadRequest, BudgetSpent, RateLimited, Unavailable
from headgate.core.money import Price
from headgate.ledger import waiting
from headgate.ledger.books import LedgerBooks
from headgate.ledger.refusals import SEES_BUDGETS, sees
from headgate.ledger.types import Hold
from tests.clock import Nanoseconds
from tests.ledger.conftest import DAY, PRICE, MemoryGrants, ask, end, eventually, hold, record, who

HOLD = 100_000  # nano-dollars of 50 tokens of output


@pytest.fixture
def clock() -> Nanoseconds:
    return Nanoseconds(20_000 * DAY * 1000 + 3_600_000_000_000)


@pytest.fixture
async def books(journal, stores, clock):
    made = LedgerBooks(journal, stores("a", 1), clock=clock, wait_seconds=0.6)
    yield made
    made.close()


def account(books: LedgerBooks, key: str = "k1"):
    purse = books._purses.get(key)
    assert purse is not None
    (found,) = purse.needs.accounts
    return found


def lines(journal) -> list[Any]:
    (segment,) = journal._directory.glob(f"{journal.id}.*.log")
    return [msgspec.json.decode(line) for line in segment.read_bytes().splitlines()]


async def test_without_a_budget_a_hold_is_one_line(books, journal):
    taken = books.hold(ask(who(), input=10))
    assert isinstance(taken, Hold), "at once"
    assert (taken.nano, taken.tokens, taken.output_tokens, taken.clamped) == (110_000, 60, 50, False)
    assert books.in_flight == 1
    (line,) = lines(journal)
    assert line[:3] == ["h", taken.ask.call_id, 1]
    assert line[15:] == [110_000, 60, True, "UTC", []]


async def test_the_end_writes_charge_and_record_once(books, journal):
    taken = books.hold(ask(who()))
    end(books, taken, 70_000, 35)
    end(books, taken, 70_000, 35)
    assert books.in_flight == 0
    _, line = lines(journal)
    assert line[0:3] == ["e", taken.ask.call_id, 1]
    assert line[3] == [[1, taken.at, "k1", 70_000, 35, "usage", "local/mock", "UTC", []]]
    assert line[4]["id"] == taken.ask.call_id


async def test_a_call_without_holds_is_recorded(books, journal):
    refused = ask(who())
    books.end(record(refused, None, attempts=(), status="failure", code="model_not_found"), [])
    assert lines(journal)[0][2:4] == [0, []]


async def test_not_charged_means_the_whole_hold(books, journal):
    taken = books.hold(ask(who()))
    books.end(record(taken.ask), [taken])
    assert lines(journal)[1][3][0][3:5] == [HOLD, 50]


async def test_a_released_hold_is_told_to_the_journal_and_not_charged(books, journal):
    first = books.hold(ask(who()))
    books.release(first)
    books.release(first)
    second = books.hold(msgspec.structs.replace(first.ask, attempt=2))
    second.charge_nano, second.charge_tokens = 5, 1
    books.end(record(second.ask, 5), [first, second])
    assert [line[0] for line in lines(journal)] == ["h", "r", "h", "e"]
    assert [charge[0] for charge in lines(journal)[3][3]] == [2]


async def test_a_model_without_a_price(books):
    caller = who(nano=10**9)
    with pytest.raises(BadRequest) as caught:
        books.hold(ask(caller, price=None))
    assert caught.value.code == "price_unknown"
    assert "local/mock" in caught.value.message
    free = books.hold(ask(who(), price=None))
    assert free.nano == 0


async def test_exactly_as_many_as_the_cap_holds(books, stores):
    caller = who(nano=5 * HOLD + 99_999)
    taken = [await hold(books, ask(caller)) for _ in range(5)]
    assert (account(books).free, account(books).held) == (99_999, 5 * HOLD)
    for one in taken:
        end(books, one, HOLD)
    with pytest.raises(BudgetSpent) as caught:
        await hold(books, ask(caller))
    assert caught.value.headers == {"x-should-retry": "false"}
    assert (caught.value.status, caught.value.code) == (429, "insufficient_quota")
    message = caught.value.message
    assert "'app'" in message
    assert "per day" in message
    assert "0.000599999 USD" in message, "the limit"
    assert "0.0005 USD" in message, "what is used"
    assert caught.value.param == "key.budget.day"


async def test_the_common_call_does_not_touch_the_store(journal):
    store = MemoryGrants()
    books = LedgerBooks(journal, store)
    caller = who(nano=10**12)
    await hold(books, ask(caller))
    for _ in range(100):
        taken = books.hold(ask(caller))
        assert isinstance(taken, Hold), "at once"
        end(books, taken, 10)
    assert store.asked == 1
    books.close()


async def test_the_rest_of_a_hold_is_room_again(books):
    caller = who(nano=HOLD + HOLD // 2)
    for _ in range(10):
        end(books, await hold(books, ask(caller)), HOLD // 20)
    assert account(books).free == HOLD


async def test_several_windows_are_taken_all_or_none(books):
    caller = who(nano=10 * HOLD)
    caller = msgspec.structs.replace(
        caller, budgets=(*caller.budgets, msgspec.structs.replace(caller.budgets[0], amount=2 * HOLD, window="month"))
    )
    for _ in range(2):
        end(books, await hold(books, ask(caller)), HOLD)
    with pytest.raises(BudgetSpent, match="per month"):
        await hold(books, ask(caller))
    day, month = books._purses.get("k1").needs.accounts
    assert (day.free, day.held, month.free, month.held) == (8 * HOLD, 0, 0, 0)


async def test_a_charge_above_the_hold_is_charged_in_full_and_counted(books, stores):
    caller = who(nano=3 * HOLD)
    end(books, await hold(books, ask(caller)), 2 * HOLD + 1)
    assert books.overshoots == 1
    assert account(books).free == HOLD - 1
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller))


async def test_an_overshoot_beyond_the_grant_is_owed_to_the_store(journal):
    store = MemoryGrants()
    books = LedgerBooks(journal, store)
    caller = who(nano=HOLD)
    taken = await hold(books, ask(caller))
    end(books, taken, 3 * HOLD)
    scope = account(books).scope
    store.drain(scope, 3 * HOLD)
    assert store.spending[scope] == 3 * HOLD
    assert sum(store.granted.values()) == 0
    books.close()


async def test_clamped_to_the_room_that_is_left(books):
    caller = who(nano=1000 * 2000 + 10 * 1000)  # ten tokens in, a thousand out
    taken = await hold(books, ask(caller, input=10, output=5000))
    assert taken.output_tokens == 1000
    assert taken.clamped
    assert account(books).free == 0
    books.release(taken)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller, input=10, output=5000, clamp=False))


async def test_clamping_stops_at_the_least_output(books):
    caller = who(nano=300 * 2000)
    assert (await hold(books, ask(caller, output=5000, min_output=300))).output_tokens == 300
    with pytest.raises(BudgetSpent):
        await hold(books, ask(who("k2", nano=300 * 2000), output=5000, min_output=301))
    with pytest.raises(BudgetSpent):
        await hold(books, ask(who("k3", nano=300 * 2000), output=400, min_output=400))


async def test_clamped_exactly_at_odd_prices(books):
    price = Price(input=333, output=777, request=12_345)
    caller = who(nano=1000)
    taken = await hold(books, ask(caller, input=100, output=10**6, min_output=1, price=price))
    assert taken.nano <= 1000
    assert price.bound(100, taken.output_tokens + 1) > 1000


async def test_a_free_model_fits_into_an_empty_budget(books):
    caller = who(nano=0)
    taken = await hold(books, ask(caller, price=Price()))
    assert taken.nano == 0


async def test_short_only_because_of_others_waits(books):
    caller = who(nano=HOLD)
    first = await hold(books, ask(caller))
    waiting_for = asyncio.ensure_future(books.hold(ask(caller)))
    await asyncio.sleep(0.05)
    assert not waiting_for.done()
    assert books.waiting == 1
    end(books, first, 0)
    second = await asyncio.wait_for(waiting_for, 0.1)
    assert second.nano == HOLD
    assert books.waiting == 0


async def test_first_come_first_served(books):
    caller = who(nano=HOLD)
    first = await hold(books, ask(caller))
    order: list[int] = []

    async def one(number: int, output: int) -> None:
        taken = await hold(books, ask(caller, output=output))
        order.append(number)
        await asyncio.sleep(0.01)
        books.release(taken)

    # the small ones behind the large one would fit earlier, and must not overtake it
    tasks = [asyncio.ensure_future(one(n, 50 if n == 0 else 1)) for n in range(5)]
    await asyncio.sleep(0.02)
    end(books, first, 0)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]


async def test_a_newcomer_does_not_overtake_the_queue(books):
    caller = who(nano=2 * HOLD)
    first = await hold(books, ask(caller))
    large = asyncio.ensure_future(books.hold(ask(caller, output=100)))
    await asyncio.sleep(0.02)
    small = books.hold(ask(caller))
    assert not isinstance(small, Hold), "there is room for it, but it came later"
    small = asyncio.ensure_future(small)
    books.release(first)
    taken = await large
    assert not small.done()
    books.release(taken)
    books.release(await small)


async def test_waiting_ends(books):
    caller = who(nano=HOLD)
    await hold(books, ask(caller))
    begun = monotonic()
    with pytest.raises(BudgetSpent, match="held by calls in flight"):
        await hold(books, ask(caller))
    assert 0.25 < monotonic() - begun < 5
    books._waiting._seconds = 30
    begun = monotonic()
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller, deadline=monotonic() + 0.1))
    assert monotonic() - begun < 10


async def test_refused_at_once_where_waiting_cannot_help(books):
    caller = who(nano=2 * HOLD)
    end(books, await hold(books, ask(caller)), HOLD)
    await hold(books, ask(caller))
    with pytest.raises(BudgetSpent):
        books.hold(ask(caller, output=51))


async def test_the_queue_has_an_end(books, monkeypatch):
    monkeypatch.setattr(waiting, "MAX_WAITERS", 2)
    caller = who(nano=HOLD)
    first = await hold(books, ask(caller))
    tasks = [asyncio.ensure_future(books.hold(ask(caller))) for _ in range(2)]
    await asyncio.sleep(0.02)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller))
    books.release(first)
    for task in tasks:
        books.release(await task)


async def test_one_who_leaves_the_queue_takes_nothing_with_him(books):
    caller = who(nano=HOLD)
    first = await hold(books, ask(caller))
    gone, stays = (asyncio.ensure_future(books.hold(ask(caller))) for _ in range(2))
    await asyncio.sleep(0.02)
    gone.cancel()
    books.release(first)
    books.release(await stays)
    assert account(books).free == HOLD
    assert books.in_flight == 0


async def test_one_who_leaves_just_as_he_is_served_gives_it_back(books):
    caller = who(nano=HOLD)
    first = await hold(books, ask(caller))
    task = asyncio.ensure_future(books.hold(ask(caller)))
    await asyncio.sleep(0.02)
    attempt = books._waiting._attempt

    def leave(*args) -> Any:
        found = attempt(*args)
        if found is not None:
            asyncio.get_running_loop().call_soon(task.cancel)
        return found

    books._waiting._attempt = leave
    books.release(first)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert account(books).free == HOLD
    assert books.in_flight == 0


async def test_a_new_day_has_a_new_budget_and_old_holds_charge_the_old_one(books, clock, journal):
    caller = who(nano=HOLD)
    late = await hold(books, ask(caller))
    yesterday = account(books)
    clock.now += DAY * 1000
    for _ in range(2):
        fresh = await hold(books, ask(caller))
        books.release(fresh)
    assert account(books) is not yesterday
    end(books, late, HOLD)
    assert account(books).free == HOLD
    charge = lines(journal)[-1][3][0]
    assert charge[1] == late.at, "the charge bears the time of the hold"


async def test_one_reset_at_the_boundary_however_many_cross_it(books, clock):
    caller = who(nano=3 * HOLD)
    clock.now = 20_001 * DAY * 1000 - 1000
    before = [await hold(books, ask(caller)) for _ in range(3)]
    clock.now += 1000
    after = await asyncio.gather(*[hold(books, ask(caller)) for _ in range(3)])
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller))
    for one in before + after:
        end(books, one, HOLD)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller))


async def test_a_lowered_cap_refuses_the_next_and_lets_the_rest_finish(books):
    taken = [await hold(books, ask(who(nano=10 * HOLD))) for _ in range(4)]
    with pytest.raises(BudgetSpent):
        await hold(books, ask(who(nano=2 * HOLD)))
    for one in taken:
        end(books, one, HOLD)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(who(nano=2 * HOLD)))


async def test_a_raised_cap_lets_the_next_in(books):
    end(books, await hold(books, ask(who(nano=HOLD))), HOLD)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(who(nano=HOLD)))
    await asyncio.sleep(0.05)
    await hold(books, ask(who(nano=2 * HOLD)))


async def test_a_call_that_left_before_there_was_a_budget_is_charged_to_it(books, journal):
    early = books.hold(ask(who()))
    caller = who(nano=2 * HOLD)
    books.release(await hold(books, ask(caller)))
    end(books, early, HOLD)
    assert account(books).free == HOLD
    assert lines(journal)[-1][3][0][8][0][:2] == ["k1", "d"], "its grant pays"


async def test_tokens_a_minute(books):
    caller = who(tpm=1000)
    taken = books.hold(ask(caller, input=100, output=700, clamp=False))
    with pytest.raises(RateLimited) as caught:
        books.hold(ask(caller, input=100, output=200, clamp=False))
    assert caught.value.headers["retry-after"] == "6"
    assert caught.value.headers["x-ratelimit-limit-tokens"] == "1000"
    assert caught.value.headers["x-ratelimit-remaining-tokens"] == "200"
    end(books, taken, 0, tokens=150)
    books.hold(ask(caller, input=100, output=700, clamp=False))
    with pytest.raises(RateLimited, match="up to 1001 tokens"):
        books.hold(ask(caller, input=1001, output=0))


async def test_tokens_a_minute_clamp_the_answer(books):
    taken = books.hold(ask(who(tpm=1000), input=100, output=16_384))
    assert taken.output_tokens == 900


async def test_tokens_and_money_are_taken_together(books):
    caller = who(nano=10 * HOLD, tpm=60)
    first = await hold(books, ask(caller))
    with pytest.raises(RateLimited):
        await hold(books, ask(caller))
    assert account(books).held == HOLD
    end(books, first, HOLD, tokens=0)
    await hold(books, ask(caller))


@pytest.fixture
def full(monkeypatch):
    def write(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(yes: bool) -> None:
        monkeypatch.undo()
        if yes:
            monkeypatch.setattr(os, "write", write)

    return fill


async def test_a_full_disk_stops_calls_under_a_budget_and_no_others(books, journal, full):
    caller = who(nano=10 * HOLD)
    taken = await hold(books, ask(caller))
    full(True)
    with pytest.raises(Unavailable) as caught:
        await hold(books, ask(caller))
    assert (caught.value.status, caught.value.code) == (503, "storage_unavailable")
    free = books.hold(ask(who("k2")))
    assert journal.unwritten == 1, "counted"
    end(books, taken, 30)
    end(books, free, 5)
    assert account(books).free == 10 * HOLD - 30, "settled all the same"
    full(False)
    await hold(books, ask(caller))
    assert [line[0] for line in lines(journal)] == ["h", "e", "e", "h"], "and written when there is space again"


async def test_a_store_that_fails_is_not_a_spent_budget(journal, database):
    from headgate.ledger.grants import SqlGrants
    from headgate.storage.desk import Desk
    from headgate.storage.sqlite import connect

    desk = Desk(database, patience=0.02)
    books = LedgerBooks(journal, SqlGrants(desk, "a", 1), wait_seconds=0.3)
    con = connect(database)
    con.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        await hold(books, ask(who(nano=HOLD)))
    assert caught.value.code == "storage_unavailable"
    con.execute("ROLLBACK")
    con.close()
    await hold(books, ask(who(nano=HOLD)))
    books.close()
    desk.close()


async def test_idle_room_goes_back_and_the_caller_is_forgotten(journal, monkeypatch):
    monkeypatch.setattr("headgate.ledger.tidy.IDLE_SHARED", 0.02)
    store = MemoryGrants(workers=4)
    books = LedgerBooks(journal, store)
    taken = await hold(books, ask(who(nano=10**9)))
    scope = account(books).scope
    assert sum(store.granted.values()) > HOLD
    await eventually(lambda: sum(store.granted.values()) == HOLD)
    await asyncio.sleep(0.05)
    assert sum(store.granted.values()) == HOLD, "what is held stays"
    end(books, taken, 30)
    store.drain(scope, 30)
    await eventually(lambda: sum(store.granted.values()) == 0 and books._purses.empty)
    books.close()


async def test_what_is_too_little_in_each_of_two_processes_is_put_together(journal):
    first = MemoryGrants(workers=2)
    stores = [first, MemoryGrants(2, first)]
    both = [LedgerBooks(journal, store) for store in stores]
    caller = who(nano=2 * HOLD)
    taken = [await hold(books, ask(caller)) for books in both]
    for books, store, one in zip(both, stores, taken, strict=True):
        end(books, one, HOLD // 2)
        store.drain(account(books).scope, HOLD // 2)
    found = await asyncio.gather(*[hold(books, ask(caller)) for books in both], return_exceptions=True)
    assert {type(one) for one in found} == {Hold, BudgetSpent}
    for books in both:
        books.close()


async def test_closing_refuses_who_waits(books):
    caller = who(nano=HOLD)
    await hold(books, ask(caller))
    task = asyncio.ensure_future(books.hold(ask(caller)))
    await asyncio.sleep(0.02)
    books.close()
    with pytest.raises(Unavailable) as caught:
        await task
    assert caught.value.code == "server_shutting_down"


async def test_a_record_that_json_cannot_say_is_written_without_that(books, journal):
    taken = books.hold(ask(who()))
    taken.charge_nano, taken.charge_tokens = 7, 1
    books.end(record(taken.ask, 7, metadata={"x": object()}, model_requested="bad \ud800", tags=("\udfff",)), [taken])
    line = lines(journal)[-1]
    assert line[3][0][3] == 7
    assert line[4]["model_requested"] == "bad ?"
    assert "metadata" not in line[4]


async def test_nothing_is_left_behind(books):
    caller = who(nano=10**12, tpm=10**9)
    for _ in range(50):
        end(books, await hold(books, ask(caller)), 10)
    await asyncio.sleep(0)
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Hold)]
    assert PRICE.bound(0, 50) == HOLD


async def test_nothing_is_clamped_or_kept_waiting_while_the_store_has_room(journal):
    store = MemoryGrants(workers=4)
    books = LedgerBooks(journal, store, wait_seconds=1)
    caller = who(nano=10_000 * HOLD)
    await hold(books, ask(caller))
    begun = monotonic()
    large = await hold(books, ask(caller, output=50 * 5000, min_output=1))  # more than a slice
    assert not large.clamped
    assert monotonic() - begun < 5
    books.close()


def test_amounts_are_seen_as_far_as_the_permission_to_see_them_goes() -> None:
    one_team = (("team:t", frozenset((SEES_BUDGETS,))), ("tenant", frozenset(("gateway:use",))))
    all_of_it = (("tenant", frozenset((SEES_BUDGETS,))),)
    for grants, seen in ((one_team, False), (all_of_it, True)):
        permissions = frozenset(one for _, allowed in grants for one in allowed)
        who = Principal(
            kind="user", id="u", tenant_id="t", name="u", scope="tenant", permissions=permissions, grants=grants
        )
        assert sees(who) is seen
