"""A budget and four processes: holds, ends, aborts, retries, crashes and restarts in any order, without a pipeline."""

import asyncio
from random import Random
from typing import Any, cast

from headgate.access.types import Budget, Principal
from headgate.core.errors import BudgetSpent, Unavailable
from headgate.core.money import Price
from headgate.core.record import Record
from headgate.ledger.books import LedgerBooks
from headgate.ledger.types import Ask, Hold
from tests.simulation.clock import Loop
from tests.simulation.stores import Grants, Journal, Store

PROCESSES = 4
STEPS = 25
PRICE = Price(output=1_000_000)
CAP = 250_000
HOLD = 4_000  # nano-dollars of the smallest call: less than two percent of the cap


class Process:
    def __init__(self, store: Store, loop: Loop, name: str) -> None:
        self.journal = Journal(name, lambda line: None)
        self.books = LedgerBooks(
            cast(Any, self.journal), Grants(store, name, PROCESSES), clock=loop.since_1970, wait_seconds=0.4
        )
        self.holds: list[Hold] = []


class Schedule:
    """One order of things; ``run`` returns how much of the budget was used."""

    def __init__(self, loop: Loop, seed: int) -> None:
        self.loop, self.dice = loop, Random(seed)
        self.store = Store(loop, self.dice)
        self.who = Principal(kind="key", id="k1", tenant_id="t1", name="k1", budgets=(Budget(CAP, "total"),))
        self.processes = [Process(self.store, loop, f"p{number}") for number in range(PROCESSES)]
        self.gone: list[Process] = []
        self.spent = self.made = self.calls = 0
        self.waiting: set[asyncio.Task[None]] = set()

    @property
    def held(self) -> int:
        return sum(hold.nano for process in self.processes for hold in process.holds)

    def check(self) -> None:
        assert self.spent + self.held <= CAP, f"{self.spent} spent and {self.held} held of {CAP}"

    async def take(self, process: Process, tokens: int, attempt: int = 1, call_id: str = "") -> bool:
        self.calls += 1
        ask = Ask(
            call_id=call_id or f"c{self.calls}", trace_id="", attempt=attempt, who=self.who, target="a/m", price=PRICE,
            input_tokens=0, output_tokens=tokens, min_output=1, clamp=self.dice.random() < 0.5,
        )  # fmt: skip
        try:
            found = process.books.hold(ask)
            hold = found if isinstance(found, Hold) else await found
        except (BudgetSpent, Unavailable):
            return False
        if not process.journal.dead:
            process.holds.append(hold)
            self.check()
        return True

    def end(self, process: Process, share: float) -> None:
        hold = process.holds.pop(self.dice.randrange(len(process.holds)))
        hold.charge_nano, hold.charge_tokens = int(hold.nano * share), 1
        self.spent += hold.charge_nano
        ask = hold.ask
        record = Record(
            id=ask.call_id, trace_id="", at=hold.at, tenant_id="t1", key_id="k1", surface="s", operation="chat",
            status="success", http_status=200,
        )  # fmt: skip
        for _ in range(self.dice.choice((1, 2))):
            process.books.end(record, [hold])

    def crash(self, process: Process) -> None:
        self.spent += sum(hold.nano for hold in process.journal.open_holds())  # nobody may have heard of some yet
        process.holds, process.journal.dead = [], True
        self.store.dead.add(process.journal.id)
        process.books.close()
        self.gone.append(process)
        self.made += 1
        self.processes[self.processes.index(process)] = Process(self.store, self.loop, f"r{self.made}")

    async def step(self) -> None:
        dice = self.dice
        process, doing = dice.choice(self.processes), dice.random()
        if doing < 0.5:
            tokens = dice.choice((4, 4, 20, 60))
            task = self.loop.create_task(cast(Any, self.take(process, tokens)))
            self.waiting.add(task)
            task.add_done_callback(self.waiting.discard)
            if dice.random() < 0.2:
                self.loop.call_later(dice.random(), task.cancel)
        elif doing < 0.7 and process.holds:
            self.end(process, dice.choice((0.0, 0.4, 1.0)))
        elif doing < 0.8 and process.holds:
            hold = process.holds.pop()
            process.books.release(hold)
            await self.take(process, 4, hold.ask.attempt + 1, hold.ask.call_id)  # a retry after a try that cost nothing
        elif doing < 0.84:
            self.crash(process)
        elif doing < 0.87:
            self.store.down_until = self.loop.now + dice.choice((0.1, 1.0))
        self.drain(again=dice.random() < 0.1)
        await asyncio.sleep(dice.choice((0.0, 0.002, 0.1)))
        self.check()

    def drain(self, *, again: bool = False) -> None:
        for each in (*self.processes, *self.gone):
            self.store.drain(each.journal, again)

    async def run(self) -> float:
        for _ in range(STEPS):
            await self.step()
        self.store.down_until = 0.0
        if self.waiting:
            await asyncio.wait(self.waiting)
        for process in self.processes:
            while process.holds:
                self.end(process, 1.0)
        while True:  # what is left can be spent, by whichever process
            await asyncio.sleep(0.12)
            self.drain()
            if not any([await self.take(process, HOLD // 1000) for process in self.processes]):
                break
            for process in self.processes:
                while process.holds:
                    self.end(process, 1.0)
            self.check()
        self.drain()
        ledger = sum(charge.nano for _, charge in self.store.ledger.values())
        assert ledger == self.spent == self.store.balances.get(("k1", "t", 0), [0])[0], "the ledger is what was charged"
        for process in self.processes:
            assert not process.journal.open, "holds that never ended"
            process.books.close()
        return self.spent / CAP
