"""The books as a state machine: any order of holds, ends, waits, crashes and drains keeps what is promised.

At every step, for every scope: spent + held <= cap (+ what was charged above its hold), and the ledger in the database
is the sum of the charges, to the last nano-dollar, once the journals are drained.
"""

import asyncio
import atexit
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from headgate.core.errors import BudgetSpent, Unavailable
from headgate.ledger.books import LedgerBooks
from headgate.ledger.drain import Drainer
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.ledger.types import Hold
from headgate.storage.desk import Desk
from headgate.storage.sqlite import connect
from headgate.storage.upgrade import ensure
from tests.clock import Nanoseconds
from tests.ledger.conftest import DAY, ask, record, who

CAP = 10_000
KEYS = ("k1", "k2")
GRANTS = "SELECT owner, scope, start, SUM(amount) FROM grants GROUP BY 1, 2, 3 HAVING SUM(amount) <> 0"


class Process:
    """A worker, as far as money goes."""

    def __init__(self, home: Path, workers: int, clock: Nanoseconds) -> None:
        self.desk = Desk(home / "headgate.db")
        self.journal = Journal(home / "journal", segment_bytes=500, sync_seconds=30)
        self.books = LedgerBooks(
            self.journal, SqlGrants(self.desk, self.journal.id, workers), clock=clock, wait_seconds=0.15
        )

    def crash(self) -> None:
        """Die without a word: nothing is flushed, ended or given back; only the kernel lets go of the lock."""
        self.books._tidy.stop()
        self.journal.flush = lambda: True  # type: ignore[method-assign]
        self.journal.close()
        self.desk.close()


