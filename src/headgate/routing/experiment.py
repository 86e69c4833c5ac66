"""Whether one deployment of a route does better than another, told by a test that may be looked at after every call.

A mixture sequential probability ratio test on the difference of two means (Johari, Pekelis, Walsh: "Always Valid
Inference", <https://arxiv.org/abs/1512.04922>): its p-value only falls, and falls below the level by chance in at most
that share of comparisons, however often somebody looks. Each call counts for the deployment that was drawn for it, even
where another one answered in the end; one that was shut for its faults when it was drawn has failed.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log, sqrt
from typing import Literal

import msgspec

from headgate.core.record import Compared, Record
from headgate.routing.health import ACCOUNTS, OWN_FAULTS
from headgate.routing.table import Measure

MIXING: dict[Measure, float] = {"errors": 0.05**2, "latency": 0.2**2, "first_token": 0.2**2, "cost": 0.2**2}
"""The square of a usual difference: of rates, or of logarithms. Differences near it are found soonest."""
LEAST = 20  # calls of each side before variances say anything
SHUT = frozenset(("breaker", "bench"))
FAULTS = OWN_FAULTS | ACCOUNTS | {"upstream_model_not_found", "upstream_answer_failed"}
"""Of these each side has its share by chance, so that what requests may bring about counts too."""


class Side(msgspec.Struct):
    """What the calls of one deployment came to."""

    calls: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """The sum of squared distances from the mean."""

    def add(self, value: float) -> None:
        """Count one more."""
        self.calls += 1
        far = value - self.mean
        self.mean += far / self.calls
        self.squares += far * (value - self.mean)

    def variance(self, measure: Measure) -> float:
        """Of the mean."""
        if measure == "errors":
            rate = (self.mean * self.calls + 0.5) / (self.calls + 1)
            return rate * (1 - rate) / self.calls
        return self.squares / (self.calls - 1) / self.calls


class Arm(msgspec.Struct, kw_only=True):
    """One deployment beside the one it is compared with. Less is better: of errors, time and money."""

    target: str
    calls: int
    value: float
    """The rate of errors, or the middle (geometric mean) of milliseconds or USD."""
    effect: float | None = None
    """The difference of rates, or the ratio: 1.1 is ten percent more; ``None`` for the first."""
    low: float | None = None
    high: float | None = None
    """Where the effect is, whenever somebody looks."""
    p: float = 1.0
    verdict: Literal["", "better", "worse"] = ""
    """Empty while it is not decided."""


class Comparison:
    """A test that goes on: tell it every call in its order."""

    def __init__(self, targets: Sequence[str], measure: Measure, level: float) -> None:
        """The first of *targets* is what the others are compared with; *level* is shared out among them."""
        self.measure: Measure = measure
        self._level = level / max(len(targets) - 1, 1)
        self._sides = {target: Side() for target in targets}
        self._p = dict.fromkeys(targets, 1.0)
        self._control = targets[0]

    def add(self, target: str, value: float) -> None:
        """Count a call that was drawn for *target*."""
        side = self._sides.get(target)
        if side is None:
            return
        side.add(value)
        for other in self._sides if target == self._control else (target,):
            if other != self._control and (found := self._compared(other)) is not None:
                self._p[other] = min(self._p[other], self._chance(*found))

    def arms(self) -> list[Arm]:
        """Return how they stand."""
        found = []
        for target, side in self._sides.items():
            arm = Arm(target=target, calls=side.calls, value=self._shown(side), p=self._p[target])
            compared = self._compared(target) if target != self._control else None
            if compared is not None:
                effect, variance = compared
                width = self._width(variance)
                arm.effect, arm.low, arm.high = (self._told(one) for one in (effect, effect - width, effect + width))
                if arm.p <= self._level:
                    arm.verdict = "better" if effect < 0 else "worse"
            found.append(arm)
        return found

    def _compared(self, target: str) -> tuple[float, float] | None:
        """The difference to the control, and its variance."""
        control, side = self._sides[self._control], self._sides[target]
        if min(control.calls, side.calls) < LEAST:
            return None
        variance = control.variance(self.measure) + side.variance(self.measure)
        return (side.mean - control.mean, variance) if variance > 0 else None

    def _chance(self, effect: float, variance: float) -> float:
        mixing = MIXING[self.measure]
        spread = variance + mixing
        ratio = 0.5 * log(variance / spread) + mixing * effect * effect / (2 * variance * spread)
        return exp(-ratio) if ratio > 0 else 1.0

    def _width(self, variance: float) -> float:
        mixing = MIXING[self.measure]
        spread = variance + mixing
        return sqrt(variance * spread / mixing * (log(spread / variance) - 2 * log(self._level)))

    def _told(self, effect: float) -> float:
        return effect if self.measure == "errors" else exp(min(effect, 700.0))

    def _shown(self, side: Side) -> float:
        if self.measure == "errors" or not side.calls:
            return side.mean
        return exp(side.mean) / (1e9 if self.measure == "cost" else 1)


def drawn(record: Record) -> str | None:
    """Return the deployment that the route chose first for a call."""
    choice = record.choice
    return choice.targets[choice.order[0]] if choice is not None and choice.order else None


def outcome(record: Record, measure: Measure) -> float | None:
    """Return what a call came to, ``None`` for one that says nothing of it."""
    if not record.attempts:
        return None
    first, meant = record.attempts[0], drawn(record)
    if meant is not None and meant != f"{first.provider}/{first.model}":
        # Another one was asked in its place: that says something only where what is drawn was shut for its faults.
        shut = any(one["target"] == meant and one.get("rule") in SHUT for one in msgspec.to_builtins(record.verdicts))
        return 1.0 if shut and measure == "errors" else None
    if measure == "errors":
        return None if first.outcome in ("cancelled", "open") else float(first.outcome in FAULTS)
    if record.status == "failure":
        return None
    value: float | None = record.total_ms
    if measure == "first_token":
        value = record.first_token_ms if record.stream else None
    elif measure == "cost":
        value = record.cost_nano
    return log(value) if value else None


class Pairs(msgspec.Struct, kw_only=True):
    """Calls that were answered, and their copies at another deployment. Means over both; ``None`` where unknown."""

    target: str
    calls: int = 0
    failed: int = 0
    """Copies that failed; the means leave them out."""
    cost_usd: float | None = None
    cost_usd_copy: float | None = None
    latency_ms: float | None = None
    latency_ms_copy: float | None = None
    tokens: float | None = None
    tokens_copy: float | None = None
    better: int = 0
    """Copies whose answer the route's judge preferred."""
    worse: int = 0
    equal: int = 0


