"""``/metrics/usage``: calls, tokens and cost, added up by one dimension. A virtual key sees its own."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import Depends, Query
from msgspec.structs import replace

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, UsdText, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, key_asked, parts, within
from headgate.core.errors import BadRequest
from headgate.core.money import usd
from headgate.observe.analytics import MOST_RAW, Analytics
from headgate.observe.rollups import DAY, DIMENSIONS, HOUR, MINUTE, Dimension
from headgate.observe.usage import Question, Used
from headgate.storage.tenancy import Narrow

By = Literal[
    "day", "hour", "minute",
    "team", "key", "user", "app", "tag", "model", "provider", "route", "surface", "status", "code",
]  # fmt: skip
TIMES = {"day": (DAY, "%Y-%m-%d"), "hour": (HOUR, "%Y-%m-%dT%H:%MZ"), "minute": (MINUTE, "%Y-%m-%dT%H:%MZ")}
USUAL = timedelta(days=30)
LONGEST = {"hour": timedelta(days=92), "minute": timedelta(days=2)}
"""A page of sums has no second one, so there must not be too many rows."""


class UsageRow(Answer):
    """Sums under one name of the dimension; ``unpriced`` calls are in no cost. Calls without it have no name."""

    name: str | None
    requests: int
    failures: int
    fallbacks: int
    attempts: int
    cache_hits: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_usd: UsdText
    saved_usd: UsdText
    unpriced: int


class Usage(Answer):
    """Sums of the whole hours from ``since`` to ``until``, and their total: a call with several tags is once in it.

    By anything else the rows add up to the total.
    """

    since: UtcTime
    until: UtcTime
    by: By
    complete: bool
    """Whether it is all: of what no sums are kept for, the latest calls are added up."""
    data: list[UsageRow]
    total: UsageRow


async def get_usage(
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    inside: Annotated[Narrow | None, Depends(within)],
    by: Annotated[By, Query()] = "model",
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    key_id: Annotated[str | None, Query(max_length=64)] = None,
) -> Usage:
    """Return what was used; without ``since``, in the last 30 days."""
    end = until or datetime.now(UTC)
    begin = since or end - USUAL
    if begin >= end:
        raise BadRequest("since must be before until.", code="invalid_parameter", param="since")
    if end - begin > LONGEST.get(by, timedelta.max):
        days = LONGEST[by].days
        raise BadRequest(f"by {by} takes at most {days} days; ask by day.", code="invalid_parameter", param="since")
    key = key_asked(who, key_id)
    asked = Question(
        since=micros(begin),
        until=micros(end),
        by=dimension_of(by),
        interval=TIMES[by][0] if by in TIMES else None,
        where={"key": key} if key is not None else {},
        within=inside,
        finest=MINUTE if by == "minute" else HOUR,
    )
    found, whole, complete = await _found(to, who.tenant_id, asked)
    found.sort(key=lambda used: used.at if used.at is not None else (-used.cost_nano, used.name))
    return Usage(
        since=begin,
        until=end,
        by=by,
        complete=complete,
        data=[row_of(_name(u, by), u) for u in found],
        total=row_of(None, together(whole)),
    )


async def _found(to: AdminParts, tenant_id: str, asked: Question) -> tuple[list[Used], Sequence[Used], bool]:
    """Return the rows, what is all of them together, and whether all calls are in them."""
    total = replace(asked, by=None, interval=None)
    if asked.cut is not None and total.cut is not None:
        rows = await to.usage.sums(tenant_id, asked)
        return rows, rows if asked.adds_up else await to.usage.sums(tenant_id, total), True
    found = await Analytics(to.usage, to.logs).find(tenant_id, asked, "cost_nano", MOST_RAW)
    return found.names if asked.interval is None else found.series, [found.total], found.whole


def dimension_of(by: str) -> Dimension | None:
    """Return the dimension of this name; ``None`` for a time."""
    return next((one for one in DIMENSIONS if one == by), None)


def together(some: Iterable[Used]) -> Used:
    """Return what *some* are together."""
    total = Used()
    for one in some:
        total.take(one)
    return total


def row_of(name: str | None, used: Used = Used()) -> UsageRow:
    """Return sums as a client is sent them."""
    return UsageRow(
        name=name,
        requests=used.requests,
        failures=used.failures,
        fallbacks=used.fallbacks,
        attempts=used.attempts,
        cache_hits=used.hits,
        input_tokens=used.input,
        output_tokens=used.output,
        cached_tokens=used.cached,
        cache_write_tokens=used.cache_write,
        reasoning_tokens=used.reasoning,
        cost_usd=usd(used.cost_nano),
        saved_usd=usd(used.saved_nano),
        unpriced=used.unpriced,
    )


def _name(used: Used, by: By) -> str | None:
    return instant(used.at).strftime(TIMES[by][1]) if used.at is not None else used.name or None


ROUTES = (
    Route(
        method="GET",
        path="/metrics/usage",
        permission="usage:view",
        endpoint=get_usage,
        summary="What was used",
        object="record",
        tag="usage",
        narrows=("team", "own"),
    ),
)