class Ledger(RuleBasedStateMachine):
    holds = Bundle("holds")

    @initialize(workers=st.sampled_from([1, 3]))
    def begin(self, workers: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.home = Path(tempfile.mkdtemp(prefix="machine_"))
        shutil.copy(template(), self.home / "headgate.db")
        self.clock = Nanoseconds(20_000 * DAY * 1000)
        self.workers = workers
        self.processes = [Process(self.home, workers, self.clock) for _ in range(workers)]
        self.drainer = Drainer(self.home / "journal", self.home / "headgate.db")
        self.open: dict[int, tuple[int, Hold]] = {}
        self.charged: dict[tuple[str, int], int] = {}
        self.overshoot: dict[tuple[str, int], int] = {}
        self.calls = 0

    def run(self, awaitable):
        async def body():
            return await awaitable() if callable(awaitable) else await awaitable

        return self.loop.run_until_complete(body())

    def scope(self, hold: Hold) -> tuple[str, int]:
        return hold.ask.who.id, hold.at // DAY

    @rule(
        target=holds,
        key=st.sampled_from(KEYS),
        process=st.integers(0, 2),
        output=st.integers(1, 3),
        clamp=st.booleans(),
    )
    def take(self, key: str, process: int, output: int, clamp: bool) -> int:
        number = process % self.workers
        books = self.processes[number].books
        wanted = ask(who(key, nano=CAP), output=output, min_output=1, clamp=clamp)

        async def attempt() -> Hold | None:
            try:
                found = books.hold(wanted)
                return found if isinstance(found, Hold) else await found
            except (BudgetSpent, Unavailable):
                return None

        hold = self.run(attempt)
        if hold is None:
            return -1
        self.calls += 1
        self.open[self.calls] = (number, hold)
        return self.calls

    def charge(self, hold: Hold, nano: int) -> None:
        scope = self.scope(hold)
        self.charged[scope] = self.charged.get(scope, 0) + nano
        self.overshoot[scope] = self.overshoot.get(scope, 0) + max(nano - hold.nano, 0)

    @rule(which=consumes(holds), share=st.sampled_from([0.0, 0.5, 1.0, 1.2]), twice=st.booleans())
    def end(self, which: int, share: float, twice: bool) -> None:
        if which not in self.open:
            return
        number, hold = self.open.pop(which)
        hold.charge_nano, hold.charge_tokens = int(hold.nano * share), 1
        self.charge(hold, hold.charge_nano)

        async def settle() -> None:
            for _ in range(2 if twice else 1):
                self.processes[number].books.end(record(hold.ask, hold.charge_nano), [hold])

        self.run(settle)

    @rule(which=consumes(holds))
    def release(self, which: int) -> None:
        if which not in self.open:
            return
        number, hold = self.open.pop(which)

        async def let_go() -> None:
            self.processes[number].books.release(hold)

        self.run(let_go)

    @rule()
    def drain(self) -> None:
        self.drainer.drain()

    @rule()
    def drain_all_and_compare(self) -> None:
        """Every process was granted exactly what it has free or held: all else is spent, or somebody else's."""
        self.drainer.recover()
        expected: dict[tuple[str, str, int], int] = {}
        for number, process in enumerate(self.processes):
            self.run(lambda desk=process.desk: desk.ask(lambda con: None))
            accounts = {id(a): a for a in process.books._purses.accounts.values()}
            accounts |= {id(a): a for n, hold in self.open.values() if n == number for a in hold.parts.accounts}
            for account in accounts.values():
                key = (process.journal.id, account.scope.id, account.scope.start)
                expected[key] = expected.get(key, 0) + account.free + account.held
        con = connect(self.home / "headgate.db")
        found = {(o, s, start): amount for o, s, start, amount in con.execute(GRANTS)}
        con.close()
        assert found == {key: nano for key, nano in expected.items() if nano}

    @rule()
    def restart_the_drainer(self) -> None:
        self.drainer._release()
        self.drainer = Drainer(self.home / "journal", self.home / "headgate.db")

    @rule(process=st.integers(0, 2))
    def crash(self, process: int) -> None:
        number = process % self.workers
        self.processes[number].crash()
        for call, (owner, hold) in list(self.open.items()):
            if owner == number:
                del self.open[call]
                self.charge(hold, hold.nano)
        self.drainer.recover()
        self.processes[number] = Process(self.home, self.workers, self.clock)

    @precondition(lambda self: self.workers > 1)
    @rule()
    def idle(self) -> None:
        self.run(lambda: asyncio.sleep(0.16))

    @rule()
    def midnight(self) -> None:
        self.clock.now = (self.clock.now // (DAY * 1000) + 1) * DAY * 1000

    @invariant()
    def never_over_the_cap(self) -> None:
        if not hasattr(self, "open"):
            return
        for scope in {self.scope(hold) for _, hold in self.open.values()} | self.charged.keys():
            held = sum(hold.nano for _, hold in self.open.values() if self.scope(hold) == scope)
            assert self.charged.get(scope, 0) + held <= CAP + self.overshoot.get(scope, 0)

    @invariant()
    def the_store_covers_what_is_held(self) -> None:
        if not hasattr(self, "open"):
            return
        for process in self.processes:
            for account in process.books._purses.accounts.values():
                assert account.held >= 0
                assert account.free >= 0

    def teardown(self) -> None:
        if not hasattr(self, "open"):
            return
        try:
            self.account_for_everything()
        finally:
            self.drainer.stop()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()
            shutil.rmtree(self.home)

    def account_for_everything(self) -> None:
        for process in self.processes:
            process.crash()
        for _, hold in self.open.values():
            self.charge(hold, hold.nano)
        self.drainer.recover()
        con = connect(self.home / "headgate.db")
        by_day = "SELECT key_id, at / 86400000000, SUM(nano) FROM ledger GROUP BY 1, 2 HAVING SUM(nano)"
        found = {(scope, day): nano for scope, day, nano in con.execute(by_day)}
        sums = "SELECT scope, SUM(nano) FROM balances WHERE period = ? AND scope IN ('k1', 'k2') GROUP BY 1 HAVING SUM(nano)"
        days, balances = (dict(con.execute(sums, (period,))) for period in "dt")
        grants = con.execute("SELECT * FROM grants").fetchall()
        con.close()
        assert found == {scope: nano for scope, nano in self.charged.items() if nano}
        by_key: dict[str, int] = {}
        for (key, _), nano in self.charged.items():
            by_key[key] = by_key.get(key, 0) + nano
        assert balances == days == {key: nano for key, nano in by_key.items() if nano}
        assert grants == [], "nothing is lent to the dead"
        assert [path.name for path in (self.home / "journal").iterdir()] == ["drain.lock"]


_template: list[Path] = []


def template() -> Path:
    if not _template:
        path = Path(tempfile.mkdtemp(prefix="machine_template_")) / "headgate.db"
        atexit.register(shutil.rmtree, path.parent)
        ensure(f"sqlite:///{path}")
        _template.append(path)
    return _template[0]


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
