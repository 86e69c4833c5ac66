"""``/traces/{id}``: one call with everything that happened to it, as a tree."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Ms, UsdText, UtcTime, instant, object_id
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts, within
from headgate.core.call import Attempt, Record
from headgate.core.errors import NotFound
from headgate.core.money import Usage, usd
from headgate.observe.log import LedgerRow
from headgate.routing.policy import verdicts
from headgate.storage.tenancy import Narrow

Billed = Literal["usage", "estimated", "uncertain", "none"]


class Asked(Answer):
    """Who asked for what."""

    surface: str
    operation: str
    stream: bool
    model_requested: str | None
    parameters: dict[str, Any] | None
    parent_id: str | None
    """The caller's own span, in 16 hexadecimal digits, where it told of one."""
    key_id: str | None
    team_id: str | None
    user_id: str | None
    app_id: str | None
    end_user: str | None
    session: str | None
    tags: list[str]
    metadata: dict[str, Any] | None
    address: str | None
    bytes_in: int


class Routed(Answer):
    """Where it went, and why."""

    name: str | None
    reason: str | None
    candidates: list[dict[str, Any]]
    """What became of each deployment when the route chose, and while they were tried, in words."""
    choice: dict[str, Any] | None
    """The scores and figures behind it: the order can be worked out from them alone."""
    model_used: str | None
    provider_used: str | None


class Tried(Answer):
    """One call to one deployment. Times are milliseconds since the exchange began."""

    number: int
    provider: str
    model: str
    role: str
    """What it was made for, where not in its turn: ``hedge``, ``fan-out``, ``resume``."""
    outcome: str
    status: int | None
    error: str | None
    started_ms: Ms
    headers_ms: Ms | None
    first_ms: Ms | None
    ended_ms: Ms | None
    held_usd: UsdText
    cost_usd: UsdText | None
    billed: Billed
    upstream_id: str | None


class Charged(Answer):
    """A row of the ledger."""

    attempt: int
    target: str
    usd: UsdText
    tokens: int
    billed: str


class Tokens(Answer):
    """Tokens: ``input`` is the whole prompt, ``output`` all that was generated; the others are parts of these."""

    input: int
    output: int
    total: int
    cached: int
    cache_write: int
    reasoning: int
    more: dict[str, int]
    """What there is besides: tokens of sound and pictures, and what is charged by the piece."""


class Timing(Answer):
    """Milliseconds: in all, of it here, at the provider, and to the first token."""

    total_ms: Ms
    overhead_ms: Ms
    latency_ms: Ms | None
    first_token_ms: Ms | None


class Outcome(Answer):
    """How it ended and what it cost."""

    status: Literal["success", "fallback", "failure"]
    http_status: int
    code: str | None
    error_message: str | None
    finish: str | None
    cost_usd: UsdText | None
    billed: Billed
    held_usd: UsdText
    soft_budgets: list[str]
    """Soft budgets that were passed with it."""
    dropped: list[str]
    defaulted: list[str]
    resumed: int
    """How often the answer broke off and was gone on with."""
    shadow_of: str | None
    """The call that this one is a copy of, or compares with its copy."""
    compared: str | None
    """What a judge said of the copy: ``better``, ``worse`` or ``equal``."""
    bytes_out: int
    worker: int


class Trace(Answer):
    """One call, whole."""

    id: str
    trace_id: str
    at: UtcTime
    call: Asked
    route: Routed
    guardrails: list[dict[str, Any]]
    """What looked at its text, and what it found: never the text."""
    cache: dict[str, Any] | None
    """What a cache did about it, and why; null where its route has none."""
    attempts: list[Tried]
    ledger: list[Charged]
    usage: Tokens
    timing: Timing
    outcome: Outcome


async def get_trace(
    id: str,
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    inside: Annotated[Narrow | None, Depends(within)],
) -> Trace:
    """Return the call of a request id or a W3C trace id."""
    record = await to.logs.get(who.tenant_id, object_id(id, "call"), inside)
    if record is None:
        raise NotFound("There is no such call. One that has just ended is here within a second.")
    return trace_of(record, await to.logs.charges(who.tenant_id, record))


def trace_of(record: Record, ledger: Sequence[LedgerRow]) -> Trace:
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
