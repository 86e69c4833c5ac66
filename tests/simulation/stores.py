"""A journal, and a store that answers when it likes or not at all: the rules are the program's own, the rows are not."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from headgate.core.errors import Unavailable
from headgate.ledger.balances import Scope
from headgate.ledger.batch import charge_sums, ended_of, read_end
from headgate.ledger.grants import Answer, slice_of
from headgate.ledger.lines import END, KIND, Charge, HoldLine
from headgate.ledger.recover import interrupted
from headgate.ledger.tail import _follow
from headgate.limits.gcra import given, left, taken, wait
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused
from headgate.observe.facts import Facts
from tests.simulation.clock import Loop


class Journal:
    """What a process has written; nothing more once it is dead."""

    def __init__(self, owner: str, seen: Callable[[bytes], None]) -> None:
        self.id = owner
        self.open: dict[int, tuple[Any, bytes]] = {}
        self.unwritten = 0
        self.lines: list[bytes] = []
        self.drained = 0
        self.dead = self.closed = False
        self._seen = seen

    def append(self, line: bytes) -> bool:
        if not self.dead:
            self.lines.append(line[:-1])
            self._seen(line[:-1])
        return True

    def keep(self, line: bytes) -> None:
        self.append(line)

    def open_holds(self) -> list[HoldLine]:
        calls: dict[str, dict[int, HoldLine]] = {}
        for line in self.lines:
            _follow(line, calls)
        return [hold for tries in calls.values() for hold in tries.values()]


class Store:
    """What is spent and granted, and the states of limits, for all processes."""

    def __init__(self, loop: Loop, dice: Random) -> None:
        self.loop = loop
        self.dice = dice
        self.down_until = 0.0
        self.ledger: dict[tuple[str, int], tuple[Facts, Charge]] = {}
        self.balances: dict[tuple[str, str, int], list[int]] = {}
        self.grants: dict[tuple[str, str, int], dict[str, int]] = {}
        self.rates: dict[tuple[str, str], int] = {}
        self.places: dict[str, dict[str, int]] = {}
        self.told: set[tuple[Scope, int]] = set()
        self.dead: set[str] = set()

    def ask(self, owner: str, work: Callable[[], Any], late: Callable[[Any], object]) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = self.loop.create_future()

        def do() -> None:
            if owner in self.dead:
                return
            if self.loop.now < self.down_until:
                if not answer.done():
                    answer.set_exception(Unavailable("The store is down.", code="storage_unavailable"))
            elif not answer.done():
                answer.set_result(work())
            elif self.dice.random() < 0.5:
                late(work())

        self.loop.call_later(self.dice.choice((0.0, 0.001, 0.01, 0.06)), do)
        return answer

    def tell(self, owner: str, work: Callable[[], None]) -> None:
        def do() -> None:
            if owner in self.dead:
                return
            if self.loop.now < self.down_until:
                self.loop.call_at(self.down_until + 0.5, do)
            else:
                work()

        self.loop.call_later(self.dice.choice((0.0, 0.001, 0.02)), do)

    def drain(self, journal: Journal, again: bool) -> None:
        """Store what a journal has, from a position that may have been lost; a dead one is closed."""
        if self.loop.now < self.down_until or journal.closed:
            return
        for line in journal.lines[0 if again else journal.drained :]:
            if line[KIND] == END:
                ended, _ = read_end(line)
                self.add(journal.id, ended[0], ended[2])
        journal.drained = len(journal.lines)
        if journal.dead:
            for record, charges in interrupted(journal.open_holds()):
                self.add(journal.id, ended_of(record, charges)[0], charges)
            for by_owner in (*self.grants.values(), *self.places.values()):
                by_owner.pop(journal.id, None)
            journal.closed = True

    def add(self, owner: str, facts: Facts, charges: list[Charge]) -> None:
        """Charges that are new are added up, once."""
        new = []
        for charge in charges:
            if (facts.id, charge.attempt) not in self.ledger:
                self.ledger[facts.id, charge.attempt] = (facts, charge)
                new.append((facts, charge))
        balances, grants = charge_sums(new)
        for row, sums in balances.items():
            here = self.balances.setdefault(row, [0, 0])
            here[0] += sums[0]
            here[1] += sums[1]
        for paid, amount in grants.items():
            by_owner = self.grants.setdefault(paid, {})
            by_owner[owner] = by_owner.get(owner, 0) - amount


class Grants:
    """``GrantStore`` of one process."""

    def __init__(self, store: Store, owner: str, workers: int) -> None:
        self.alone = workers == 1
        self.patience = 2
        self.store, self.owner, self.workers = store, owner, workers

    def take(self, scope: Scope, cap: int, need: int, least: int) -> Awaitable[Answer]:
        def work() -> Answer:
            by_owner = self.store.grants.setdefault((scope.id, scope.period, scope.start), {})
            out = {owner: amount for owner, amount in by_owner.items() if amount > 0}
            room = cap - self.used(scope) - sum(out.values())
            granted = max(slice_of(room, need, least, self.workers), 0)
            by_owner[self.owner] = by_owner.get(self.owner, 0) + granted
            return Answer(granted, sum(out.values()) - out.get(self.owner, 0) + max(room - granted, 0))

        return self.store.ask(self.owner, work, lambda answer: self.give(scope, answer.granted))

    def used(self, scope: Scope) -> int:
        column = scope.unit == "tokens"
        if scope.window == "total":
            return self.store.balances.get((scope.id, "t", 0), [0, 0])[column]
        return sum(
            sums[column]
            for (id, period, start), sums in self.store.balances.items()
            if id == scope.id and period == "d" and scope.start <= start < scope.end
        )

    def give(self, scope: Scope, amount: int) -> None:
        def work() -> None:
            by_owner = self.store.grants.setdefault((scope.id, scope.period, scope.start), {})
            by_owner[self.owner] = by_owner.get(self.owner, 0) - amount

        self.store.tell(self.owner, work)

    def offer(self, scope: Scope, amount: int, answered: Callable[[bool], object]) -> None:
        def do() -> None:
            if self.owner not in self.store.dead:
                taken = self.store.loop.now >= self.store.down_until
                if taken:
                    by_owner = self.store.grants.setdefault((scope.id, scope.period, scope.start), {})
                    by_owner[self.owner] = by_owner.get(self.owner, 0) - amount
                answered(taken)

        self.store.loop.call_later(self.store.dice.choice((0.0, 0.001, 0.02)), do)

    def renew(self) -> None:
        pass

    def spent(self, scope: Scope) -> Awaitable[int]:
        return self.store.ask(self.owner, lambda: self.used(scope), lambda answer: None)

    def first(self, scope: Scope, amount: int) -> Awaitable[bool]:
        def work() -> bool:
            new = (scope, amount) not in self.store.told
            self.store.told.add((scope, amount))
            return new

        return self.store.ask(self.owner, work, lambda answer: None)


class Rates:
    """``RateStore`` of one process."""

    def __init__(self, store: Store, owner: str, processes: int) -> None:
        self.store, self.owner, self.processes = store, owner, processes

    def take(
        self, claims: list[Claim], places: list[Places], late: Callable[[Granted | Refused], object]
    ) -> "asyncio.Future[Granted | Refused]":
        def work() -> Granted | Refused:
            store, now = self.store, self.store.loop.nanoseconds()
            for place in places:
                if sum(store.places.get(place.scope, {}).values()) >= place.cap:
                    return Refused(now, place.scope, SLOTS, 0)
            tats = [store.rates.get((claim.scope, claim.name), 0) for claim in claims]
            for claim, tat in zip(claims, tats, strict=True):
                if wait(claim.rule, tat, now, claim.need):
                    return Refused(now, claim.scope, claim.name, tat)
            units = [max(c.need, min(c.most, left(c.rule, tat, now))) for c, tat in zip(claims, tats, strict=True)]
            after = [taken(c.rule, tat, now, n) for c, tat, n in zip(claims, tats, units, strict=True)]
            for claim, tat in zip(claims, after, strict=True):
                store.rates[claim.scope, claim.name] = tat
            lent = []
            for place in places:
                by_owner = store.places.setdefault(place.scope, {})
                lent.append(min(place.most, place.cap - sum(by_owner.values())))
                by_owner[self.owner] = by_owner.get(self.owner, 0) + lent[-1]
            return Granted(now, units, after, lent)

        return self.store.ask(self.owner, work, late)

    def give(self, units: list[Any], places: list[tuple[str, int]]) -> None:
        def work() -> None:
            now = self.store.loop.nanoseconds()
            for scope, name, rule, count in units:
                tat = self.store.rates.get((scope, name), 0)
                after = given(rule, tat, count) if count >= 0 else taken(rule, tat, now, -count)
                self.store.rates[scope, name] = after
            for scope, count in places:
                self.store.places[scope][self.owner] -= count

        self.store.tell(self.owner, work)
