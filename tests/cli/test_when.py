"""Times as people type them."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from headgate.cli.when import Moment, Span, iso


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1.5h", 5400), ("2d", 172_800), ("1w", 604_800)]
)
def test_spans(text, seconds):
    assert Span().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-5m", "5y", "99999999d", "1e5s", "٣d"])
def test_what_is_no_span(text):
    with pytest.raises(click.BadParameter):
        Span().convert(text, None, None)


def test_moments():
    now = datetime.now(UTC)
    assert abs(Moment().convert("1d", None, None) - now - timedelta(days=1)) < timedelta(seconds=5)
    assert abs(Moment(past=True).convert("1d", None, None) - now + timedelta(days=1)) < timedelta(seconds=5)
    assert iso(Moment().convert("2026-12-01", None, None)) == "2026-12-01T00:00:00Z"
    assert iso(Moment().convert("2026-12-01T08:30+02:00", None, None)) == "2026-12-01T06:30:00Z"
    assert iso(None) is None
    with pytest.raises(click.BadParameter):
        Moment().convert("tomorrow", None, None)
