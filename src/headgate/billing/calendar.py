"""Days, weeks and months of a tenant's own calendar, and the instants at which they begin."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

Span = Literal["week", "month"]
DAY = timedelta(1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def zone(name: str) -> tzinfo:
    """Return a zone by its IANA name; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def day_of(at: int, there: tzinfo) -> date:
    """Return the date of an instant (microseconds since 1970)."""
    return (EPOCH + at * MICROSECOND).astimezone(there).date()


def begin(day: date, there: tzinfo) -> int:
    """Return the instant at which a day begins."""
    return (datetime.combine(day, time(), there) - EPOCH) // MICROSECOND


def days(first: date, end: date) -> list[date]:
    """Return the days from *first* to the one before *end*."""
    return [first + timedelta(number) for number in range((end - first).days)]


def span_of(span: Span, day: date) -> tuple[date, date]:
    """Return the first day of the week or month that *day* lies in, and the first one after it."""
    if span == "week":
        first = day - timedelta(day.weekday())
        return first, first + timedelta(7)
    first = day.replace(day=1)
    return first, first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


def former(span: Span, day: date) -> tuple[date, date]:
    """Return the last week or month that was over on *day*."""
    first, _ = span_of(span, day)
    return span_of(span, first - timedelta(1))
