"""Calendar windows of budgets, in UTC, as plain arithmetic on microseconds since 1970."""

from datetime import UTC, datetime

from headgate.access.types import Window

DAY = 86_400_000_000
HOUR = 3_600_000_000
FOR_EVER = 2**62


def bounds(window: Window, at: int) -> tuple[int, int]:
    """Return the first instant of the window that *at* lies in, and the first one after it.

    >>> bounds("week", 5 * DAY)  # 1970 began on a Thursday
    (345600000000, 950400000000)
    """
    if window == "total":
        return 0, FOR_EVER
    day = at // DAY
    if window == "day":
        return day * DAY, (day + 1) * DAY
    if window == "week":
        monday = day - (day + 3) % 7
        return monday * DAY, (monday + 7) * DAY
    first = datetime.fromtimestamp(day * 86_400, UTC).replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()) * 1_000_000, int(following.timestamp()) * 1_000_000
