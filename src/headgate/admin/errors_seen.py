"""``/errors``: what goes wrong, by kind, provider, model and code; since when, how often, for whom, and examples."""

from typing import Annotated, Literal

from fastapi import Query

from headgate.admin.crud import Parts, Who
from headgate.admin.fields import Answer, Instant, UtcTime, instant, micros
from headgate.admin.route import Route
from headgate.observe.errors_seen import ErrorFilter, ErrorGroup

Kind = Literal["provider", "policy", "caller", "gateway"]


class ErrorExample(Answer):
    """A call that met it; ``/traces/{id}`` has it whole."""

    id: str
    at: UtcTime
    message: str


class Error(Answer):
    """One kind of error. ``kind`` is whose it is; ``policy`` is a limit, a budget or a guardrail that did its work."""

    id: str
    kind: Kind
    provider: str | None
    model: str | None
    code: str
    first_seen: UtcTime
    last_seen: UtcTime
    count: int
    """Attempts, and calls that failed without one."""
    keys: list[str]
    """Keys that met it: the first hundred."""
    more_keys: bool
    examples: list[ErrorExample]


class Errors(Answer):
    """Kinds of errors, the last met first."""

    data: list[Error]
    more: int
    """Kinds that are not told."""


async def list_errors(  # noqa: PLR0913  # the filters are the point
    who: Who,
    to: Parts,
    since: Annotated[Instant | None, Query(description="Met since then")] = None,
    new_since: Annotated[Instant | None, Query(description="Met for the first time since then")] = None,
    kind: Annotated[Kind | None, Query()] = None,
    provider: Annotated[str | None, Query(max_length=64)] = None,
    model: Annotated[str | None, Query(max_length=256)] = None,
    code: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Errors:
    """Return the kinds of errors that fit all filters."""
    where = ErrorFilter(
        since=micros(since) if since else None,
        new_since=micros(new_since) if new_since else None,
        kind=kind,
        provider=provider,
        model=model,
        code=code,
    )
    found = await to.errors.groups(who.tenant_id, where)
    return Errors(data=[_error(one) for one in found[:limit]], more=len(found[limit:]))


def _error(one: ErrorGroup) -> Error:
    group, seen = one.group, one.seen
    return Error(
        id=one.id,
        kind=group.kind,
        provider=group.provider or None,
        model=group.model or None,
        code=group.code,
        first_seen=instant(seen.first_at),
        last_seen=instant(seen.last_at),
        count=seen.count,
        keys=seen.keys,
        more_keys=one.many_keys,
        examples=[ErrorExample(id=each.id, at=instant(each.at), message=each.message) for each in seen.examples],
    )


ROUTES = (
    Route(
        method="GET",
        path="/errors",
        permission="logs:view",
        endpoint=list_errors,
        summary="What goes wrong, by kind",
        object="record",
        tag="logs",
    ),
)
