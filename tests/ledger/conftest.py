"""What the tests of the ledger share: callers, calls, and a store of grants in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic, time_ns
from typing import TypeVar

import pytest

from headgate.access.types import Budget, Limits, Principal, Window
from headgate.core.ids import new_id
from headgate.core.money import Price, Usage
from headgate.core.record import Attempt, Record
from headgate.ledger.balances import Scope
from headgate.ledger.books import LedgerBooks
from headgate.ledger.grants import Answer, GrantStore, SqlGrants, slice_of
from headgate.ledger.journal import Journal
from headgate.ledger.types import Ask, Hold
from headgate.storage.desk import Desk

PRICE = Price(input=1_000_000, output=2_000_000)  # 1,000 and 2,000 nano-dollars a token
DAY = 86_400_000_000


T = TypeVar("T")


def now(value: T) -> Awaitable[T]:
    """An answer that is there already."""
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    answer.set_result(value)
    return answer


class MemoryGrants:
    """:class:`GrantStore` without a store: what is spent, and what each process was granted."""

    def __init__(self, workers: int = 1, shared: "MemoryGrants | None" = None) -> None:
        self.alone = workers == 1
        self.patience = 2
        self._workers = workers
        self.spending: dict[Scope, int] = shared.spending if shared else {}
        self.told: set[tuple[Scope, int]] = shared.told if shared else set()
        self.granted: dict[tuple[int, Scope], int] = shared.granted if shared else {}
        self.asked = 0

    def take(self, scope: Scope, cap: int, need: int, least: int) -> Awaitable[Answer]:
        self.asked += 1
        all_ = sum(max(nano, 0) for (_, s), nano in self.granted.items() if s == scope)
        others = sum(max(nano, 0) for (o, s), nano in self.granted.items() if s == scope and o != id(self))
        room = cap - self.spending.get(scope, 0) - all_
        granted = max(slice_of(room, need, least, self._workers), 0)
        self.give(scope, -granted)
        return now(Answer(granted, others + max(room - granted, 0)))

    def give(self, scope: Scope, nano: int) -> None:
        key = (id(self), scope)
        self.granted[key] = self.granted.get(key, 0) - nano

    def offer(self, scope: Scope, nano: int, ended: Callable[[bool], object]) -> None:
        self.give(scope, nano)
        ended(True)

    def renew(self) -> None:
        pass

    def spent(self, scope: Scope) -> Awaitable[int]:
        return now(self.spending.get(scope, 0))

    def first(self, scope: Scope, amount: int) -> Awaitable[bool]:
        new = (scope, amount) not in self.told
        self.told.add((scope, amount))
        return now(new)

    def drain(self, scope: Scope, nano: int) -> None:
        """What the drainer does with a charge."""
        self.spending[scope] = self.spending.get(scope, 0) + nano
        self.give(scope, nano)


def who(key: str = "k1", nano: int | None = None, window: Window = "day", **limits) -> Principal:
    budgets = (Budget(nano, window),) if nano is not None else ()
    return Principal(kind="key", id=key, tenant_id="t1", name="app", budgets=budgets, limits=Limits(**limits))


def ask(caller: Principal, *, input: int = 0, output: int = 50, **fields) -> Ask:
    """A call that costs 2,000 nano-dollars a token of output, 1,000 of input."""
    call = new_id()
    values = {
        "trace_id": call.replace("-", ""),
        "attempt": 1,
        "target": "local/mock",
        "price": PRICE,
        "min_output": 256,
    }
    return Ask(call_id=call, who=caller, input_tokens=input, output_tokens=output, **{**values, **fields})


def record(of: Ask, cost: int | None = 0, **fields) -> Record:
    provider, _, model = of.target.partition("/")
    tried = Attempt(provider=provider, model=model, started_ms=0.1, status=200, cost_nano=cost, billed="usage")
    values = {
        "id": of.call_id,
        "trace_id": of.trace_id,
        "at": time_ns() // 1000,
        "tenant_id": of.who.tenant_id,
        "key_id": of.who.id,
        "surface": "openai",
        "operation": "chat",
        "model_requested": "fast",
        "model_used": of.target,
        "provider_used": provider,
        "status": "success",
        "http_status": 200,
        "attempts": (tried,),
        "usage": Usage(input=10, output=20),
        "cost_nano": cost,
        "billed": "usage",
        "total_ms": 12.0,
        "overhead_ms": 0.2,
    }
    return Record(**{**values, **fields})


def hold_now(books: LedgerBooks, wanted: Ask) -> Hold:
    """For a caller without budgets: never waits."""
    found = books.hold(wanted)
    assert isinstance(found, Hold)
    return found


async def hold(books: LedgerBooks, wanted: Ask) -> Hold:
    found = books.hold(wanted)
    return found if isinstance(found, Hold) else await found


def end(books: LedgerBooks, taken: Hold, nano: int, tokens: int = 1) -> None:
    taken.charge_nano, taken.charge_tokens = nano, tokens
    books.end(record(taken.ask, nano), [taken])


async def eventually(holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until *holds* is true; fail where it never is."""
    until = monotonic() + seconds
    while not holds():
        assert monotonic() < until
        await asyncio.sleep(0.01)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal", sync_seconds=0.05)
    yield made
    made.close()


@pytest.fixture
def desk(database: Path) -> Iterator[Desk]:
    made = Desk(database)
    yield made
    made.close()


Stores = Callable[[str, int], GrantStore]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Makes the grant store of one process, by its name and the number of processes; all share one truth."""
    if request.param != "memory":
        shared = Desk(request.getfixturevalue("database" if request.param == "sqlite" else "migrated"))
        shared._budget = shared._budget and 10.0  # a busy machine is not a slow server
        yield lambda owner, workers: SqlGrants(shared, owner, workers)
        shared.close()
        return
    first: list[MemoryGrants] = []

    def make(owner: str, workers: int) -> GrantStore:
        first.append(MemoryGrants(workers, first[0] if first else None))
        return first[-1]

    yield make
