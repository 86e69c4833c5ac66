"""``/config/models``: what the registry knows of every model."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts
from headgate.models.select import Wanted, told

Word = Annotated[str | None, Query(max_length=200)]


class ModelPage(Answer):
    """One page of models, by name."""

    data: list[dict[str, Any]]
    has_more: bool
    next: str | None


def named(
    search: Word = None,
    provider: Word = None,
    kind: Word = None,
    use_case: Word = None,
    region: Word = None,
    status: Literal["active", "testing", "deprecated"] | None = None,
) -> Wanted:
    """Return the filters by a word."""
    return Wanted(search=search, provider=provider, kind=kind, use_case=use_case, region=region, status=status)


def asked(
    words: Annotated[Wanted, Depends(named)],
    capability: Annotated[list[str] | None, Query(max_length=20)] = None,
    max_price: Annotated[float | None, Query(ge=0)] = None,
    min_context: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    usable: bool = False,
) -> Wanted:
    """Return all filters of a request."""
    return msgspec.structs.replace(
        words, capability=tuple(capability or ()), max_price=max_price, min_context=min_context, usable=usable
    )


async def list_registry(
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    wanted: Annotated[Wanted, Depends(asked)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Word = None,
) -> ModelPage:
    """Return models with prices (USD per million tokens), limits, abilities, dates and the source of the figures."""
    found = await asyncio.to_thread(to.models, wanted, who.tenant_id)  # thousands of models: a tenth of a second
    left = [entry for entry in found if after is None or entry.id > after]
    page = left[:limit]
    more = len(left) > limit
    return ModelPage(data=[told(entry) for entry in page], has_more=more, next=page[-1].id if more else None)


ROUTES = (
    Route(
        method="GET",
        path="/config/models",
        permission="config:view",
        endpoint=list_registry,
        summary="What is known of models",
        object="model",
        tag="config",
        narrows=("team", "own"),
    ),
)
"""Routes of the registry."""
