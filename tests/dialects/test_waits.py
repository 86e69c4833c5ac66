"""The time to wait that rate-limit headers tell, where there is no Retry-After."""

import pytest

from headgate.dialects.upstream import read_error
from headgate.dialects.waits import MAX_WAIT, reset_of

DATE = (b"date", b"Sat, 21 Nov 2026 12:00:00 GMT")


def openai(left: bytes, reset: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"x-ratelimit-remaining-requests", left), (b"x-ratelimit-reset-requests", reset)]


def anthropic(left: bytes, reset: bytes) -> list[tuple[bytes, bytes]]:
    return [DATE, (b"anthropic-ratelimit-tokens-remaining", left), (b"anthropic-ratelimit-tokens-reset", reset)]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (openai(b"0", b"8.5s"), 8.5),
        (openai(b"0", b"120ms"), 0.12),
        (openai(b"0", b"1m2s"), MAX_WAIT),
        (openai(b"0", b"12"), 12.0),
        (openai(b"0", b"soon"), None),
        (openai(b"0", b""), None),
        (openai(b"3", b"8s"), None),
        (anthropic(b"0", b"2026-11-21T12:00:07Z"), 7.0),
        (anthropic(b"0", b"2026-11-21T11:00:00Z"), None),
        (anthropic(b"0", b"2026-99-99T11:00:00Z"), None),
        (anthropic(b"9", b"2026-11-21T12:00:07Z"), None),
        ([*openai(b"0", b"2s"), *anthropic(b"0", b"2026-11-21T12:00:09Z")], 9.0),
        ([], None),
    ],
)
def test_the_wait_is_that_of_the_limit_that_is_used_up(
    headers: list[tuple[bytes, bytes]], seconds: float | None
) -> None:
    assert reset_of(headers) == seconds
    assert read_error(429, headers, b"{}").wait == seconds


def test_retry_after_goes_over_it() -> None:
    assert read_error(429, [(b"retry-after", b"3"), *openai(b"0", b"9s")], b"{}").wait == 3.0


def test_it_is_nothing_to_other_errors() -> None:
    assert read_error(503, openai(b"0", b"9s"), b"{}").wait is None
