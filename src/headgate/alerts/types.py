"""What a rule is, and what it sees."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal
from urllib.parse import urlencode

import msgspec

from headgate.alerts.readings import By, Readings
from headgate.alerts.rules import SECOND, Timing

Severity = Literal["info", "warning", "critical"]
DAY = 86_400


class Seen(msgspec.Struct, frozen=True):
    """One thing that is bad."""

    subject: str
    """Which one, among all that the rule looks at; empty where it is the whole."""
    text: str
    link: str
    """A page with the records behind it, as path and query."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """When somebody is to be told. Its settings are its fields: they are the configuration too."""

    platform: ClassVar[bool] = False
    """It looks at the gateway itself, whoever calls: its alerts are the operator's."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "after": (0, DAY),
        "clear": (0, DAY),
        "repeat": (0, 30 * DAY),
        "window": (60, DAY),
        "percentile": (1, 99.9),
        "calls": (1, 10**9),
    }
    """Least and largest value of fields that are numbers; one that is not listed is at least 0."""

    channels: list[str] = []
    """Who is told: names of channels. In the dashboard it is told of in any case."""
    severity: Severity = "warning"
    """How bad it is; PagerDuty and Slack show it."""
    after: float = 0
    """Seconds that it must be bad before it fires."""
    clear: float = 120
    """Seconds that it must be well before it has ended."""
    repeat: float = 14_400
    """Seconds between two reminders while it fires and nobody has acknowledged it; 0 sends none."""
    enabled: bool = True
    """`off` looks at nothing: so is a rule switched off that is shipped, under its own name."""

    @property
    def timing(self) -> Timing:
        """The waits."""
        return Timing(after=int(self.after * SECOND), clear=int(self.clear * SECOND), repeat=int(self.repeat * SECOND))

    def look(self, tenant_id: str, at: int, of: Readings) -> Sequence[Seen]:
        """Return what is bad at *at* (microseconds), the worst first. Raise ``SqlError``."""
        raise NotImplementedError

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with settings that are each in range: field and words."""
        yield from ()


class OfCalls(Rule, frozen=True, kw_only=True):
    """A rule over calls."""

    window: float = 300
    """Seconds that it looks back."""
    calls: int = 20
    """Calls there must be in it: fewer say nothing."""
    by: By = ""
    """What is looked at one by one: `model`, `provider`, `route`, `team`, `app` or `key`; without it, all together."""
    model: str | None = None
    """Only calls that went to this `provider/model`."""
    provider: str | None = None
    """Only calls that went to this provider."""
    route: str | None = None
    """Only calls of this route."""

    @property
    def where(self) -> dict[str, str]:
        """The calls it is about, by name."""
        named = {"model": self.model, "provider": self.provider, "route": self.route}
        return {name: value for name, value in named.items() if value is not None}

    def faults(self) -> Iterator[tuple[str, str]]:
        """See :class:`Rule`."""
        if len({*self.where, *filter(None, (self.by,))}) > 1:
            yield "by", "looks at one kind of name: leave all but one of `by`, `model`, `provider` and `route` out"

    def link(self, subject: str, at: int, **more: str) -> str:
        """Return the page of the calls behind *subject*."""
        named = dict(self.where)
        if self.by and subject:
            named[{"key": "key_id", "team": "team_id", "app": "app_id"}.get(self.by, self.by)] = subject
        return logs(at - int(self.window * SECOND), at, **named, **more)


def logs(since: int, until: int, **filters: str) -> str:
    """Return the page of the calls between two instants that *filters* let through."""
    span = {"since": stamp(since), "until": stamp(until)}
    return "/logs?" + urlencode({**span, **filters})


def stamp(at: int) -> str:
    """Return an instant as the API takes it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