def paired(records: Iterable[Record]) -> list[Pairs]:
    """Compare calls with their copies, by the copies' deployment; both are among *records*."""
    first = {record.id: record for record in records if record.shadow_of is None}
    said = {record.shadow_of: record.compared for record in records if record.compared is not None}
    found: dict[str, list[tuple[Record, Record]]] = {}
    for copy in records:
        if copy.shadow_of in first and copy.attempts and copy.compared is None:
            asked = copy.attempts[0]
            found.setdefault(f"{asked.provider}/{asked.model}", []).append((first[copy.shadow_of], copy))
    return [_summed(target, pairs, said) for target, pairs in sorted(found.items())]


def _summed(target: str, pairs: list[tuple[Record, Record]], said: Mapping[str | None, Compared | None]) -> Pairs:
    good = [(one, copy) for one, copy in pairs if copy.status != "failure"]
    costs = [(one.cost_nano, copy.cost_nano) for one, copy in good if None not in (one.cost_nano, copy.cost_nano)]
    told = Pairs(target=target, calls=len(pairs), failed=len(pairs) - len(good))
    for _, copy in good:
        if (verdict := said.get(copy.shadow_of)) is not None:
            setattr(told, verdict, getattr(told, verdict) + 1)
    if costs:
        told.cost_usd = sum([cost or 0 for cost, _ in costs]) / len(costs) / 1e9
        told.cost_usd_copy = sum([cost or 0 for _, cost in costs]) / len(costs) / 1e9
    if good:
        told.latency_ms = sum([one.latency_ms or 0.0 for one, _ in good]) / len(good)
        told.latency_ms_copy = sum([copy.latency_ms or 0.0 for _, copy in good]) / len(good)
        told.tokens = sum([one.usage.output for one, _ in good]) / len(good)
        told.tokens_copy = sum([copy.usage.output for _, copy in good]) / len(good)
    return told


def words(arms: Sequence[Arm], measure: Measure) -> str:
    """Say how it stands."""
    of = {"errors": "fails", "latency": "takes time", "first_token": "takes time to begin", "cost": "costs"}[measure]
    decided = [
        f"{arm.target} {of} {'less' if arm.verdict == 'better' else 'more'} than {arms[0].target}"
        for arm in arms
        if arm.verdict
    ]
    left = [arm.target for arm in arms[1:] if not arm.verdict]
    if left:
        decided.append(f"not decided yet for {', '.join(left)}")
    return "; ".join(decided)
