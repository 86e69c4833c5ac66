"""Limits while the store that processes share does not answer: each process keeps to its part of every limit."""

import msgspec

from headgate.limits.gcra import Rule, left, taken, wait
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused

MAX_BUCKETS = 100_000

Bucket = tuple[str, str]
"""Scope and name."""
Unused = tuple[str, str, Rule, int]
"""Scope, name, rule and units; a negative number is a use beyond what was taken."""


def part_of(rule: Rule, processes: int) -> Rule:
    """Return what one of *processes* may use of a limit: its part of the rate and of the burst, but one unit at least.

    >>> part = part_of(Rule.of(6, 60), 3)
    >>> part.burst // part.cost, part_of(Rule.of(1, 60), 3).burst // part_of(Rule.of(1, 60), 3).cost
    (2, 1)
    """
    cost = rule.cost * processes
    return msgspec.structs.replace(rule, cost=cost, burst=max(rule.burst, cost))


class Memory:
    """What a process remembers of shared limits while the store answers, and goes by when it does not."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        """Places in flight that this process has, by scope."""
        self.last: dict[Bucket, tuple[Rule, int]] = {}
        """The shared buckets' rules and states as last seen, by this machine's clock."""

    def hold(self, scope: str, count: int) -> None:
        """Note *count* more places of *scope*, or fewer."""
        left = self.held.get(scope, 0) + count
        if left > 0:
            self.held[scope] = left
        else:
            self.held.pop(scope, None)

    def hold_all(self, places: list[Places], found: Granted) -> None:
        """Note the places that were given."""
        for place, count in zip(places, found.places, strict=True):
            self.hold(place.scope, count)

    def note(self, claim: Claim, tat: int) -> int:
        """Note the state of a claim's bucket, and return it."""
        if len(self.last) >= MAX_BUCKETS:
            self.last.clear()
        self.last[claim.scope, claim.name] = (claim.rule, tat)
        return tat

    def parts(self, processes: int) -> "Parts":
        """Return this process's part of every limit from now on."""
        return Parts(processes, self.last, self.held)


def given_back(claims: list[Claim], places: list[Places], found: Granted) -> tuple[list[Unused], list[tuple[str, int]]]:
    """Return *found* as what ``RateStore.give`` takes, for a caller who is gone."""
    units = [(c.scope, c.name, c.rule, count) for c, count in zip(claims, found.units, strict=True)]
    return units, [(place.scope, count) for place, count in zip(places, found.places, strict=True)]


def used_alone(claims: list[Claim], found: Granted) -> list[Unused]:
    """Return *found* as units that were used without asking."""
    return [(c.scope, c.name, c.rule, -count) for c, count in zip(claims, found.units, strict=True)]


class State:
    """One bucket: the whole limit's rule and two states in ticks."""

    __slots__ = ("own", "rule", "tat")

    def __init__(self, rule: Rule, tat: int) -> None:
        self.rule = rule
        self.tat = tat
        """What admits: begun where the shared bucket was last seen."""
        self.own = 0
        """What this process has used since."""


class Parts:
    """The buckets of one process, in memory."""

    def __init__(self, processes: int, seen: dict[Bucket, tuple[Rule, int]], held: dict[str, int]) -> None:
        """*seen* has the shared buckets' rules and last states, *held* this process's places in flight, by scope."""
        self._processes = max(processes, 1)
        self._held = held
        self._seen = seen.copy()
        self._states: dict[Bucket, State] = {}

    def take(self, claims: list[Claim], places: list[Places], now: int) -> Granted | Refused:
        """Take all of it or nothing, at *now* (nanoseconds)."""
        for place in places:
            if self._held.get(place.scope, 0) >= self._room(place):
                return Refused(now, place.scope, SLOTS, 0)
        parts = [(part_of(claim.rule, self._processes), self._state(claim, now)) for claim in claims]
        for claim, (part, state) in zip(claims, parts, strict=True):
            if wait(part, state.tat, now, claim.need):
                # told in units of the whole limit, so that the wait comes out right
                ahead = max(state.tat, now * part.scale) + claim.need * (part.cost - claim.rule.cost)
                return Refused(now, claim.scope, claim.name, ahead - part.burst + claim.rule.burst)
        units = []
        for claim, (part, state) in zip(claims, parts, strict=True):
            count = max(claim.need, min(claim.most, left(part, state.tat, now)))
            state.tat, state.own = (taken(part, tat, now, count) for tat in (state.tat, state.own))
            units.append(count)
        found = [min(place.most, self._room(place) - self._held.get(place.scope, 0)) for place in places]
        return Granted(now, units, [state.tat for _, state in parts], found)

    def give(self, scope: str, name: str, units: int) -> None:
        """Give unused units back; a negative number takes."""
        state = self._states.get((scope, name))
        if state is not None:
            ticks = units * state.rule.cost * self._processes
            state.tat -= ticks
            state.own -= ticks

    def used(self, now: int, *, all_of_it: bool) -> list[Unused]:
        """Return scope, name, rule and used units of every bucket: its own use or, where the store knows none, all."""
        found = []
        states = self._states
        if all_of_it:
            states = {bucket: State(*last) for bucket, last in self._seen.items()} | states
        for (scope, name), state in states.items():
            tat = state.tat if all_of_it else state.own
            units = -(-(tat - now * state.rule.scale) // (state.rule.cost * self._processes))
            if units > 0:
                found.append((scope, name, state.rule, units))
        return found

    def _room(self, place: Places) -> int:
        return max(place.cap // self._processes, 1)

    def _state(self, claim: Claim, now: int) -> State:
        bucket = (claim.scope, claim.name)
        state = self._states.get(bucket)
        if state is None:
            if len(self._states) >= MAX_BUCKETS:
                self._states = {k: one for k, one in self._states.items() if one.tat > now * one.rule.scale}
            state = self._states[bucket] = State(*self._seen.get(bucket, (claim.rule, 0)))
        return state
