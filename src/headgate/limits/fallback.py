"""Limits while the store that processes share does not answer: each process keeps to its part of every limit."""

from collections.abc import Callable

import msgspec

from headgate.limits.gcra import Rule, left, taken, wait
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused

MAX_BUCKETS = 100_000

Bucket = tuple[str, str]
"""Scope and name."""


def part_of(rule: Rule, processes: int) -> Rule:
    """Return what one of *processes* may use of a limit: its part of the rate and of the burst, but one unit at least.

    >>> part = part_of(Rule.of(6, 60), 3)
    >>> part.burst // part.cost, part_of(Rule.of(1, 60), 3).burst // part_of(Rule.of(1, 60), 3).cost
    (2, 1)
    """
    cost = rule.cost * processes
    return msgspec.structs.replace(rule, cost=cost, burst=max(rule.burst, cost))


class Parts:
    """The buckets of one process, in memory. A bucket begins as used as the shared one was when it was last seen."""

    def __init__(self, processes: int, seen: Callable[[Bucket], int], held: dict[str, int]) -> None:
        """*seen* returns a shared bucket's last state, *held* are this process's places in flight, by scope."""
        self._processes = max(processes, 1)
        self._seen = seen
        self._held = held
        self._tats: dict[Bucket, tuple[Rule, int]] = {}
        """The whole limit's rule, and the state in ticks."""

    def take(self, claims: list[Claim], places: list[Places], now: int) -> Granted | Refused:
        """Take all of it or nothing, at *now* (nanoseconds)."""
        for place in places:
            if self._held.get(place.scope, 0) >= self._room(place):
                return Refused(now, place.scope, SLOTS, 0)
        states = [(part_of(claim.rule, self._processes), self._state((claim.scope, claim.name))) for claim in claims]
        for claim, (part, tat) in zip(claims, states, strict=True):
            if wait(part, tat, now, claim.need):
                # told in units of the whole limit, so that the wait comes out right
                ahead = max(tat, now * part.scale) + claim.need * (part.cost - claim.rule.cost)
                return Refused(now, claim.scope, claim.name, ahead - part.burst + claim.rule.burst)
        units, tats = [], []
        for claim, (part, tat) in zip(claims, states, strict=True):
            count = max(claim.need, min(claim.most, left(part, tat, now)))
            after = taken(part, tat, now, count)
            self._keep((claim.scope, claim.name), claim.rule, after, now)
            units.append(count)
            tats.append(after)
        return Granted(now, units, tats, [min(p.most, self._room(p) - self._held.get(p.scope, 0)) for p in places])

    def give(self, scope: str, name: str, units: int) -> None:
        """Give unused units back; a negative number takes."""
        found = self._tats.get((scope, name))
        if found is not None:
            rule, tat = found
            self._tats[scope, name] = (rule, tat - units * rule.cost * self._processes)

    def used(self, now: int) -> list[tuple[str, str, Rule, int]]:
        """Return scope, name, rule and used units of every bucket that is not full."""
        found = []
        for (scope, name), (rule, tat) in self._tats.items():
            units = -(-(tat - now * rule.scale) // (rule.cost * self._processes))
            if units > 0:
                found.append((scope, name, rule, units))
        return found

    def _room(self, place: Places) -> int:
        return max(place.cap // self._processes, 1)

    def _state(self, bucket: Bucket) -> int:
        found = self._tats.get(bucket)
        return found[1] if found is not None else self._seen(bucket)

    def _keep(self, bucket: Bucket, rule: Rule, tat: int, now: int) -> None:
        if len(self._tats) >= MAX_BUCKETS and bucket not in self._tats:
            self._tats = {each: state for each, state in self._tats.items() if state[1] > now * state[0].scale}
        self._tats[bucket] = (rule, tat)
