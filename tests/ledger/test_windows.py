"""Calendar windows, against the calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ledger.windows import DAY, FOR_EVER, bounds


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
