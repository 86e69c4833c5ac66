"""``/metrics/usage``: calls, tokens and cost of a time. A virtual key sees its own alone."""

from datetime import timedelta
from time import time_ns
from typing import Annotated

from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, Text, UsdText, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, own_key, parts
from headgate.core.errors import BadRequest
from headgate.core.money import usd
from headgate.observe.usage import Dimension, Used

DEFAULT = timedelta(days=30)

Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]


class UsageRow(Answer):
    """What was used under one name of the dimension asked for, or in all."""

    name: str | None
    requests: int
    failures: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: UsdText
    unpriced: int
    """Calls whose price is not known; they are in no cost."""


class Usage(Answer):
    """Calls, tokens and cost of the whole hours of a time."""

    since: UtcTime
    until: UtcTime
    by: Dimension
    data: list[UsageRow]
    total: UsageRow


async def get_usage(
    who: Who,
    to: Parts,
    by: Dimension = "model",
    since: Instant | None = None,
    until: Instant | None = None,
    key_id: Annotated[Text, Query(max_length=64)] | None = None,
) -> Usage:
    """Add up what was used; the last 30 days where nothing else is said."""
    end = micros(until) if until else time_ns() // 1000
    begin = micros(since) if since else end - int(DEFAULT.total_seconds()) * 1_000_000
    if begin >= end:
        raise BadRequest("since must be before until.", code="invalid_parameter", param="since")
    rows = await to.usage.totals(who.tenant_id, by, since=begin, until=end, key_id=own_key(who, key_id))
    total = Used(
        name="", requests=sum(r.requests for r in rows), failures=sum(r.failures for r in rows),
        input=sum(r.input for r in rows), output=sum(r.output for r in rows), cached=sum(r.cached for r in rows),
        reasoning=sum(r.reasoning for r in rows), cost_nano=sum(r.cost_nano for r in rows),
        unpriced=sum(r.unpriced for r in rows),
    )  # fmt: skip
    data = [_row(row, by) for row in rows]
    return Usage(since=instant(begin), until=instant(end), by=by, data=data, total=_row(total, by))


def _row(used: Used, by: Dimension) -> UsageRow:
    name = instant(used.name).strftime("%Y-%m-%dT%H:%MZ") if isinstance(used.name, int) else used.name or None
    if by == "day" and name is not None:
        name = name[:10]
    return UsageRow(
        name=name, requests=used.requests, failures=used.failures, input_tokens=used.input, output_tokens=used.output,
        cached_tokens=used.cached, reasoning_tokens=used.reasoning, cost_usd=usd(used.cost_nano),
        unpriced=used.unpriced,
    )  # fmt: skip


ROUTES = (
    Route(
        method="GET", path="/metrics/usage", permission="usage:view", endpoint=get_usage,
        summary="Add up calls, tokens and cost", tag="usage",
    ),
)  # fmt: skip
