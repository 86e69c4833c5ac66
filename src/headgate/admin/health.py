"""``/providers/health``: how each worker finds the deployments it calls, and switching them by hand."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends
from pydantic import Field
from starlette.requests import Request

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Body, Text
from headgate.admin.grants import over_platform
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, author, caller, parts
from headgate.core.errors import BadRequest, NotFound

VIEW = "config:view"


class Standing(Answer):
    """What one worker knows of one deployment or account."""

    worker: int
    name: str
    state: Literal["closed", "open", "half-open", "benched"]
    reason: str
    wait: float
    measured: dict[str, Any] | None


class Standings(Answer):
    """What every worker knows, and what was set by hand."""

    data: list[Standing]
    by_hand: dict[str, Literal["open", "closed"]]


class Switch(Body):
    """A deployment (``provider/model``) or a provider, and what to do with it."""

    name: Annotated[Text, Field(min_length=1, max_length=512)]
    state: Literal["open", "closed"] | None
    """``open``: do not call it. ``closed``: call it, whatever is measured. ``null``: go by what is measured again."""


async def provider_health(
    who: Annotated[Principal, Depends(caller)], to: Annotated[AdminParts, Depends(parts)]
) -> Standings:
    """Return the state and the figures of every deployment that was called, by worker of the machine that answers.

    Each worker finds out for itself. What was set by hand holds for all machines.
    """
    return await _standings(to, None if over_platform(who, VIEW) else who.tenant_id)


async def switch_provider(request: Request, body: Switch, to: Annotated[AdminParts, Depends(parts)]) -> Standings:
    """Switch a deployment or a whole provider off or on by hand; every worker, of every machine, obeys in a second."""
    provider = body.name.partition("/")[0]
    if body.state is not None and provider not in await asyncio.to_thread(to.provider_names, None):
        raise NotFound(f"There is no provider {provider[:64]!r}.", param="name")
    try:
        await to.switches.set(body.name, body.state, author(request))
    except ValueError as error:
        raise BadRequest(f"{error}.", param="name") from None
    return await _standings(to, None)


async def _standings(to: AdminParts, tenant: str | None) -> Standings:
    """Return them as far as *tenant* may know of them; ``None`` may of all."""
    posts = await asyncio.to_thread(to.board.read)
    compiled = to.live.compiled

    def known(name: str) -> bool:
        return compiled.may_know(tenant, name.partition("/")[0].partition("#")[0])

    return Standings(
        data=[
            Standing(
                worker=post.worker,
                name=row.name,
                state=row.state,
                reason=row.reason,
                wait=row.wait,
                measured=None if row.measured is None else msgspec.to_builtins(row.measured),
            )
            for post in posts
            for row in post.rows
            if known(row.name)
        ],
        by_hand={name: state for name, state in (await to.switches.all()).items() if known(name)},
    )


ROUTES = (
    Route(
        method="GET",
        path="/providers/health",
        permission=VIEW,
        endpoint=provider_health,
        summary="How deployments do",
        object="provider",
        tag="providers",
    ),
    Route(
        method="POST",
        path="/providers/health",
        permission="providers:switch",
        endpoint=switch_provider,
        summary="Switch a deployment by hand",
        object="provider",
        writes=("name", "state"),
        tag="providers",
    ),
)
"""Routes of the health of providers."""
