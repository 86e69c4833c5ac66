"""How long a provider asks to wait: by ``Retry-After`` (RFC 9110, 10.2.3), or by what its headers say of its limits."""

import re
from datetime import date

Headers = list[tuple[bytes, bytes]]
MAX_WAIT = 60.0
"""Seconds; a provider that asks for more is not waited for longer."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(rb"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")
_SPAN = re.compile(rb"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6}(?:\.\d{1,9})?)s)?")
_NUMBER = re.compile(rb"(\d{1,9}(?:\.\d{1,9})?)(ms)?")
_STAMP = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")


def wait_of(given: dict[bytes, bytes]) -> float | None:
    """Seconds the provider asks to wait, at most ``MAX_WAIT``; ``None`` where it asks nothing that makes sense."""
    for name, unit in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        value = given.get(name, b"").strip()
        try:
            seconds = float(value) * unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return min(seconds, MAX_WAIT)
    until, now = _instant(given.get(b"retry-after", b"")), _instant(given.get(b"date", b""))
    if until is None or now is None or until < now:
        return None
    return min(float(until - now), MAX_WAIT)


def reset_of(headers: Headers) -> float | None:
    """Seconds until the limits that are used up are filled again, by the headers of OpenAI's kind or of Anthropic's.

    ``x-ratelimit-remaining-requests: 0`` goes with ``x-ratelimit-reset-requests: 6m0s``, and
    ``anthropic-ratelimit-tokens-remaining: 0`` with an instant in ``anthropic-ratelimit-tokens-reset``. ``None`` where
    nothing is used up, or what is said makes no sense.
    """
    given = {name: value.strip() for name, value in headers if b"ratelimit" in name or name == b"date"}
    now = _instant(given.get(b"date", b""))
    waits = []
    for name, left in given.items():
        if left != b"0":
            continue
        if name.startswith(b"x-ratelimit-remaining"):
            waits.append(_duration(given.get(name.replace(b"remaining", b"reset"), b"")))
        elif name.startswith(b"anthropic-ratelimit-") and name.endswith(b"-remaining"):
            until = _iso(given.get(name.removesuffix(b"remaining") + b"reset", b""))
            waits.append(None if until is None or now is None or until < now else float(until - now))
    known = [wait for wait in waits if wait is not None]
    return min(max(known), MAX_WAIT) if known else None


def _duration(value: bytes) -> float | None:
    """Seconds of ``1h2m3.5s`` or ``120ms``; of a bare number too."""
    number = _NUMBER.fullmatch(value)
    if number is not None:
        return float(number[1]) / (1000 if number[2] else 1)
    found = _SPAN.fullmatch(value)
    if found is None or not value:
        return None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _iso(value: bytes) -> int | None:
    """Seconds of ``2026-01-31T12:00:00Z``, counted from where :func:`_instant` counts."""
    found = _STAMP.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        number = date(year, month, day).toordinal()
    except ValueError:
        return None
    return ((number * 24 + hour) * 60 + minute) * 60 + second


def _instant(value: bytes) -> int | None:
    """Seconds of an HTTP date, counted from any fixed point; ``None`` for what is no date."""
    found = _DATE.fullmatch(value.strip())
    if found is None or found[2].decode() not in _MONTHS:
        return None
    day, month, year, hour, minute, second = found.groups()
    try:
        day_number = date(int(year), _MONTHS.index(month.decode()) + 1, int(day)).toordinal()
    except ValueError:
        return None
    return ((day_number * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second)
