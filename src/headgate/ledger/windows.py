"""Calendar windows of budgets, as plain arithmetic on microseconds since 1970.

A day begins at the first instant of its midnight in the zone, and lasts to the next one's, whatever the clocks do in
between: 23 to 25 hours, in most zones that change them at all.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from headgate.access.types import Window

DAY = 86_400_000_000
HOUR = 3_600_000_000
FOR_EVER = 2**62
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def bounds(window: Window, at: int, zone: str = "UTC") -> tuple[int, int]:
    """Return the first instant of the window that *at* lies in, and the first one after it.

    A zone that this machine does not know is taken for UTC.

    >>> bounds("week", 5 * DAY)  # 1970 began on a Thursday
    (345600000000, 950400000000)
    >>> bounds("day", 0, "America/New_York")  # 19:00 of the last day of 1969
    (-68400000000, 18000000000)
    """
    if window == "total":
        return 0, FOR_EVER
    if zone == "UTC":
        if window == "day":
            return at - at % DAY, at - at % DAY + DAY
        there: tzinfo = UTC
    else:
        there = _zone(zone)
    first = _first(window, (EPOCH + at * MICROSECOND).astimezone(there).date())
    start, end = _midnight(first, there), _midnight(_next(window, first), there)
    while at >= end:  # clocks that go back over midnight make it come twice: the first one counts
        first = _next(window, first)
        start, end = end, _midnight(_next(window, first), there)
    return start, end


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _first(window: Window, day: date) -> date:
    """Return the first day of the window."""
    if window == "week":
        return day - timedelta(day.weekday())
    return day.replace(day=1) if window == "month" else day


def _next(window: Window, first: date) -> date:
    """Return the first day of the following window."""
    if window == "month":
        return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first + timedelta(7 if window == "week" else 1)


def _midnight(day: date, zone: tzinfo) -> int:
    # A midnight that the clocks skip is read by the offset before, which makes it the instant at which they skip.
    return (datetime.combine(day, time(), zone) - EPOCH) // MICROSECOND


class Calendar:
    """:func:`bounds` for instants that mostly lie in the same windows: the last one of each zone is remembered."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[tuple[Window, str], tuple[int, int]] = {}

    def bounds(self, window: Window, at: int, zone: str = "UTC") -> tuple[int, int]:
        """See :func:`bounds`."""
        found = self._last.get((window, zone))
        if found is None or not found[0] <= at < found[1]:
            found = self._last[window, zone] = bounds(window, at, zone)
        return found
