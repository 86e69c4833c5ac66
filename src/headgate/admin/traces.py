"""``/traces/{id}``: one call with everything that happened to it, as a tree."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import instant, object_id
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts, within
from headgate.admin.trace_fields import Asked, Charged, Made, Outcome, Routed, Timing, Tokens, Trace, Tried
from headgate.core.errors import NotFound
from headgate.core.money import Usage, usd
from headgate.core.record import Attempt, Record
from headgate.observe.log import LedgerRow
from headgate.routing.retold import verdicts
from headgate.storage.tenancy import Narrow

PAUSE = 0.1  # seconds


async def get_trace(
    id: str,
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    inside: Annotated[Narrow | None, Depends(within)],
    wait: Annotated[float, Query(ge=0, le=2)] = 0,
) -> Trace:
    """Return the call of a request id or a W3C trace id; one that is about to end is waited for, *wait* seconds."""
    asked = object_id(id, "call")
    record = await to.logs.get(who.tenant_id, asked, inside)
    for _ in range(round(wait / PAUSE)):
        if record is not None:
            break
        await asyncio.sleep(PAUSE)
        record = await to.logs.get(who.tenant_id, asked, inside)
    if record is None:
        raise NotFound("There is no such call. One that has just ended is here within a second.")
    charges, made = await to.logs.charges(who.tenant_id, record), await to.logs.parts(who.tenant_id, record)
    return trace_of(record, charges, made)


def trace_of(record: Record, ledger: Sequence[LedgerRow], made: Sequence[Record] = ()) -> Trace:
    """Return a record and its charges as a tree."""
    used = record.usage
    return Trace(
        id=record.id,
        trace_id=record.trace_id,
        at=instant(record.at),
        call=_asked(record),
        route=Routed(
            name=record.route,
            reason=record.routing_reason,
            candidates=[msgspec.to_builtins(one) for one in _verdicts(record)],
            choice=None if record.choice is None else msgspec.to_builtins(record.choice),
            model_used=record.model_used,
            provider_used=record.provider_used,
        ),
        guardrails=[msgspec.to_builtins(one) for one in record.guardrails],
        cache=_cached(record),
        attempts=[_tried(number, attempt) for number, attempt in enumerate(record.attempts, 1)],
        ledger=[
            Charged(attempt=row.attempt, target=row.target, usd=usd(row.nano), tokens=row.tokens, billed=row.billed)
            for row in ledger
        ],
        usage=Tokens(
            input=used.input,
            output=used.output,
            total=used.total,
            cached=used.cached,
            cache_write=used.cache_write,
            reasoning=used.reasoning,
            more=_more(used),
        ),
        timing=Timing(
            total_ms=record.total_ms,
            overhead_ms=record.overhead_ms,
            latency_ms=record.latency_ms,
            first_token_ms=record.first_token_ms,
        ),
        outcome=_outcome(record),
        parts=[
            Made(
                id=one.id,
                surface=one.surface,
                model=one.model_used or one.model_requested,
                status=one.status,
                cost_usd=None if one.cost_nano is None else usd(one.cost_nano),
                total_ms=one.total_ms,
            )
            for one in made
        ],
        part_of=record.part_of,
    )


def _cached(record: Record) -> dict[str, Any] | None:
    if record.cache is None:
        return None
    told: dict[str, Any] = msgspec.to_builtins(record.cache)
    saved = told.pop("saved_nano", None)
    return told if saved is None else {**told, "saved_usd": usd(saved)}


def _more(used: Usage) -> dict[str, int]:
    """Return what was used besides, as far as there is any: sound, pictures, searches."""
    told: dict[str, int] = msgspec.to_builtins(used)
    return {name: count for name, count in told.items() if name not in Tokens.model_fields}


def _verdicts(record: Record) -> list[Any]:
    return [*(verdicts(record.choice) if record.choice is not None else ()), *record.verdicts]


def _asked(record: Record) -> Asked:
    return Asked(
        surface=record.surface,
        operation=record.operation,
        stream=record.stream,
        model_requested=record.model_requested,
        parameters=record.parameters,
        parent_id=record.parent_id,
        key_id=record.key_id,
        team_id=record.team_id,
        user_id=record.user_id,
        app_id=record.app_id,
        end_user=record.end_user,
        session=record.session,
        tags=list(record.tags),
        metadata=record.metadata,
        address=record.address,
        bytes_in=record.bytes_in,
    )


def _tried(number: int, attempt: Attempt) -> Tried:
    return Tried(
        number=number,
        provider=attempt.provider,
        model=attempt.model,
        outcome=attempt.outcome,
        status=attempt.status,
        error=attempt.error,
        started_ms=attempt.started_ms,
        headers_ms=attempt.headers_ms,
        first_ms=attempt.first_ms,
        ended_ms=attempt.ended_ms,
        held_usd=usd(attempt.held_nano),
        cost_usd=_usd(attempt.cost_nano),
        billed=attempt.billed,
        cost_source=attempt.cost_source,
        stated_usd=_usd(attempt.stated_nano),
        upstream_id=attempt.upstream_id,
        role=attempt.role,
    )


def _outcome(record: Record) -> Outcome:
    return Outcome(
        status=record.status,
        http_status=record.http_status,
        code=record.code,
        error_message=record.error_message,
        finish=record.finish,
        cost_usd=_usd(record.cost_nano),
        billed=record.billed,
        cost_source=record.cost_source,
        held_usd=usd(record.held_nano),
        soft_budgets=list(record.passed),
        dropped=list(record.dropped),
        defaulted=list(record.defaulted),
        resumed=record.resumed,
        shadow_of=record.shadow_of,
        compared=record.compared,
        bytes_out=record.bytes_out,
        worker=record.worker,
    )


def _usd(nano: int | None) -> str | None:
    return None if nano is None else usd(nano)


ROUTES = (
    Route(
        method="GET",
        path="/traces/{id}",
        permission="logs:view",
        endpoint=get_trace,
        summary="One call, whole",
        object="record",
        tag="logs",
        narrows=("team", "own"),
    ),
)
