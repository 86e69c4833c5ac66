"""``/analytics``: any metric by any dimension over any time, beside the time before. A virtual key sees its own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, Ms, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, key_asked, parts, within
from headgate.admin.usage import TIMES, UsageRow, row_of
from headgate.core.errors import BadRequest
from headgate.core.ids import now
from headgate.observe.analytics import Analytics, Metric
from headgate.observe.rollups import Dimension
from headgate.observe.sketch import Sketch
from headgate.observe.usage import Question, Used
from headgate.observe.windows import finest_of
from headgate.storage.tenancy import Narrow

USUAL = timedelta(days=1)
MOST_POINTS = 2_000
METRICS: dict[str, Metric] = {
    "requests": "requests", "failures": "failures", "fallbacks": "fallbacks", "attempts": "attempts",
    "cache_hits": "hits", "input_tokens": "input", "output_tokens": "output", "cost": "cost_nano",
    "saved": "saved_nano",
}  # fmt: skip
Sort = Literal[
    "requests", "failures", "fallbacks", "attempts", "cache_hits", "input_tokens", "output_tokens", "cost", "saved"
]


class Durations(Answer):
    """Quantiles and the mean, each within 2 percent."""

    p50: Ms
    p90: Ms
    p95: Ms
    p99: Ms
    mean: Ms


class Point(UsageRow):
    """Sums of calls. Rates are shares of calls; durations are null where no call had one.

    Calls without the dimension are under the name "", in most questions without durations.
    """

    at: UtcTime | None
    error_rate: float | None
    cache_hit_rate: float | None
    latency: Durations | None
    """Until the last byte."""
    first_token: Durations | None
    overhead: Durations | None
    """What the gateway took of it."""


class Change(Answer):
    """How one name, or (null) all of them, did beside the time before; ``share`` is null where there was nothing."""

    name: str | None
    now: float
    before: float
    change: float
    share: float | None


class Compared(Answer):
    """As long a time before, to the instants that were counted, and what changed most by the metric sorted by."""

    since: UtcTime
    until: UtcTime
    total: UsageRow
    changes: list[Change]


class Analysis(Answer):
    """What was asked. ``source`` is ``calls`` where no sums are kept for it: then not every call may be counted."""

    since: UtcTime
    until: UtcTime
    by: str | None
    interval: str | None
    source: Literal["sums", "calls"]
    complete: bool
    total: Point
    data: list[Point]
    """By name, the greatest first."""
    more: int
    """Names that are not told."""
    series: list[Point]
    """By window and name."""
    previous: Compared | None


def filtered(  # noqa: PLR0913  # a filter for each dimension
    who: Annotated[Principal, Depends(caller)],
    team_id: Annotated[str | None, Query(max_length=64)] = None,
    key_id: Annotated[str | None, Query(max_length=64)] = None,
    user_id: Annotated[str | None, Query(max_length=64)] = None,
    app_id: Annotated[str | None, Query(max_length=64)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    model: Annotated[str | None, Query(max_length=256)] = None,
    provider: Annotated[str | None, Query(max_length=64)] = None,
    route: Annotated[str | None, Query(max_length=256)] = None,
    surface: Annotated[str | None, Query(max_length=64)] = None,
    status: Annotated[Literal["success", "fallback", "failure"] | None, Query()] = None,
    code: Annotated[str | None, Query(max_length=64)] = None,
) -> Mapping[Dimension, str]:
    """Return what calls are wanted alone."""
    wanted: dict[Dimension, str | None] = {
        "team": team_id, "key": key_asked(who, key_id), "user": user_id, "app": app_id, "tag": tag, "model": model,
        "provider": provider, "route": route, "surface": surface, "status": status, "code": code,
    }  # fmt: skip
    return {name: value for name, value in wanted.items() if value is not None}


async def get_analytics(  # noqa: PLR0913  # the questions are the point
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    inside: Annotated[Narrow | None, Depends(within)],
    where: Annotated[Mapping[Dimension, str], Depends(filtered)],
    by: Annotated[Dimension | None, Query()] = None,
    interval: Annotated[Literal["minute", "hour", "day"] | None, Query()] = None,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    compare: Annotated[bool, Query(description="With as long a time before")] = False,
    sort: Annotated[Sort, Query()] = "requests",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Analysis:
    """Return sums and durations; without ``since``, of the last 24 hours."""
    end = until or datetime.now(UTC)
    begin = since or end - USUAL
    asked = _question(begin, end, by, interval, where, inside)
    analytics = Analytics(to.usage, to.logs)
    found = await analytics.find(who.tenant_id, asked, METRICS[sort], limit)
    return Analysis(
        since=begin,
        until=end,
        by=by,
        interval=interval,
        source=found.source,
        complete=found.whole,
        total=point(found.total, None),
        data=[point(used, used.name) for used in found.names] if by else [],
        more=found.more,
        series=[point(used, used.name if by else None) for used in found.series],
        previous=await _compared(analytics, who.tenant_id, asked, found.total, METRICS[sort], limit)
        if compare
        else None,
    )


def _question(
    begin: datetime,
    end: datetime,
    by: Dimension | None,
    interval: str | None,
    where: Mapping[Dimension, str],
    inside: Narrow | None,
) -> Question:
    if begin >= end:
        raise BadRequest("since must be before until.", code="invalid_parameter", param="since")
    seconds = TIMES[interval][0] if interval else None
    if seconds is not None and (end - begin).total_seconds() / seconds > MOST_POINTS:
        raise BadRequest(
            f"So long a time has more than {MOST_POINTS:,} windows; choose a longer interval.", param="interval"
        )
    first, last = micros(begin), micros(end)
    return Question(
        since=first,
        until=last,
        by=by,
        interval=seconds,
        where=where,
        within=inside,
        finest=finest_of(first, last, now()),
    )


async def _compared(
    analytics: Analytics, tenant_id: str, asked: Question, total: Used, metric: Metric, limit: int
) -> Compared:
    before = await analytics.before(tenant_id, asked)
    present = {used.name: used for used in await analytics.names(tenant_id, asked)} if asked.by else {}
    changes = [
        _change(name, present.get(name, Used()), before.names.get(name, Used()), metric)
        for name in present.keys() | before.names.keys()
    ]
    changes.sort(key=lambda one: (-abs(one.change), one.name or ""))
    return Compared(
        since=instant(before.since),
        until=instant(before.until),
        total=row_of(None, before.total),
        changes=[_change(None, total, before.total, metric), *changes[:limit]],
    )


def _change(name: str | None, now: Used, before: Used, metric: Metric) -> Change:
    scale = 1e9 if metric.endswith("_nano") else 1
    present, former = getattr(now, metric) / scale, getattr(before, metric) / scale
    change = present - former
    return Change(name=name, now=present, before=former, change=change, share=change / former if former else None)


def point(used: Used, name: str | None) -> Point:
    """Return sums and durations as a client is sent them."""
    return Point(
        **row_of(name, used).model_dump(),
        at=None if used.at is None else instant(used.at),
        error_rate=used.failures / used.requests if used.requests else None,
        cache_hit_rate=used.hits / used.requests if used.requests else None,
        latency=durations(used.latency),
        first_token=durations(used.first_token),
        overhead=durations(used.overhead),
    )


def durations(sketch: Sketch | None) -> Durations | None:
    """Return the quantiles of a sketch."""
    mean = sketch.mean() if sketch is not None else None
    if sketch is None or mean is None:
        return None
    p50, p90, p95, p99 = (sketch.quantile(share) or 0.0 for share in (0.5, 0.9, 0.95, 0.99))
    return Durations(p50=p50, p90=p90, p95=p95, p99=p99, mean=mean)


ROUTES = (
    Route(
        method="GET",
        path="/analytics",
        permission="usage:view",
        endpoint=get_analytics,
        summary="How calls went, by any dimension over any time",
        object="record",
        tag="usage",
        narrows=("team", "own"),
    ),
)
