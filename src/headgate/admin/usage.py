"""``/metrics/usage``: calls, tokens and cost, added up by one dimension. A virtual key sees its own."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, UsdText, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, key_asked, parts, within
from headgate.core.errors import BadRequest
from headgate.core.money import usd
from headgate.observe.usage import Dimension, Used
from headgate.storage.tenancy import Narrow

USUAL = timedelta(days=30)
LONGEST = {"hour": timedelta(days=92)}
"""A page of sums has no second one, so there must not be too many rows."""


class UsageRow(Answer):
    """Sums under one name of the dimension; ``unpriced`` calls are in no cost."""

    name: str | None
    requests: int
    failures: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: UsdText
    unpriced: int


class Usage(Answer):
    """Sums of the whole hours from ``since`` to ``until``, and their total."""

    since: UtcTime
    until: UtcTime
    by: Dimension
    data: list[UsageRow]
    total: UsageRow


async def get_usage(
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    inside: Annotated[Narrow | None, Depends(within)],
    by: Annotated[Dimension, Query()] = "model",
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
        raise BadRequest("by hour takes at most 92 days; ask by day.", code="invalid_parameter", param="since")
    found = await to.usage.totals(
        who.tenant_id, by, since=micros(begin), until=micros(end), key_id=key_asked(who, key_id), within=inside
    )
    return Usage(
        since=begin, until=end, by=by, data=[_sums(_name(u, by), [u]) for u in found], total=_sums(None, found)
    )


def _name(used: Used, by: Dimension) -> str | None:
    if isinstance(used.name, int):
        return instant(used.name).strftime("%Y-%m-%d" if by == "day" else "%Y-%m-%dT%H:%MZ")
    return used.name or None


def _sums(name: str | None, found: list[Used]) -> UsageRow:
    return UsageRow(
        name=name,
        requests=sum(used.requests for used in found),
        failures=sum(used.failures for used in found),
        input_tokens=sum(used.input for used in found),
        output_tokens=sum(used.output for used in found),
        cached_tokens=sum(used.cached for used in found),
        reasoning_tokens=sum(used.reasoning for used in found),
        cost_usd=usd(sum(used.cost_nano for used in found)),
        unpriced=sum(used.unpriced for used in found),
    )


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
