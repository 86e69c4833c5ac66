"""One simulation: what happens, and what must be true of it at every step and at its end."""

import asyncio
import json
from bisect import insort
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any, cast

import msgspec

from headgate.access.types import NO_LIMITS, Budget, Limits, Principal, Subject
from headgate.config.compile import compile_config
from headgate.config.known import known
from headgate.config.load import loads
from headgate.config.standing import standing_of
from headgate.core.call import Call
from headgate.core.errors import RateLimited
from headgate.dialects import openai_chat
from headgate.ledger.balances import WINDOWS
from headgate.ledger.books import LedgerBooks
from headgate.ledger.lines import CARRIED, END, HOLD, KIND, HoldLine
from headgate.ledger.meters import LocalMeter
from headgate.ledger.shared_meter import SharedMeter
from headgate.ledger.tidy import IDLE_ALONE
from headgate.ledger.types import Ask, Hold
from headgate.ledger.windows import bounds
from headgate.limits.bound import bound_by, bound_for
from headgate.limits.gate import LocalGate
from headgate.limits.shared import SharedGate
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.routing.health import Health
from tests.pipeline.stage import Caller
from tests.simulation.clock import Loop, simulated
from tests.simulation.network import CONFIG, PRICES, Network, Served
from tests.simulation.stores import Grants, Journal, Rates, Store

NETWORK = Network()
COMPILED = compile_config(loads(CONFIG, {}, known({})), {}, cast(Any, NETWORK))
STANDING = standing_of(COMPILED.config.limits)
_hold = msgspec.json.Decoder(HoldLine).decode


class Wrong(AssertionError):
    """What must be true was not."""


def must(true: object, what: str, *of: object) -> None:
    if not true:
        raise Wrong(" ".join([what, *map(repr, of)]))


class Bucket:
    """What a rate limit allows, in exact fractions: written apart from the program's own arithmetic.

    A unit may have been taken at any time from when it was asked for, as the store's answer takes a while to come: what
    is here is the most that may be, whichever of them the store took first.
    """

    def __init__(self, limit: float, seconds: int) -> None:
        self.size, self.rate = Fraction(limit), Fraction(limit) / (seconds * 10**9)
        self.asked: list[int] = []

    def room(self, now: int) -> Fraction:
        full = max((at + (len(self.asked) - place) / self.rate for place, at in enumerate(self.asked)), default=0)
        return self.size - max(full - now, 0) * self.rate

    def take(self, asked: int) -> None:
        insort(self.asked, asked)


class Reference:
    """The limits of every scope, as they should be kept."""

    def __init__(self, loop: Loop, exact: bool) -> None:
        self.loop, self.exact = loop, exact
        self.buckets: dict[tuple[str, int], Bucket] = {}
        self.inflight: dict[str, int] = {}

    def scopes(self, who: Principal, end_user: str | None) -> list[tuple[str, Limits]]:
        found = bound_by(who, STANDING)
        if end_user is not None and (one := bound_for(who, end_user, STANDING)) is not None:
            found.append(one)
        return [(one.scope, one.limits) for one in found]

    def decide(self, scopes: list[tuple[str, Limits]], admitted: bool, asked: int | None = None) -> None:
        now, allowed, buckets = self.loop.nanoseconds(), True, []
        for scope, limits in scopes:
            for limit, seconds in ((limits.rps, 1), (limits.rpm, 60)):
                if limit is not None:
                    key = (scope, seconds)
                    bucket = self.buckets.setdefault(key, Bucket(limit, seconds))
                    buckets.append(bucket)
                    allowed = allowed and bucket.room(now) >= 1
            allowed = allowed and (limits.concurrency is None or self.inflight.get(scope, 0) < limits.concurrency)
        must(allowed or not admitted, "a limit was exceeded", scopes)
        must(admitted or not allowed or not self.exact, "a request was refused for which there was room", scopes)
        if admitted:
            for bucket in buckets:
                bucket.take(now if asked is None else asked)
            for scope, _ in scopes:
                self.inflight[scope] = self.inflight.get(scope, 0) + 1

    def release(self, scopes: list[tuple[str, Limits]]) -> None:
        for scope, _ in scopes:
            self.inflight[scope] -= 1


