"""Calendar windows, against the calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ledger.windows import DAY, FOR_EVER, HOUR, Calendar, bounds


def micro(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


moments = st.integers(0, 7_258_000_000_000_000).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)


@given(moments)
def test_days_weeks_and_months(moment):
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    first = midnight.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    assert bounds("day", micro(moment)) == (micro(midnight), micro(midnight + timedelta(days=1)))
    assert bounds("week", micro(moment)) == (micro(monday), micro(monday + timedelta(days=7)))
    assert bounds("month", micro(moment)) == (micro(first), micro(following))
    assert bounds("total", micro(moment)) == (0, FOR_EVER)


@pytest.mark.parametrize("window", ["day", "week", "month"])
def test_windows_follow_each_other_without_a_gap(window):
    at = micro(datetime(2023, 12, 1, tzinfo=UTC))
    for _ in range(60):
        start, end = bounds(window, at)
        assert start <= at < end
        assert bounds(window, end - 1) == (start, end)
        assert bounds(window, end)[0] == end
        assert start % DAY == end % DAY == 0, "balances are kept by the day"
        at = end + DAY // 3


# Clocks that change by night, at midnight, by half an hour, over midnight, and once by a whole day.
ZONES = ("Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia")


@pytest.mark.parametrize("zone", ZONES)
def test_windows_of_ten_years_wherever_clocks_change(zone):
    """Every instant is in one window; a day begins at its first midnight, and has the hours that its clocks give it."""
    there, lengths = ZoneInfo(zone), set()
    at = micro(datetime(2006, 1, 1, tzinfo=there))
    last = micro(datetime(2016, 1, 1, tzinfo=there))
    while at < last:
        start, end = bounds("day", at, zone)
        assert start == at
        for inside in (start, (start + end) // 2, end - 1):
            assert bounds("day", inside, zone) == (start, end)
        for window in ("week", "month"):
            begin, over = bounds(window, start, zone)
            assert begin <= start < end <= over, "a day lies in one week and one month"
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start)).astimezone(there)
        assert (local.hour, local.minute) in ((0, 0), (1, 0)), "or at the instant at which midnight is skipped"
        lengths.add((end - start) / HOUR)
        at = end
    assert 24 in lengths
    assert lengths > {24}, "its clocks did change"
    assert min(lengths) >= 22.5 and max(lengths) <= 25.5


def test_a_zone_that_is_not_known_is_utc():
    assert bounds("day", 10**15, "Mars/Olympus") == bounds("day", 10**15)


def test_the_calendar_remembers_and_forgets():
    calendar = Calendar()
    for zone in (*ZONES, "UTC"):
        for at in range(1_700_000_000_000_000, 1_700_000_000_000_000 + 3 * DAY, DAY // 7):
            assert calendar.bounds("day", at, zone) == bounds("day", at, zone)
