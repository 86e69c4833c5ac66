"""Budgets of every kind of subject: shared by all who are bound, in money or tokens, held in all or in none."""

import asyncio
from typing import Any

import msgspec
import pytest

from headgate.access.types import Budget, Limits, Principal, Subject
from headgate.core.errors import BadRequest, BudgetSpent, NotNow, RateLimited
from headgate.ledger.books import LedgerBooks
from headgate.ledger.journal import Journal
from headgate.ledger.windows import DAY, bounds
from headgate.limits.types import Standing
from tests.clock import Nanoseconds
from tests.ledger.conftest import MemoryGrants, ask, end, eventually, hold

HOLD = 100_000  # 50 tokens of output
TEAM = Budget(3 * HOLD, "month", scope="team:search", name="budget 'search'")


def who(id: str = "k1", *budgets: Budget, **fields) -> Principal:
    return Principal(kind="key", id=id, tenant_id="t1", name=id, budgets=budgets, **fields)


@pytest.fixture
def clock() -> Nanoseconds:
    return Nanoseconds(20_000 * DAY * 1000)


@pytest.fixture
async def books(journal, stores, clock):
    made = LedgerBooks(journal, stores("a", 1), clock=clock, wait_seconds=0.6)
    yield made
    made.close()


def lines(journal: Journal) -> list[Any]:
    (path,) = journal._directory.glob("*.log")
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def account(books: LedgerBooks, scope: str):
    (found,) = [one for one in books._purses.accounts.values() if one.scope.id == scope]
    return found


async def test_callers_share_the_budget_of_their_team(books):
    taken = [await hold(books, ask(who(f"k{n}", TEAM))) for n in range(3)]
    waiting = asyncio.ensure_future(books.hold(ask(who("k9", TEAM))))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    end(books, taken[0], 0)
    await waiting
    with pytest.raises(BudgetSpent):
        await hold(books, ask(who("k8", TEAM)))


async def test_all_scopes_or_none(books):
    caller = who("k1", Budget(10 * HOLD, "day"), TEAM)
    for _ in range(3):
        end(books, await hold(books, ask(caller)), HOLD)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller))
    assert (account(books, "k1").free, account(books, "k1").held) == (7 * HOLD, 0)


async def test_who_may_not_see_a_budget_is_told_whose_it_is_and_no_amounts(books):
    end(books, await hold(books, ask(who("k1", TEAM))), 3 * HOLD)
    with pytest.raises(BudgetSpent) as caught:
        await hold(books, ask(who("k2", TEAM)))
    assert caught.value.message == "The budget 'search' of the team, per month, has no room left for this call."
    assert (caught.value.param, caught.value.headers) == ("team.budget.month", {"x-should-retry": "false"})
    sees = who("k3", TEAM, permissions=frozenset({"budgets:view"}))
    with pytest.raises(BudgetSpent, match=r"may spend 0\.0003 USD per month and has used 0\.0003 USD"):
        await hold(books, ask(sees))
    with pytest.raises(BudgetSpent, match="has no room"):
        await hold(books, ask(msgspec.structs.replace(sees, id="k4", scope="own")))


async def test_tokens_as_a_budget(books):
    caller = who("k1", Budget(100, "day", unit="tokens"))
    first = await hold(books, ask(caller, input=10, output=50, price=None))
    assert (first.nano, first.tokens) == (0, 60)
    clamped = await hold(books, ask(caller, input=10, output=50, min_output=1))
    assert clamped.output_tokens == 30
    books.release(clamped)
    end(books, first, 0, tokens=75)
    with pytest.raises(BudgetSpent, match="may use 100 tokens per day and has used 75 tokens"):
        await hold(books, ask(caller, input=26, output=0))
    await hold(books, ask(caller, input=25, output=0))


async def test_money_needs_a_price_and_tokens_do_not(books):
    with pytest.raises(BadRequest, match="has no price"):
        books.hold(ask(who("k1", TEAM), price=None))
    soft = msgspec.structs.replace(TEAM, hard=False)
    books.release(await hold(books, ask(who("k2", soft), price=None)))


@pytest.mark.parametrize(
    ("when", "fields", "bound"),
    [
        ((("model", "local/mock"),), {}, True),
        ((("model", "local/other"),), {}, False),
        ((("provider", "local"),), {}, True),
        ((("provider", "loc"),), {}, False),
        ((("tag", "x"),), {"tags": ("y", "x")}, True),
        ((("tag", "x"),), {"tags": ("y",)}, False),
        ((("end_user", "ann"),), {"end_user": "ann"}, True),
        ((("end_user", "ann"),), {}, False),
        ((("tag", "x"), ("model", "local/mock")), {"tags": ("x",)}, True),
        ((("tag", "x"), ("tag", "y")), {"tags": ("x",)}, False),
        ((("team", "search"), ("tag", "x")), {"tags": ("x",)}, True),
        ((("team", "other"), ("tag", "x")), {"tags": ("x",)}, False),
    ],
)
async def test_a_budget_of_a_combination_binds_calls_of_that_combination_alone(books, when, fields, bound):
    caller = who("k1", Budget(HOLD, "day", scope="budget:b", when=when), team_id="search")
    end(books, await hold(books, ask(caller, **fields)), HOLD)
    if bound:
        with pytest.raises(BudgetSpent):
            await hold(books, ask(caller, **fields))
    await hold(books, ask(caller, target="elsewhere/model"))