class Watched:
    """A gate, and beside it what it should say."""

    def __init__(self, gate: Any, reference: Reference) -> None:
        self.gate, self.reference = gate, reference
        self.held: list[Any] = []

    def admit(self, who: Principal, end_user: str | None = None) -> Any:
        return self._watch(lambda: self.gate.admit(who, end_user), self.reference.scopes(who, end_user))

    def enter(self, target: str) -> Any:
        limits = STANDING.models.get(target, NO_LIMITS)
        return self._watch(lambda: self.gate.enter(target), [(f"model:{target}", limits)])

    def _watch(self, ask: Any, scopes: list[tuple[str, Limits]]) -> Any:
        try:
            slot = ask()
        except RateLimited:
            self.reference.decide(scopes, False)
            raise
        if hasattr(slot, "__await__"):
            return self._later(slot, scopes)
        self.reference.decide(scopes, True)
        return Slot(self, slot, scopes)

    async def _later(self, waiting: Any, scopes: list[tuple[str, Limits]]) -> Any:
        asked = self.reference.loop.nanoseconds()
        slot = await waiting
        self.reference.decide(scopes, True, asked)
        return Slot(self, slot, scopes)


class Slot:
    def __init__(self, watched: Watched, slot: Any, scopes: list[tuple[str, Limits]]) -> None:
        self._watched, self._slot, self._scopes = watched, slot, scopes
        watched.held.append(self)

    def lines(self) -> str:
        return str(self._slot.lines())

    def release(self) -> None:
        if self in self._watched.held:
            self._watched.held.remove(self)
            self._watched.reference.release(self._scopes)
        self._slot.release()


class Process:
    """One worker."""

    def __init__(self, world: "World", number: int) -> None:
        loop, store = world.loop, world.store
        self.journal = Journal(f"p{number}", lambda line: world.seen(self, line))
        self.alive = True
        owner, count = self.journal.id, world.count
        rates = Rates(store, owner, count)
        if count == 1:
            gate: Any = LocalGate(loop.nanoseconds, STANDING)
        else:
            gate = SharedGate(rates, loop.nanoseconds, STANDING)
        self.gate = Watched(gate, world.reference)
        self.books = LedgerBooks(
            cast(Any, self.journal),
            Grants(store, owner, count),
            meter=lambda scope, limit: (
                LocalMeter(limit, loop.nanoseconds)
                if count == 1
                else SharedMeter(rates, scope, limit, loop.nanoseconds)
            ),
            clock=loop.since_1970,
            standing=STANDING,
        )
        self.parts = Parts(
            principals=cast(Any, world),
            gate=cast(Any, self.gate),
            books=self.books,
            snapshot=COMPILED.snapshot,
            count_tokens=world.count_tokens,
            estimate_output=lambda size: size // 4,
            log_error=world.fault,
            health=Health(),
        )
        self.tasks: dict[asyncio.Task[None], Caller] = {}


@dataclass
class Open:
    """A hold that a journal has told of and not ended."""

    line: HoldLine
    owner: str


