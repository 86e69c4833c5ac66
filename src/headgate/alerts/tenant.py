"""Kinds of rule over the calls, the money and the keys of a tenant."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from headgate.alerts.readings import Readings
from headgate.alerts.robust import unusual
from headgate.alerts.rules import SECOND
from headgate.alerts.types import DAY, OfCalls, Rule, Seen, logs, stamp
from headgate.core.money import NANO, usd

HOUR = 3600


class ErrorRate(OfCalls, frozen=True, kw_only=True):
    """More than a share of calls fail."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {**Rule.ranges, "above": (0, 1)}

    above: float = 0.1
    """The share: 0.1 is one in ten."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        groups = of.calls(tenant_id, at - int(self.window * SECOND), at, self.where, self.by)
        bad = [one for one in groups if one.calls >= self.calls and one.failures > self.above * one.calls]
        return [
            Seen(
                one.name,
                f"{one.failures / one.calls:.1%} of {one.calls:,} calls{_of(one.name)} failed"
                f" in {self.window / 60:g} min, over {self.above:.1%}",
                self.link(one.name, at, status="failure"),
            )
            for one in sorted(bad, key=lambda one: -one.failures / one.calls)
        ]


class Latency(OfCalls, frozen=True, kw_only=True):
    """Calls take longer than they should."""

    percentile: float = 95
    """Of all calls in the window: 95 leaves the slowest twentieth out."""
    above: float = 30
    """Seconds from a call's beginning to its last byte."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        groups = of.calls(tenant_id, at - int(self.window * SECOND), at, self.where, self.by, self.percentile)
        slow = [(one.ms, one) for one in groups if one.calls >= self.calls and (one.ms or 0) > self.above * 1000]
        return [
            Seen(
                one.name,
                f"calls{_of(one.name)} take {(ms or 0) / 1000:.1f} s ({self.percentile:g}th percentile of"
                f" {one.calls:,} in {self.window / 60:g} min), over {self.above:g} s",
                self.link(one.name, at),
            )
            for ms, one in sorted(slow, key=lambda pair: -(pair[0] or 0))
        ]


class GuardrailSpike(Rule, frozen=True, kw_only=True):
    """Guardrails refuse far more calls than they did over the last day."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {**Rule.ranges, "factor": (1, 1000)}

    window: float = 600
    """Seconds that it looks back."""
    calls: int = 20
    """Refused calls there must be in it."""
    factor: float = 5
    """How many times as many as usual: as in as long a time of the day before."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        begun = at - int(self.window * SECOND)
        count = of.blocked(tenant_id, begun, at)
        if count < self.calls:
            return ()
        usual = of.blocked(tenant_id, begun - DAY * SECOND, begun) * self.window / DAY
        if count <= self.factor * usual:
            return ()
        words = f"guardrails refused {count:,} calls in {self.window / 60:g} min, where {usual:.1f} are usual"
        return [Seen("", words, logs(begun, at, status="failure"))]


class BudgetSpent(Rule, frozen=True, kw_only=True):
    """A budget is spent to a share of it."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {**Rule.ranges, "share": (0.01, 10)}

    share: float = 0.8
    """Of the budget's amount: 0.8 is four fifths, 1 all of it."""
    budgets: list[str] = msgspec.field(default_factory=list)
    """Names of budgets; none is every one."""
    clear: float = 0
    """Seconds that it must be well before it has ended: a new window begins at once."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        spent = [one for one in of.budgets(tenant_id, at) if one.share >= self.share]
        return [
            Seen(
                f"{one.id}:{one.subject}" if one.subject else one.id,
                f"{one.share:.0%} of the budget {one.name}{_of(one.subject)} is spent"
                + (": its calls are refused" if one.hard and one.share >= 1 else ""),
                f"/budgets?id={one.id}",
            )
            for one in sorted(spent, key=lambda one: -one.share)
            if not self.budgets or one.name in self.budgets
        ]


class CostAnomaly(Rule, frozen=True, kw_only=True):
    """An hour costs far more than hours of that time of day do.

    It is compared with the same hour, and those before and after it, of the days before: their median and their median
    absolute deviation, which single odd hours do not move. The hour that has begun counts as far as it has come.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **Rule.ranges,
        "days": (2, 60),
        "deviations": (2, 100),
    }

    days: int = 14
    """How far it looks back; with less than a third of it behind the first call, it says nothing."""
    deviations: float = 6
    """How far from usual an hour must be, in robust standard deviations: 1.4826 times the median absolute deviation,
    and at least a tenth of the median."""
    usd: float = 1
    """How many dollars it must be over the median besides."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        now = at // SECOND // HOUR
        past = of.hourly(tenant_id, (now - 24 * self.days - 1) * HOUR * SECOND, at)
        first = min((hour for hour, nano in past.items() if nano), default=now)
        if now - first < 24 * max(self.days / 3, 2):
            return ()
        for hour in (now, now - 1):
            like = [past.get(hour - 24 * day + off, 0) for day in range(1, self.days + 1) for off in (-1, 0, 1)
                    if hour - 24 * day + off >= first]  # fmt: skip
            found = unusual(past.get(hour, 0), like, self.deviations, int(self.usd * NANO))
            if found is not None:
                begun = hour * HOUR * SECOND
                words = f"the hour from {stamp(begun)} costs {usd(past[hour])} USD, where {usd(found)} USD is usual"
                return [Seen("", words, logs(begun, begun + HOUR * SECOND))]
        return ()


class NewError(Rule, frozen=True, kw_only=True):
    """A kind of error is met that was not met before: of this provider, this model and this code."""

    window: float = 900
    """Seconds for which it is new."""
    calls: int = 3
    """How often it must have been met."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        since = at - int(self.window * SECOND)
        met = [one for one in of.fresh(tenant_id, since) if one.count >= self.calls]
        return [
            Seen(one.id, f"a new error: {one.words}, {one.count:,} times", logs(one.first_at, at, **one.filter))
            for one in sorted(met, key=lambda one: -one.count)
        ]


class KeysExpiring(Rule, frozen=True, kw_only=True):
    """A virtual or admin key expires soon."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {**Rule.ranges, "days": (0.01, 365)}

    days: float = 7
    """How many days before."""
    clear: float = 0
    """Seconds that it must be well before it has ended."""
    repeat: float = 0
    """Seconds between two reminders."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        found = of.ending(tenant_id, at + int(self.days * DAY * SECOND))
        return [
            Seen(one.id, f"{one.what} expires at {stamp(one.at)}", f"/keys?id={one.id}")
            for one in sorted(found, key=lambda one: one.at)
        ]


def _of(name: str) -> str:
    return f" of {name}" if name else ""
