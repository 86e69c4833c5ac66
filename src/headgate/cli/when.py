"""Times as people type them: ``30d``, ``12h``, ``2026-12-01``."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
SPAN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhdw])")


class Span(click.ParamType[float]):
    """A number and a unit, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See ``click.ParamType``."""
        if isinstance(value, int | float):
            return float(value)
        match = SPAN.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is no duration: write a number and s, m, h, d or w, such as 30d.", param, ctx)
        return float(match[1]) * UNITS[match[2]]


class Moment(click.ParamType[datetime]):
    """An instant, or a duration from now: ahead, or (with *past*) back."""

    name = "time"

    def __init__(self, *, past: bool = False) -> None:
        self._sign = -1 if past else 1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See ``click.ParamType``. A time without a zone is UTC."""
        if isinstance(value, datetime):
            return value
        match = SPAN.fullmatch(value.strip())
        if match is not None:
            return datetime.now(UTC) + self._sign * timedelta(seconds=float(match[1]) * UNITS[match[2]])
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            self.fail(
                f"{value!r} is no time: write 2026-12-01, 2026-12-01T08:30Z, or a duration such as 30d.", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def iso(moment: datetime | None) -> str | None:
    """Return an instant as the management API takes it."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
