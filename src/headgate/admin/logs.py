"""``/logs`` and ``/traces/{id}``: finished calls, in brief and whole. A virtual key sees its own alone."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Query
from pydantic import Field

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Instant, Text, Usd, UsdText, UtcTime, instant, micros
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, own_key, parts
from headgate.core.call import Record
from headgate.core.errors import BadRequest, NotFound
from headgate.core.money import nano_from_usd, usd
from headgate.observe.log import LogFilter

MAX_PAGE = 1000

Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]
Name = Annotated[Text, Query(max_length=600)]


class Log(Answer):
    """One call in brief. Times are milliseconds."""

    id: str
    at: UtcTime
    status: Literal["success", "fallback", "failure"]
    http_status: int
    code: str | None
    surface: str
    operation: str
    stream: bool
    key_id: str | None
    end_user: str | None
    tags: list[str]
    model_requested: str | None
    model_used: str | None
    provider_used: str | None
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: UsdText | None
    billed: str
    total_ms: float
    first_token_ms: float | None
    error_message: str | None


class Logs(Answer):
    """Some calls, latest first; ``next`` is where the following page begins."""

    data: list[Log]
    has_more: bool
    next: str | None


class Trace(Answer):
    """One call with everything that happened to it."""

    id: str
    trace_id: str
    at: UtcTime
    call: Annotated[dict[str, Any], Field(description="Who asked for what.")]
    route: Annotated[dict[str, Any], Field(description="What was chosen, and why.")]
    attempts: list[dict[str, Any]]
    ledger: Annotated[list[dict[str, Any]], Field(description="What each attempt was charged.")]
    usage: dict[str, Any]
    timing: dict[str, Any]
    outcome: dict[str, Any]


async def list_logs(  # noqa: PLR0913  # a filter each
    who: Who,
    to: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    after: Annotated[str, Query(max_length=64)] = "",
    since: Instant | None = None,
    until: Instant | None = None,
    key_id: Name | None = None,
    model: Name | None = None,
    provider: Name | None = None,
    status: Literal["success", "fallback", "failure"] | None = None,
    min_cost: Usd | None = None,
) -> Logs:
    """Return calls, the latest first."""
    where = LogFilter(
        since=micros(since) if since else None,
        until=micros(until) if until else None,
        key_id=own_key(who, key_id),
        model=model,
        provider=provider,
        status=status,
        min_cost=nano_from_usd(str(min_cost)) if min_cost is not None else None,
    )
    found = await to.logs.list(who.tenant_id, where, after=_place(after) if after else None, limit=limit + 1)
    more, page = len(found) > limit, found[:limit]
    return Logs(data=[_log(r) for r in page], has_more=more, next=f"{page[-1].at}_{page[-1].id}" if more else None)


async def get_trace(id: str, who: Who, to: Parts) -> Trace:
    """Return one call, by its request id or its W3C trace id."""
    record = await to.logs.get(who.tenant_id, id[:64])
    if record is None or (who.kind != "admin" and record.key_id != who.id):
        raise NotFound("There is no such call.")
    rows = await to.logs.charges(who.tenant_id, record)
    ledger = [
        {"attempt": r.attempt, "target": r.target, "usd": usd(r.nano), "tokens": r.tokens, "billed": r.billed}
        for r in rows
    ]
    return _trace(record, ledger)


def _place(after: str) -> tuple[int, str]:
    at, _, id = after.partition("_")
    if not (at.isascii() and at.isdigit() and id) or len(at) > 18:
        raise BadRequest("after is the `next` of the page before.", code="invalid_parameter", param="after")
    return int(at), id


def _log(r: Record) -> Log:
    return Log(
        id=r.id, at=instant(r.at), status=r.status, http_status=r.http_status, code=r.code, surface=r.surface,
        operation=r.operation, stream=r.stream, key_id=r.key_id, end_user=r.end_user, tags=list(r.tags),
        model_requested=r.model_requested, model_used=r.model_used, provider_used=r.provider_used,
        attempts=len(r.attempts), input_tokens=r.usage.input, output_tokens=r.usage.output,
        cost_usd=_usd(r.cost_nano), billed=r.billed, total_ms=round(r.total_ms, 3),
        first_token_ms=_ms(r.first_token_ms),
        error_message=r.error_message,
    )  # fmt: skip


def _trace(r: Record, ledger: list[dict[str, Any]]) -> Trace:
    attempts = []
    for attempt in r.attempts:
        told = msgspec.structs.asdict(attempt)
        told["held_usd"], told["cost_usd"] = usd(told.pop("held_nano")), _usd(told.pop("cost_nano"))
        attempts.append({name: _ms(value) if name.endswith("_ms") else value for name, value in told.items()})
    return Trace(
        id=r.id,
        trace_id=r.trace_id,
        at=instant(r.at),
        call={
            "surface": r.surface, "operation": r.operation, "stream": r.stream, "model": r.model_requested,
            "tenant": r.tenant_id, "key": r.key_id, "user": r.user_id, "app": r.app_id, "end_user": r.end_user,
            "session": r.session, "tags": list(r.tags), "metadata": r.metadata, "parameters": r.parameters,
            "address": r.address, "bytes_in": r.bytes_in, "bytes_out": r.bytes_out,
        },
        route={
            "name": r.route, "reason": r.routing_reason, "model_used": r.model_used, "provider_used": r.provider_used,
            "dropped": list(r.dropped), "defaulted": list(r.defaulted),
        },
        attempts=attempts,
        ledger=ledger,
        usage={**msgspec.structs.asdict(r.usage), "total": r.usage.total},
        timing={
            "total_ms": _ms(r.total_ms), "provider_ms": _ms(r.latency_ms), "gateway_ms": _ms(r.overhead_ms),
            "first_token_ms": _ms(r.first_token_ms), "worker": r.worker,
        },
        outcome={
            "status": r.status, "http_status": r.http_status, "code": r.code, "error": r.error_message,
            "finish": r.finish, "cost_usd": _usd(r.cost_nano), "billed": r.billed, "held_usd": usd(r.held_nano),
        },
    )  # fmt: skip


def _usd(nano: int | None) -> str | None:
    return None if nano is None else usd(nano)


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


ROUTES = (
    Route(method="GET", path="/logs", permission="logs:view", endpoint=list_logs, summary="List calls", tag="logs"),
    Route(
        method="GET",
        path="/traces/{id}",
        permission="logs:view",
        endpoint=get_trace,
        summary="Show one call",
        tag="logs",
    ),
)
