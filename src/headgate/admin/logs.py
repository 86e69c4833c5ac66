"""``/logs``: finished calls in brief, the latest first. A virtual key sees its own."""

import re
from typing import Annotated, Literal

from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, Ms, Usd, UsdText, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, key_asked, parts, within
from headgate.core.call import Record
from headgate.core.errors import BadRequest
from headgate.core.money import nano_from_usd, usd
from headgate.observe.log import LogFilter
from headgate.storage.tenancy import Narrow

CURSOR = re.compile(r"([0-9]{1,17})\.([0-9a-f-]{36})")


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
    total_ms: Ms
    latency_ms: Ms | None
    first_token_ms: Ms | None
    error_message: str | None


class Logs(Answer):
    """A page of calls; ``next`` is the ``after`` of the following page."""

    data: list[Log]
    has_more: bool
    next: str | None


def asked(  # noqa: PLR0913  # the filters are the point
    who: Annotated[Principal, Depends(caller)],
    inside: Annotated[Narrow | None, Depends(within)],
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    key_id: Annotated[str | None, Query(max_length=64)] = None,
    model: Annotated[str | None, Query(max_length=256)] = None,
    provider: Annotated[str | None, Query(max_length=64)] = None,
    status: Annotated[Literal["success", "fallback", "failure"] | None, Query()] = None,
    min_cost: Annotated[Usd | None, Query()] = None,
) -> LogFilter:
    """Return the filters of a request; whose permission does not go over the whole tenant, asks for less."""
    return LogFilter(
        since=micros(since) if since else None,
        until=micros(until) if until else None,
        key_id=key_asked(who, key_id),
        within=inside,
        model=model,
        provider=provider,
        status=status,
        min_cost=nano_from_usd(str(min_cost)) if min_cost is not None else None,
    )


async def list_logs(
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    where: Annotated[LogFilter, Depends(asked)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Logs:
    """Return the calls that fit all filters."""
    found = await to.logs.list(who.tenant_id, where, after=_cursor(after), limit=limit + 1)
    page, more = found[:limit], len(found) > limit
    return Logs(data=[brief(r) for r in page], has_more=more, next=f"{page[-1].at}.{page[-1].id}" if more else None)


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
        total_ms=record.total_ms,
        latency_ms=record.latency_ms,
        first_token_ms=record.first_token_ms,
        error_message=record.error_message,
    )


def _cursor(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    match = CURSOR.fullmatch(after)
    if match is None:
        raise BadRequest("after is not what a page gave as next.", code="invalid_parameter", param="after")
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
