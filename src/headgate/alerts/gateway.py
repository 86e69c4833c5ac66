"""Kinds of rule over the gateway itself, whoever calls: the operator's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

from headgate.alerts.readings import Readings, Signal
from headgate.alerts.rules import SECOND
from headgate.alerts.types import DAY, Rule, Seen, logs, stamp
from headgate.core.money import usd

MB = 1_000_000


class ProviderDown(Rule, frozen=True, kw_only=True):
    """No worker calls any deployment of a provider: all that were called failed too often, or its credentials do."""

    platform: ClassVar[bool] = True

    provider: str | None = None
    """This one alone; without it, any."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        parts: dict[str, list[Signal]] = {}
        for one in of.signals():
            name = one.subject.partition("/")[0].partition("#")[0]
            if one.name == "breaker" and (self.provider or name) == name:
                parts.setdefault(name, []).append(one)
        return [
            Seen(name, f"the provider {name} is down: {_why(rows)}", _calls(at, tried=name))
            for name, rows in sorted(parts.items())
            if any(_shut([row for row in rows if mark(row)]) for mark in _MARKS)
        ]


class BreakerOpen(Rule, frozen=True, kw_only=True):
    """A deployment is left alone by every worker that knows it."""

    platform: ClassVar[bool] = True

    deployment: str | None = None
    """This `provider/model` alone; without it, any."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        rows = [row for row in of.signals() if row.name == "breaker" and "/" in row.subject]
        return [
            Seen(name, f"{name} is left alone: {_why(same)}", _calls(at, tried=name))
            for name in sorted({row.subject for row in rows})
            if _shut(same := [row for row in rows if row.subject == name]) and (self.deployment or name) == name
        ]


class Unsettled(Rule, frozen=True, kw_only=True):
    """Calls ended without anybody knowing what they cost: their whole holds were charged."""

    platform: ClassVar[bool] = True

    window: float = 3600
    """Seconds that it looks back."""
    above: int = 10
    """How many charges in doubt there may be in it."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        count, nano = of.uncertain(at - int(self.window * SECOND))
        if count <= self.above:
            return ()
        words = f"{count:,} charges of {self.window / 60:g} min are in doubt, {usd(nano)} USD: import what was billed"
        return [Seen("", words, _calls(at, seconds=self.window, billed="uncertain"))]


class Drops(Rule, frozen=True, kw_only=True):
    """Something was dropped because a queue was full, or could not be stored; or an outlet takes nothing for long."""

    platform: ClassVar[bool] = True

    window: float = 900
    """Seconds for which what was dropped counts."""
    failing: float = 300
    """Seconds for which an outlet may take nothing."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        return list(self._dropped(at, of.signals()))

    def _dropped(self, at: int, signals: Sequence[Signal]) -> Iterator[Seen]:
        for one in signals:
            if one.name == "dropped" and at - one.grown_at < self.window * SECOND:
                words = f"{one.subject} of {one.node} has dropped {one.value:,} since its start: {one.text}"
                yield Seen(f"{one.node}:{one.subject}", words, "/health/ready")
            elif one.name == "broken" and one.value:
                yield Seen(
                    f"{one.node}:{one.subject}", f"{one.subject} of {one.node} fail: {one.text}", "/health/ready"
                )
            elif one.name == "failing" and one.value > self.failing:
                words = f"{one.subject} of {one.node} has taken nothing for {one.value:,} s: {one.text}"
                yield Seen(f"{one.node}:{one.subject}", words, "/health/ready")


class Home(Rule, frozen=True, kw_only=True):
    """A gateway's journal is behind, its database away, its disk nearly full, or its clock wrong."""

    platform: ClassVar[bool] = True

    behind: int = 50 * MB
    """Bytes of journal that may not be in the database yet."""
    disk: int = 500 * MB
    """Bytes that must be free."""
    clock: float = 5
    """Seconds by which a machine's clock may differ from the database's."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        words = {
            "behind": (self.behind, "{:,} bytes of its journal are not in the database"),
            "clock": (int(self.clock * SECOND), "its clock differs from the database's by {:,} microseconds"),
        }
        found = []
        for one in of.signals():
            bound, said = words.get(one.name, (0, ""))
            if said and abs(one.value) > bound:
                found.append(Seen(f"{one.node}:{one.name}", f"{one.node}: {said.format(one.value)}", "/health/ready"))
            elif one.name == "disk" and one.value < self.disk:
                free = f"{one.node}: {one.value / MB:,.0f} MB are free on the disk of its home"
                found.append(Seen(f"{one.node}:disk", free, "/health/ready"))
        return found


class Certificates(Rule, frozen=True, kw_only=True):
    """The certificate that a gateway shows expires soon."""

    platform: ClassVar[bool] = True
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {**Rule.ranges, "days": (0.01, 365)}

    days: float = 14
    """How many days before."""

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """See :class:`Rule`."""
        return [
            Seen(f"{one.node}:certificate", f"{one.node}: its certificate expires at {stamp(one.value)}", "/health")
            for one in of.signals()
            if one.name == "certificate" and one.value < at + int(self.days * DAY * SECOND)
        ]


def _why(rows: Sequence[Signal]) -> str:
    return next((row.text for row in rows if row.text), "its calls failed")


def _shut(rows: Sequence[Signal]) -> bool:
    return bool(rows) and all(row.value >= 1 for row in rows)


_MARKS: tuple[Callable[[Signal], bool], ...] = (
    lambda row: "/" in row.subject,  # its deployments
    lambda row: "#" in row.subject,  # its keys
    lambda row: "/" not in row.subject and "#" not in row.subject,  # the account as a whole
)


def _calls(at: int, *, seconds: float = 900, **filters: str) -> str:
    return logs(at - int(seconds * SECOND), at, **filters)
