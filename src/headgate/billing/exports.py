"""Reading what providers export of the usage that they charge for: by UTC day and model, in our own arithmetic.

OpenAI: https://platform.openai.com/docs/api-reference/usage (usage and costs, JSON, or the CSV of the same columns).
Anthropic: https://docs.anthropic.com/en/api/usage-cost-api (usage and cost reports, JSON, or the console's CSV).
Any other: a CSV whose columns are named.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from headgate.core.money import MAX_NANO, NANO

Format = Literal["openai", "anthropic", "csv"]
KINDS = ("requests", "input", "output", "cached", "cache_write", "cost_nano")
MAX_LINES = 200_000
MAX_CELL = 1000
Get = Callable[[str], str]
Names = frozenset[str]


class Told(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a provider says of one UTC day and model; ``None`` where it does not say. Of all models: the empty name."""

    day: str
    model: str
    requests: int | None = None
    input: int | None = None
    """The whole prompt, whatever of it came from a cache."""
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    cost_nano: int | None = None


class Unreadable(ValueError):
    """It is not what it was said to be; the text says where and why."""


def read(format: Format, data: bytes, columns: Mapping[str, str] | None = None) -> list[Told]:
    """Return what an export says, added up by day and model. Raise :class:`Unreadable`.

    *columns* maps ``day``, ``model`` and the kinds in ``KINDS`` (``cost_usd`` for the last) to a CSV's own names.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 at byte {error.start}") from None
    if format == "csv":
        return _together(_mapped(text, columns or {}))
    if text.lstrip()[:1] in ("{", "["):
        return _together(_from_json(format, text))
    return _together(_from_csv(format, text))


def plain(model: str) -> str:
    """Return a model's name without its provider, its date and ``-latest``: what a call names and a bill may not.

    >>> [plain(name) for name in ("openai/gpt-5-2026-08-07", "claude-sonnet-4-20250514", "gpt-5")]
    ['gpt-5', 'claude-sonnet-4', 'gpt-5']
    """
    return re.sub(r"(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest)$", "", model.rpartition("/")[2])


def _together(found: Iterable[Told]) -> list[Told]:
    sums: dict[tuple[str, str], Told] = {}
    for number, one in enumerate(found):
        if number >= MAX_LINES:
            raise Unreadable(f"it has more than {MAX_LINES:,} lines")
        same = sums.setdefault((one.day, one.model), Told(day=one.day, model=one.model))
        for kind in KINDS:
            value = getattr(one, kind)
            if value is not None:
                setattr(same, kind, (getattr(same, kind) or 0) + value)
    return [sums[key] for key in sorted(sums)]


def _from_json(format: Format, text: str) -> Iterator[Told]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Unreadable(f"it is not JSON: {error}") from None
    pages = found if isinstance(found, list) else [found]
    for page in pages:
        buckets = page.get("data") if isinstance(page, dict) else None
        if not isinstance(buckets, list):
            raise Unreadable("it has no list under 'data'")
        for number, bucket in enumerate(buckets):
            try:
                day = _day(bucket["start_time"] if "start_time" in bucket else bucket["starting_at"])
                for result in bucket["results"]:
                    yield _openai(day, result) if format == "openai" else _anthropic(day, result)
            except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError) as error:
                raise Unreadable(f"data[{number}] is none that {format} would write: {error}") from None


def _openai(day: str, result: Mapping[str, Any]) -> Told:
    if "amount" in result:
        amount = result["amount"]
        _only_usd(amount["currency"])
        model = (result.get("line_item") or "").partition(",")[0].strip()
        return Told(day=day, model=model, cost_nano=_nano(amount["value"]))
    return Told(
        day=day,
        model=result.get("model") or "",
        requests=_count(result.get("num_model_requests", 0)),
        input=_count(result.get("input_tokens", 0)),
        output=_count(result.get("output_tokens", 0)),
        cached=_count(result.get("input_cached_tokens", 0)),
    )


def _anthropic(day: str, result: Mapping[str, Any]) -> Told:
    model = result.get("model") or ""
    if "amount" in result:  # cents, as text
        _only_usd(result["currency"])
        return Told(day=day, model=model, cost_nano=_nano(Decimal(str(result["amount"])) / 100))
    written = sum(_count(value) for value in (result.get("cache_creation") or {}).values())
    cached = _count(result.get("cache_read_input_tokens", 0))
    fresh = _count(result.get("uncached_input_tokens", 0))
    output = _count(result.get("output_tokens", 0))
    return Told(day=day, model=model, input=fresh + cached + written, output=output, cached=cached, cache_write=written)


def _from_csv(format: Format, text: str) -> Iterator[Told]:
    return _lines(text, _openai_line if format == "openai" else _anthropic_line)


def _openai_line(get: Get, has: Names) -> Told:
    day = _day(get("start_time_iso") if "start_time_iso" in has else get("start_time"))
    if "amount_value" in has:
        currency = get("amount_currency") if "amount_currency" in has else "usd"
        amount = {"value": get("amount_value"), "currency": currency}
        return _openai(day, {"line_item": get("line_item") if "line_item" in has else "", "amount": amount})
    names = ("num_model_requests", "input_tokens", "output_tokens", "input_cached_tokens")
    return _openai(day, {name: get(name) or 0 for name in names if name in has} | {"model": get("model")})


def _anthropic_line(get: Get, has: Names) -> Told:
    day = _day(get("usage_date_utc"))
    if "cost_usd" in has:
        return Told(day=day, model=get("model"), cost_nano=_nano(get("cost_usd")))
    fresh, cached, *written = [_count(get(f"usage_input_tokens_{kind}")) for kind in ANTHROPIC]
    return Told(
        day=day,
        model=get("model_version"),
        input=fresh + cached + sum(written),
        output=_count(get("usage_output_tokens")),
        cached=cached,
        cache_write=sum(written),
    )


ANTHROPIC = ("no_cache", "cache_read", "cache_write_5m", "cache_write_1h")


def _mapped(text: str, columns: Mapping[str, str]) -> Iterator[Told]:
    for name in ("day", "model"):
        if name not in columns:
            raise Unreadable(f"the columns do not say which is {name!r}")
    kinds = [kind for kind in ("requests", "input", "output", "cached", "cache_write") if kind in columns]

    def line(get: Get, _: Names) -> Told:
        told = Told(day=_day(get(columns["day"])), model=get(columns["model"]))
        for kind in kinds:
            setattr(told, kind, _count(get(columns[kind])))
        if "cost_usd" in columns:
            told.cost_nano = _nano(get(columns["cost_usd"]))
        return told

    return _lines(text, line)


def _lines(text: str, told: Callable[[Get, Names], Told]) -> Iterator[Told]:
    """Yield what each line tells; errors name the line. *told* is given how to get a cell, and the columns' names."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    names = frozenset(name.strip() for name in reader.fieldnames or [])
    try:
        for row in reader:

            def get(name: str, row: Mapping[Any, Any] = row) -> str:
                if name not in row:
                    raise ValueError(f"there is no column {name!r}")
                return str(row[name])[:MAX_CELL].strip()

            yield told(get, names)
    except (ValueError, csv.Error, ArithmeticError, OSError) as error:
        raise Unreadable(f"line {reader.line_num}: {error}") from None


def _day(value: Any) -> str:
    if isinstance(value, int | float) or str(value).isdecimal():
        return datetime.fromtimestamp(float(value), UTC).date().isoformat()
    at = datetime.fromisoformat(str(value).strip())
    return (at.astimezone(UTC) if at.tzinfo else at).date().isoformat()


def _count(value: Any) -> int:
    number = Decimal(str(value).replace(",", "") or "0")
    if not number.is_finite() or number < 0 or number != int(number) or number > MAX_NANO:
        raise ValueError(f"{str(value)[:50]!r} is no number of tokens or calls")
    return int(number)


def _nano(value: Any) -> int:
    number = Decimal(str(value).replace(",", "").replace("$", "") or "0") * NANO
    if not number.is_finite() or abs(number) > MAX_NANO:
        raise ValueError(f"{str(value)[:50]!r} is no amount")
    return int(number.to_integral_value())


def _only_usd(currency: Any) -> None:
    if str(currency).lower() != "usd":
        raise ValueError(f"amounts are in {str(currency)[:10]!r}, not in USD")
