"""``/logs``: finished calls in brief, the latest first. A virtual key sees its own."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, Ms, Usd, UsdText, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, key_asked, parts, within
from headgate.core.errors import BadRequest
from headgate.core.money import nano_from_usd, usd
from headgate.core.record import Record
from headgate.observe.log import LogFilter, Place
from headgate.storage.tenancy import Narrow

Guard = Literal["block", "reroute", "reask", "mask", "flag", "not_run", "allow"]
CURSOR = re.compile(r"([0-9]{1,18})\.([0-9a-f-]{36})")


class Log(Answer):
    """One call in brief. ``cost_usd`` is null where no price is known."""

    id: str
    at: UtcTime
    status: Literal["success", "fallback", "failure"]
    http_status: int
    code: str | None
    surface: str
    operation: str
    route: str | None
    routing_reason: str | None
    stream: bool
    key_id: str | None
    user_id: str | None
    end_user: str | None
    tags: list[str]
    model_requested: str | None
    model_used: str | None
    provider_used: str | None
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: UsdText | None
    billed: Literal["usage", "estimated", "uncertain", "none"]
    cost_source: Literal["price", "stated", "doubted"]
    total_ms: Ms
    latency_ms: Ms | None
    first_token_ms: Ms | None
    error_message: str | None


class Logs(Answer):
    """A page of calls; ``next`` is the ``after`` of the following page, ``previous`` the ``before`` of later calls."""

    data: list[Log]
    has_more: bool
    next: str | None
    previous: str | None


def asked(  # noqa: PLR0913  # the filters are the point
    who: Annotated[Principal, Depends(caller)],
    inside: Annotated[Narrow | None, Depends(within)],
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    key_id: Annotated[str | None, Query(max_length=64)] = None,
    team_id: Annotated[str | None, Query(max_length=64)] = None,
    app_id: Annotated[str | None, Query(max_length=64)] = None,
    user_id: Annotated[str | None, Query(max_length=64)] = None,
    end_user: Annotated[str | None, Query(max_length=256)] = None,
    tags: Annotated[str | None, Query(max_length=1024, description="Separated by commas: all of them")] = None,
    model: Annotated[str | None, Query(max_length=256, description="That answered, else that was asked for")] = None,
    model_requested: Annotated[str | None, Query(max_length=256)] = None,
    provider: Annotated[str | None, Query(max_length=64, description="That answered, else that failed it last")] = None,
    tried: Annotated[str | None, Query(max_length=256, description="Provider or provider/model that was asked")] = None,
    outcome: Annotated[str | None, Query(max_length=64, description="Error code of it or of an attempt")] = None,
    billed: Annotated[Literal["usage", "estimated", "uncertain"] | None, Query()] = None,
    route: Annotated[str | None, Query(max_length=256)] = None,
    surface: Annotated[str | None, Query(max_length=64)] = None,
    status: Annotated[Literal["success", "fallback", "failure"] | None, Query()] = None,
    code: Annotated[str | None, Query(max_length=64, description="Of the error")] = None,
    min_cost: Annotated[Usd | None, Query()] = None,
    max_cost: Annotated[Usd | None, Query()] = None,
    min_ms: Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False)] = None,
    max_ms: Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False)] = None,
    cache: Annotated[Literal["hit", "miss", "stored", "refused", "bypass"] | None, Query()] = None,
    guard: Annotated[Guard | None, Query(description="The strongest thing that a guardrail did")] = None,
    contains: Annotated[str | None, Query(min_length=3, max_length=256, description="In the record")] = None,
    text: Annotated[str | None, Query(max_length=256, description="Words of what was kept of prompt, answer")] = None,
) -> LogFilter:
    """Return the filters of a request; whose permission does not go over the whole tenant, asks for less."""
    return LogFilter(
        since=micros(since) if since else None,
        until=micros(until) if until else None,
        key_id=key_asked(who, key_id),
        team_id=team_id,
        app_id=app_id,
        user_id=user_id,
        end_user=end_user,
        tags=tuple(tag.strip() for tag in (tags or "").split(",") if tag.strip()),
        within=inside,
        model=model,
        asked=model_requested,
        provider=provider,
        tried=tried,
        outcome=outcome,
        billed=billed,
        route=route,
        surface=surface,
        status=status,
        code=code,
        min_cost=_nano(min_cost),
        max_cost=_nano(max_cost),
        min_ms=min_ms,
        max_ms=max_ms,
        cache=cache,
        guard=guard,
        contains=contains,
        text=text,
    )


def _nano(amount: Decimal | None) -> int | None:
    return nano_from_usd(str(amount)) if amount is not None else None


async def list_logs(
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    where: Annotated[LogFilter, Depends(asked)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=64)] = None,
    before: Annotated[str | None, Query(max_length=64)] = None,
) -> Logs:
    """Return the calls that fit all filters. A page may be short, or empty, and another one follow."""
    if after is not None and before is not None:
        raise BadRequest("Give after or before, not both.", code="invalid_parameter", param="before")
    place = _cursor(after, "after") or _cursor(before, "before")
    page = await to.logs.page(who.tenant_id, where, after=place, back=before is not None, limit=limit)
    return Logs(
        data=[brief(record) for record in page.records],
        has_more=page.older is not None,
        next=_told(page.older),
        previous=_told(page.newer),
    )


def _told(place: Place | None) -> str | None:
    return None if place is None else f"{place[0]}.{place[1]}"


def brief(record: Record) -> Log:
    """Return one call in brief."""
    return Log(
        id=record.id,
        at=instant(record.at),
        status=record.status,
        http_status=record.http_status,
        code=record.code,
        surface=record.surface,
        operation=record.operation,
        route=record.route,
        routing_reason=record.routing_reason,
        stream=record.stream,
        key_id=record.key_id,
        user_id=record.user_id,
        end_user=record.end_user,
        tags=list(record.tags),
        model_requested=record.model_requested,
        model_used=record.model_used,
        provider_used=record.provider_used,
        attempts=len(record.attempts),
        input_tokens=record.usage.input,
        output_tokens=record.usage.output,
        cost_usd=None if record.cost_nano is None else usd(record.cost_nano),
        billed=record.billed,
        cost_source=record.cost_source,
        total_ms=record.total_ms,
        latency_ms=record.latency_ms,
        first_token_ms=record.first_token_ms,
        error_message=record.error_message,
    )


def _cursor(given: str | None, param: str) -> Place | None:
    if given is None:
        return None
    match = CURSOR.fullmatch(given)
    if match is None:
        raise BadRequest(f"{param} is not what a page gave.", code="invalid_parameter", param=param)
    return int(match[1]), match[2]


ROUTES = (
    Route(
        method="GET",
        path="/logs",
        permission="logs:view",
        endpoint=list_logs,
        summary="Finished calls",
        object="record",
        tag="logs",
        narrows=("team", "own"),
    ),
)