@dataclass
class World:
    """Everything, under one seed."""

    seed: int
    loop: Loop
    dice: Random
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = self.dice
        self.store = Store(self.loop, dice)
        NETWORK.begin(self.loop, dice, self.asked)
        self.count = dice.choice((1, 1, 3))
        self.reference = Reference(self.loop, exact=self.count == 1)
        self.open: dict[tuple[str, int], Open] = {}
        self.charged: dict[tuple[str, int], tuple[int, int, str]] = {}
        self.used: dict[tuple[str, str, int], int] = {}
        self.over: dict[tuple[str, str, int], int] = {}
        self.began: dict[str, Principal] = {}
        self.calls: dict[int, tuple[Call, Caller]] = {}
        self.faults: list[BaseException] = []
        self.cut: set[int] = set()
        """Callers whose process died before they had their answer."""
        self.who: list[Principal] = []
        self.now: Principal
        self._principals()
        self.made = self.count
        self.processes = [Process(self, number) for number in range(self.count)]
        self.gone: list[Process] = []

    # what the program is handed

    def authenticate(self, *_: Any) -> Principal:
        return self.now

    async def count_tokens(self, request: Any) -> int:
        return 10

    def fault(self, call: Call, error: BaseException) -> None:
        self.faults.append(error)

    def asked(self, one: Served) -> None:
        """A provider is asked: it is not one that said when to come back, unless the other is shut as well."""
        task = asyncio.current_task()
        process = next((each for each in self.processes if task in each.tasks), None)
        if process is None or not process.alive:
            return
        one.owner = process.journal.id
        same = [each for each in NETWORK.served if (each.owner, each.provider) == (one.owner, one.provider)]
        for earlier in same:
            told = earlier.outcome == "busy" and earlier.done > 0 and earlier.done + 1 < self.calls[one.call][0].t0
            worked = any(each.outcome == "whole" and each.at + 6 > earlier.done for each in same)  # others' went well
            if told and one.at < earlier.done + 29 and not worked:
                other = "b/m" if one.provider == "a" else "a/m"
                must(process.parts.health.shut(other), "asked though it had said when to come back", one)

    # who there is

    def _principals(self) -> None:
        dice = self.dice
        hold = 3_000_000  # what a call costs at most, about
        zone = dice.choice(("UTC", "Asia/Kathmandu", "America/St_Johns"))
        team = Budget(hold * dice.randint(5, 40), "month", scope="team:s", name="budget 'team'")
        tenant = Budget(hold * dice.randint(20, 80), "day", scope="tenant:t1", name="budget 'tenant'")
        end_user = Budget(hold * dice.randint(3, 20), "week", scope="budget:e", each="end_user", name="budget 'e'")
        model = Budget(hold * dice.randint(3, 30), "total", scope="budget:m", when=(("model", "a/m"), ("tag", "x")))
        tokens = Budget(1500 * dice.randint(3, 40), "day", unit="tokens", scope="team:s")
        soft = Budget(hold * 5, "month", scope="team:s", hard=False, name="soft")
        above = tuple(each for each in (team, tenant, end_user, model, tokens, soft) if dice.random() < 0.6)
        subjects = [
            Subject("tenant", "t1", "t1", Limits(rps=dice.choice((2, 5, None)), tpm=dice.choice((None, 20_000)))),
            Subject("team", "s", "s", Limits(rpm=dice.choice((20, 60)), concurrency=dice.choice((None, 3, 6)))),
        ]
        for number in range(3):
            own = Budget(hold * dice.randint(2, 30), dice.choice(("day", "month")))
            self.who.append(
                Principal(
                    kind="key",
                    id=f"k{number}",
                    tenant_id="t1",
                    team_id="s",
                    name=f"k{number}",
                    zone=zone,
                    limits=Limits(rpm=dice.choice((10, 30, None)), concurrency=dice.choice((2, None))),
                    subjects=tuple(subjects) if number else (),
                    budgets=(*((own,) if dice.random() < 0.7 else ()), *(above if number else above[:1])),
                    end_user_limits=Limits(rpm=12) if dice.random() < 0.3 else NO_LIMITS,
                    tags=("x",) if number == 2 else (),
                )
            )

    # what is true of a hold

    def expected(self, who: Principal, line: HoldLine) -> dict[tuple[str, str, int], int]:
        """The windows that a hold has to name, each with its cap: worked out apart from the program."""
        found: dict[tuple[str, str, int], int] = {}
        told: dict[str, list[str | None]] = {
            "end_user": [line.end_user],
            "tag": list(line.tags),
            "model": [line.target],
        }
        for budget in who.budgets:
            if not budget.hard or any(value not in told[kind] for kind, value in budget.when):
                continue
            for value in told[budget.each] if budget.each else [""]:
                if value is not None:
                    id = (budget.scope or who.id) + (f":{value}" if budget.each else "")
                    letter = WINDOWS[budget.window]
                    period = letter if budget.unit == "nano" else letter.upper()
                    key = (id, period, bounds(budget.window, line.at, who.zone)[0])
                    found[key] = min(budget.amount, found.get(key, budget.amount))
        return found

    def seen(self, process: Process, line: bytes) -> None:
        """A line was written: the truth of every instant."""
        try:
            self._seen(process, line)
        except Exception as error:
            self.faults.append(error)  # whoever wrote it may have nobody to tell
            raise

    def _seen(self, process: Process, line: bytes) -> None:
        kind = line[KIND]
        if kind in (HOLD, CARRIED):
            self._held(process, _hold(line))
        elif kind == END:
            _, call_id, _, charges, record = msgspec.json.decode(line)
            # one for which a budget had no room is on record, and never left
            left = [one for one in record.get("attempts", ()) if one.get("outcome") != "insufficient_quota"]
            must(len(left) <= 3, "more tries than the route allows", call_id)
            for attempt, at, scope, nano, tokens, billed, *_ in charges:
                self._charged(call_id, attempt, at, scope, nano, tokens, billed)
            for key in [key for key in self.open if key[0] == call_id]:
                self._let_go(key)
        else:
            _, call_id, attempt = msgspec.json.decode(line)
            must((call_id, attempt) in self.open, "what was given back was not held", call_id)
            self._let_go((call_id, attempt))

    def _held(self, process: Process, line: HoldLine) -> None:
        key = (line.call_id, line.attempt)
        must(key not in self.open and key not in self.charged, "held twice", key)
        must(line.at == self.loop.since_1970() // 1000, "a hold bears another instant than its own", key)
        self.open[key] = Open(line, process.journal.id)
        named = {tuple(paid) for paid in line.scopes if paid[1]}
        before = self.expected(self.began.get(line.call_id) or self.who[int(line.scope[1:])], line)
        after = self.expected(self.who[int(line.scope[1:])], line)
        must(named in (set(before), set(after)), "a hold names other scopes than bind it", named, set(after))
        for scope in named:
            paid = cast(tuple[str, str, int], scope)
            self.used[paid] = self.used.get(paid, 0) + (line.nano if paid[1].islower() else line.tokens)
            cap = max(before.get(paid, 0), after.get(paid, 0)) + self.over.get(paid, 0)
            must(self.used[paid] <= cap, "spent and held pass the budget", paid, self.used[paid], cap)

    def _let_go(self, key: tuple[str, int]) -> HoldLine:
        line = self.open.pop(key).line
        for paid in line.scopes:
            if paid[1]:
                self.used[paid] -= line.nano if paid[1].islower() else line.tokens
        return line

    def _charged(self, call_id: str, attempt: int, at: int, scope: str, nano: int, tokens: int, billed: str) -> None:
        key = (call_id, attempt)
        must(key in self.open, "charged without a hold, or twice", key)
        line = self._let_go(key)
        must(at == line.at, "charged to another instant than that of the hold", key)
        must(nano <= line.nano and tokens <= line.tokens, "a provider that keeps to its limit cost more than was held")
        self.charged[key] = (nano, tokens, billed)
        for paid in line.scopes:
            if paid[1]:
                self.used[paid] += nano if paid[1].islower() else tokens

    # what happens

    def step(self) -> None:
        dice = self.dice
        living = [one for one in self.processes if one.alive]
        doing = dice.random()
        if doing < 0.55 and living:
            self.call(dice.choice(living))
        elif doing < 0.65:
            self.leave()
        elif doing < 0.69 and living:
            self.crash(dice.choice(living))
        elif doing < 0.72:
            self.change()
        elif doing < 0.75:
            self.store.down_until = self.loop.now + dice.choice((0.1, 2.0, 8.0))
        elif doing < 0.77:
            self.pass_time(dice.choice((3600.0, 40_000.0, 90_000.0)))
        elif doing < 0.90:
            self.pass_time(dice.choice((0.005, 0.05, 0.5, 2.0, 20.0)))
        else:
            self.drain()
        self.pass_time(dice.choice((0.0, 0.0, 0.01, 0.3)))

    def call(self, process: Process) -> None:
        dice, number = self.dice, len(self.calls)
        body = {"model": "fast", "messages": [{"role": "user", "content": str(number)}], "stream": dice.random() < 0.3}
        body["max_tokens"] = dice.choice((5, 50, 400, 400))
        caller = Caller(json.dumps(body).encode())
        headers = [(b"content-type", b"application/json")]
        if dice.random() < 0.4:
            headers.append((b"x-headgate-user", dice.choice((b"ann", b"bob"))))
        if dice.random() < 0.3:
            headers.append((b"x-headgate-tags", b"x"))
        if dice.random() < 0.2:
            headers.append((b"x-headgate-clamp", b"off"))
        call = Call(
            surface="openai", operation="chat", dialect=openai_chat, link=caller, t0=self.loop.now, headers=headers
        )
        who = self.began[call.id] = dice.choice(self.who)
        self.calls[number] = (call, caller)

        async def answer() -> None:
            self.now = who
            caller.task = asyncio.current_task()
            await run(call, process.parts)

        task = self.loop.create_task(answer())
        process.tasks[task] = caller
        task.add_done_callback(lambda done: process.tasks.pop(done, None))

    def leave(self) -> None:
        here = [caller for process in self.processes if process.alive for caller in process.tasks.values()]
        if here and (caller := self.dice.choice(here)).task is not None:
            caller.leave()

    def crash(self, process: Process) -> None:
        """It is gone in the midst of everything: what it had in mind comes to nothing."""
        self.trace.append(f"{process.journal.id} dies")
        process.alive, process.journal.dead = False, True
        self.store.dead.add(process.journal.id)
        process.books._tidy.stop()
        for line in process.journal.open_holds():
            key = (line.call_id, line.attempt)
            if key in self.open:
                self._charged(*key, line.at, line.scope, line.nano, line.tokens, "uncertain")
        for slot in list(process.gate.held):
            process.gate.held.remove(slot)
            self.reference.release(slot._scopes)
        for task, caller in list(process.tasks.items()):
            if not caller.ended:
                self.cut.add(id(caller))
            task.cancel()
        process.books._waiting.close()
        self.gone.append(process)
        self.pass_time(0.0)
        self.store.drain(process.journal, again=False)
        if not process.journal.closed:  # its places are lent until somebody may say that it is dead
            self.pass_time(10.0)
            self.store.drain(process.journal, again=False)
        if self.count == 1:
            self.reference.buckets.clear()  # a single process keeps them in its memory alone
        self.processes[self.processes.index(process)] = Process(self, self.made)
        self.made += 1

    def change(self) -> None:
        """Somebody's budget is raised or lowered."""
        number = self.dice.randrange(len(self.who))
        who = self.who[number]
        own = [one for one in who.budgets if not one.scope]
        if own:
            changed = msgspec.structs.replace(own[0], amount=int(own[0].amount * self.dice.choice((0.5, 2.0))))
            others = tuple(one for one in who.budgets if one.scope)
            self.who[number] = msgspec.structs.replace(who, budgets=(changed, *others))

    def drain(self) -> None:
        for process in (*self.processes, *self.gone):
            self.store.drain(process.journal, again=self.dice.random() < 0.1)

    def pass_time(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))
        if self.faults:
            raise self.faults[0]

    # how it ends

    def finish(self) -> None:
        self.store.down_until = 0.0
        for _ in range(40):
            self.pass_time(60.0)
            if not any(process.tasks for process in self.processes):
                break
        self.drain()
        must(not self.open, "holds that never ended", list(self.open))
        for process in self.processes:
            must(not process.tasks, "calls that never end")
            must(not process.journal.open and not process.books.waiting, "the books are not empty")
            must(not process.gate.held, "places that were never given back")
            for account in process.books._purses.accounts.values():
                must(account.held == 0 and account.line is None, "an account still holds something", account)
        self._answers()
        self._sums()
        self.pass_time(3 * IDLE_ALONE)
        for paid, by_owner in self.store.grants.items():
            must(not any(by_owner.values()), "room that nobody uses was not given back, or twice", paid, by_owner)
        self._usable()

    def _answers(self) -> None:
        """Who was told a whole answer has paid what its provider says, once; what is known to be free is free."""
        rows: dict[str, dict[int, tuple[int, int, str]]] = {}
        for (call_id, attempt), charge in self.charged.items():
            rows.setdefault(call_id, {})[attempt] = charge
        served: dict[int, list[Any]] = {}
        for one in NETWORK.served:
            served.setdefault(one.call, []).append(one)
        for number, (call, caller) in self.calls.items():
            asked, paid = served.get(number, []), rows.get(call.id, {})
            free = [one for one in asked if one.outcome in ("unreachable", "busy", "fault")]
            answered = caller.ended and id(caller) not in self.cut
            must(len(paid) <= len(asked) - len(free) or not answered, "paid for what was free", number, paid, asked)
            if answered and caller.status == 200 and asked and asked[-1].outcome == "whole":
                last = asked[-1]
                price = PRICES[last.provider]
                owed = (price.cost(last.usage), last.usage.total, "usage")
                must(owed in paid.values(), "an answer was not paid as its provider counted", number, owed, paid)

    def _sums(self) -> None:
        """The ledger is what was charged, and balances are sums of the ledger, to the last unit."""
        stored = {key: (charge.nano, charge.tokens, charge.billed) for key, (_, charge) in self.store.ledger.items()}
        expected = {key: charge for key, charge in self.charged.items() if charge[0] or charge[1]}
        must(stored == expected, "the ledger differs from what was charged", set(stored) ^ set(expected))
        nano = sum(charge[0] for charge in expected.values())
        for period in "dt":
            rows = [sums for (id, kind, _), sums in self.store.balances.items() if id == "tenant:t1" and kind == period]
            must(sum(sums[0] for sums in rows) == nano, "a balance differs from its ledger", period)
        for (id, period, _), used in self.used.items():
            if period in "tT":
                sums = self.store.balances.get((id, "t", 0), [0, 0])
                must(used == sums[period == "T"] or not used, "spent is not the sum of the charges", id, used, sums)

    def _usable(self) -> None:
        """Of a budget that nobody else is using, all but two percent can be spent."""
        if self.seed % 4:
            return
        process, budget = self.processes[0], Budget(10**9, "month")
        who = Principal(kind="key", id="k9", tenant_id="t1", name="k9", budgets=(budget,))

        async def spend() -> int:
            spent = 0
            for number in range(200):
                wanted = Ask(
                    call_id=f"usable-{number}", trace_id="", attempt=1, who=who, target="a/m", price=PRICES["a"],
                    input_tokens=0, output_tokens=10_000, clamp=False,
                )  # fmt: skip
                try:
                    found = process.books.hold(wanted)
                    hold = found if isinstance(found, Hold) else await found
                except Exception:
                    break
                spent += hold.nano
            return spent

        process.journal._seen = lambda line: None
        spent = self.loop.run_until_complete(spend())
        must(spent <= budget.amount, "more than the budget", spent)
        must(spent >= 0.98 * budget.amount, "less than 98 percent of a budget could be used", spent)


def simulate(seed: int, steps: int) -> World:
    """Run one; raise ``Wrong``, or whatever else goes wrong, with the seed."""
    with simulated(seed) as loop:
        world = World(seed, loop, Random(seed))
        number = 0
        try:
            for number in range(1, steps + 1):  # noqa: B007  # told where it goes wrong
                world.step()
            world.finish()
        except BaseException as error:
            error.add_note(f"seed {seed}, step {number}: python -m tests.simulation {seed} {steps}")
            raise
        finally:
            loop.set_exception_handler(lambda loop, context: None)
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
        return world