async def test_each_end_user_has_the_amount_from_the_first_calls_on(books):
    caller = who("k1", Budget(2 * HOLD, "day", scope="budget:b", each="end_user"))
    other = who("k2", Budget(2 * HOLD, "day", scope="budget:b", each="end_user"))

    async def one(user: str, number: int) -> bool:
        try:
            await hold(books, ask(other if number % 2 else caller, end_user=user))
        except BudgetSpent:
            return False
        return True

    let_in = await asyncio.gather(*[one(user, n) for n in range(10) for user in ("ann", "bob")])
    assert sum(let_in) == 4
    await hold(books, ask(caller)), "who names no end user is not bound"


async def test_each_tag_has_the_amount(books, journal):
    caller = who("k1", Budget(HOLD, "day", scope="budget:b", each="tag"))
    end(books, await hold(books, ask(caller, tags=("x",))), HOLD)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller, tags=("y", "x")))
    end(books, await hold(books, ask(caller, tags=("y", "z"))), 5)
    assert [scope for scope, *_ in lines(journal)[-1][3][0][8]] == ["budget:b:y", "budget:b:z"]


async def test_windows_are_those_of_the_tenants_zone(books, clock, journal):
    clock.now = (bounds("day", clock.now // 1000, "Asia/Kathmandu")[1] - 60_000_000) * 1000  # a minute to midnight
    caller = who("k1", Budget(HOLD, "day"), zone="Asia/Kathmandu")
    end(books, await hold(books, ask(caller)), HOLD)
    with pytest.raises(BudgetSpent):
        await hold(books, ask(caller))
    clock.now += 60 * 10**9
    end(books, await hold(books, ask(caller)), HOLD)
    starts = [line[3][0][8][0][2] for line in lines(journal) if line[0] == "e"]
    assert starts[1] - starts[0] == DAY
    assert starts[0] % DAY == (24 * 60 - 345) * 60_000_000, "Nepal is 5:45 ahead"


async def test_a_key_that_moves_to_another_team_is_bound_by_that_ones_budget(books):
    other = msgspec.structs.replace(TEAM, scope="team:web")
    early = await hold(books, ask(who("k1", TEAM)))
    await hold(books, ask(who("k1", other)))
    end(books, early, HOLD)
    assert account(books, "team:web").held == HOLD
    later = await hold(books, ask(who("k2", TEAM)))
    assert account(books, "team:search").free == 3 * HOLD - HOLD - later.nano


async def test_a_retry_under_an_older_principal_does_not_bring_its_budgets_back(books):
    old, new = who("k1", Budget(5 * HOLD, "day")), who("k1", Budget(2 * HOLD, "day"))
    first = await hold(books, ask(old))
    books.release(first)
    end(books, await hold(books, ask(new)), HOLD)
    await hold(books, msgspec.structs.replace(ask(old), attempt=2))
    with pytest.raises(BudgetSpent, match="2"):
        await hold(books, ask(new))


async def test_tokens_a_minute_at_every_level(books):
    team = Subject("team", "search", "search", Limits(tpm=100))
    caller, other = (who(id, subjects=(team,), limits=Limits(tpm=80)) for id in ("k1", "k2"))
    taken = books.hold(ask(caller, input=60, output=10, clamp=False))
    with pytest.raises(RateLimited, match=r"The key 'k1' has reached its limit of 80 tokens"):
        books.hold(ask(caller, input=20, output=0))
    with pytest.raises(RateLimited, match=r"The team 'search' has reached its limit of tokens per minute") as caught:
        books.hold(ask(other, input=40, output=0))
    assert not isinstance(caught.value, NotNow)
    end(books, taken, 0, tokens=0)
    books.hold(ask(other, input=80, output=0))


async def test_tokens_a_minute_of_end_users_models_and_providers(books):
    limits = Limits(tpm=100)
    books.follow(Standing(end_user=limits, models={"local/mock": limits}, providers={"remote": limits}))
    caller = who()
    books.hold(ask(caller, input=60, output=0, target="x/y", end_user="ann"))
    with pytest.raises(RateLimited, match="end user 'ann'"):
        books.hold(ask(caller, input=60, output=0, target="x/y", end_user="ann"))
    books.hold(ask(caller, input=60, output=0, target="x/y", end_user="bob"))
    books.hold(ask(caller, input=60, output=0))
    with pytest.raises(NotNow, match="model 'local/mock'"):
        books.hold(ask(caller, input=60, output=0))
    books.hold(ask(caller, input=60, output=0, target="remote/a"))
    with pytest.raises(NotNow, match="provider 'remote'"):
        books.hold(ask(who("k2"), input=60, output=0, target="remote/b"))


async def test_who_waits_at_one_account_does_not_keep_others_waiting(books):
    """A call that lacks room in its key's budget stands there, and its team's goes on for the others."""
    team = Budget(100 * HOLD, "month", scope="team:search")
    narrow, wide = who("narrow", Budget(HOLD, "day"), team), who("wide", team)
    first = await hold(books, ask(narrow))
    waiting = asyncio.ensure_future(books.hold(ask(narrow)))
    await asyncio.sleep(0.02)
    end(books, await asyncio.wait_for(hold(books, ask(wide)), 0.2), HOLD)
    assert not waiting.done()
    books.release(first)
    books.release(await waiting)


async def test_a_call_goes_from_one_queue_to_the_next(books):
    team = Budget(HOLD, "month", scope="team:search")
    caller, other = who("k1", Budget(HOLD, "day"), team), who("k2", team)
    first = await hold(books, ask(caller))
    waiting = asyncio.ensure_future(books.hold(ask(caller)))
    await asyncio.sleep(0.02)
    books.release(first)
    taken = books.hold(ask(other))
    if not hasattr(taken, "nano"):
        taken = await taken
    await asyncio.sleep(0.02)
    books.release(taken)
    books.release(await waiting)
    assert books.in_flight == books.waiting == 0
    assert all(one.line is None for one in books._purses.accounts.values())


@pytest.fixture
def told() -> list[Any]:
    return []


async def soft_books(journal, store, told) -> LedgerBooks:
    return LedgerBooks(journal, store, wait_seconds=10.0, on_soft=lambda budget, used: told.append((budget.name, used)))


async def test_a_soft_budget_refuses_nothing_and_is_told_once(journal, stores, told):
    books = await soft_books(journal, stores("a", 1), told)
    caller = who("k1", Budget(2 * HOLD, "day", hard=False, name="watch", scope="team:x"))
    for _ in range(4):
        end(books, await hold(books, ask(caller)), HOLD)
        await eventually(lambda: all(one._asking is None for one in books._purses.softs.values()))
    assert told == [("watch", 3 * HOLD)]
    records = [line[4] for line in lines(journal) if line[0] == "e"]
    assert [record.get("passed") for record in records] == [None, None, ["watch"], None]
    assert [one for one in lines(journal)[1][3][0][8]] == [["team:x", "", 0]], "summed up, granted by nobody"
    books.close()


async def test_what_was_spent_before_counts_for_a_soft_budget(journal, told):
    store = MemoryGrants()
    books = await soft_books(journal, store, told)
    budget = Budget(2 * HOLD, "total", hard=False, name="watch", scope="team:x")
    caller = who("k1", budget)
    books.release(await hold(books, ask(caller)))
    await asyncio.sleep(0.02)
    (soft,) = books._purses.softs.values()
    store.spending[soft.scope] = 5 * HOLD
    soft._asked = -1e9
    books.release(await hold(books, ask(caller)))
    await eventually(lambda: told)
    assert told == [("watch", 5 * HOLD)]
    books.close()


async def test_of_several_processes_one_tells(journal, told):
    first = MemoryGrants(2)
    both = [await soft_books(journal, store, told) for store in (first, MemoryGrants(2, first))]
    caller = who("k1", Budget(HOLD, "day", hard=False, name="watch"))
    for books in both:
        end(books, await hold(books, ask(caller)), HOLD)
        await asyncio.sleep(0.02)
        end(books, await hold(books, ask(caller)), HOLD)
        await asyncio.sleep(0.02)
    assert len(told) == 1
    for books in both:
        books.close()


async def test_housekeeping_goes_round_many_in_pieces(journal, monkeypatch):
    monkeypatch.setattr("headgate.ledger.tidy.IDLE_SHARED", 0.02)
    monkeypatch.setattr("headgate.ledger.tidy.AT_ONCE", 10)
    store = MemoryGrants(workers=4)
    books = LedgerBooks(journal, store)
    for number in range(60):
        end(books, await hold(books, ask(who(f"k{number}", Budget(10 * HOLD, "day"), TEAM))), 0)
    await eventually(lambda: books._purses.empty)
    assert sum(store.granted.values()) == 0
    books.close()
