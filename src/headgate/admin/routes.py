"""``/routes``: the routes in force, and what would become of a call."""

import asyncio
from collections.abc import Mapping
from time import time_ns
from typing import Annotated, Any

import msgspec
from fastapi import Depends
from pydantic import Field

from headgate.access.keys import principal_of
from headgate.access.types import Budget, Principal
from headgate.admin.fields import Answer, Body, Text, object_id
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts
from headgate.core.errors import Conflict, NotFound
from headgate.ledger.windows import bounds
from headgate.pipeline.explain import Asked, explain
from headgate.routing.board import Board
from headgate.routing.table import Route as Compiled
from headgate.routing.table import named
from headgate.routing.types import UNKNOWN, Measured

Word = Annotated[Text, Field(min_length=1, max_length=512)]


class RouteShown(Answer):
    """A route as it is in force."""

    name: str
    kind: str
    """``route``, or ``alias``."""
    managed_by: str
    """``file``: it is changed in the configuration file alone."""
    targets: list[dict[str, Any]]
    strategy: list[dict[str, Any]]
    fallback: str | None
    reason: str


class RouteList(Answer):
    """Every route and alias of the configuration."""

    data: list[RouteShown]


class Question(Body):
    """A call that might be made."""

    model: Word
    body: Annotated[dict[str, Any], Field(default_factory=dict)]
    """A Chat Completions request, where what it holds matters."""
    key_id: Word | None = None
    """Whose grants, limits and budgets count; without it, nobody's."""
    user: Word | None = None
    session: Word | None = None
    tags: Annotated[list[Word], Field(max_length=50, default_factory=list)]
    metadata: dict[str, Any] | None = None


class Explained(Answer):
    """What would happen; see ``candidates`` for each deployment, best first."""

    model: str
    route: str
    kind: str
    reason: str
    strategies: list[str]
    candidates: list[dict[str, Any]]
    refused: str | None
    seen: dict[str, Any]
    limits: dict[str, Any]
    budgets: list[dict[str, Any]]


class NewRoute(Body):
    """A route to be made."""

    name: Word
    config: dict[str, Any]


async def list_routes(to: Annotated[AdminParts, Depends(parts)]) -> RouteList:
    """Return the routes and aliases in force, each with its deployments and strategies."""
    snapshot = await asyncio.to_thread(to.snapshot)
    return RouteList(data=[_shown(route) for route in snapshot.table.routes.values()])


async def explain_route(
    body: Question, who: Annotated[Principal, Depends(caller)], to: Annotated[AdminParts, Depends(parts)]
) -> Explained:
    """Say which deployment a call would go to, and why; nobody is called, and nothing is held."""
    asker, used = who, tuple[int, ...]()
    if body.key_id is not None:
        row = await to.keys.get(who.tenant_id, object_id(body.key_id, "key"))
        if row is None:
            raise NotFound("There is no such key.", param="key_id")
        asker = principal_of(row)
        used = tuple([await _used(to, asker, budget) for budget in asker.budgets])
    asked = Asked(
        model=body.model,
        body=body.body,
        user=body.user,
        session=body.session,
        tags=tuple(body.tags),
        metadata=body.metadata,
    )

    def work() -> dict[str, Any]:
        found = explain(to.snapshot(), Posted(to.board), asked, asker, used)
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told

    return Explained(**await asyncio.to_thread(work))


async def make_route(body: NewRoute, to: Annotated[AdminParts, Depends(parts)]) -> None:
    """Refuse: routes live in the configuration file, which a running gateway takes up within a second."""
    raise _of_the_file(body.name, f"routes:\n  {body.name}: {msgspec.json.encode(body.config).decode()}")


async def remove_route(name: str, to: Annotated[AdminParts, Depends(parts)]) -> None:
    """Refuse, as :func:`make_route` does."""
    snapshot = await asyncio.to_thread(to.snapshot)
    if name not in snapshot.table.routes:
        raise NotFound("There is no such route.", param="name")
    raise _of_the_file(name, f"remove `{name}` below `routes:` or `aliases:`")


def _of_the_file(name: str, change: str) -> Conflict:
    return Conflict(
        f"The route {name!r} is managed by the configuration file, where this is the change to make: {change}",
        code="managed_by_file",
        param="name",
    )


async def _used(to: AdminParts, who: Principal, budget: Budget) -> int:
    now = time_ns() // 1000
    start, end = bounds(budget.window, now)
    sums = await to.usage.totals(who.tenant_id, "key", since=start, until=min(end, now + 1), key_id=who.id)
    return sum(one.cost_nano for one in sums)


def _shown(route: Compiled) -> RouteShown:
    config = route.config
    entries = {entry.model: entry for entry in map(named, config.targets)}
    own: Mapping[str, Any] = {option.name: option for option in route.policy.options} if route.policy else {}
    targets = []
    for target in route.targets:
        entry, option = entries.get(target.name), own.get(target.name)
        told: dict[str, Any] = {"target": target.name, "priced": target.price is not None}
        if entry is not None:
            told |= {"weight": entry.weight, "quality": entry.quality}
        if option is not None:
            told |= {"regions": sorted(option.regions), "tags": sorted(option.tags)}
        targets.append(told)
    return RouteShown(
        name=route.name,
        kind=route.kind,
        managed_by="file",
        targets=targets,
        strategy=list(config.strategy),
        fallback=config.fallback,
        reason=route.reason,
    )


class Posted:
    """What the running workers know of deployments, for a process that calls none."""

    generation = 0

    def __init__(self, board: Board) -> None:
        posts = board.read()
        self._measured: dict[str, Measured] = {}
        self._shut: dict[str, str] = {name: "switched off by hand" for name, s in board.hands().items() if s == "open"}
        for post in posts:
            for row in post.rows:
                if row.measured is not None:
                    self._measured.setdefault(row.name, row.measured)
                if row.state in ("open", "benched"):
                    self._shut.setdefault(row.name, f"{row.state} in worker {post.worker}: {row.reason}")

    def of(self, target: str) -> Measured:
        """See ``Standing``."""
        return self._measured.get(target, UNKNOWN)

    def shut(self, target: str) -> str | None:
        """See ``Standing``."""
        return self._shut.get(target) or self._shut.get(target.partition("/")[0])


ROUTES = (
    Route(
        method="GET",
        path="/routes",
        permission="routes:view",
        endpoint=list_routes,
        summary="List routes",
        tag="routes",
    ),
    Route(
        method="POST",
        path="/routes/explain",
        permission="routes:view",
        endpoint=explain_route,
        summary="What would become of a call",
        tag="routes",
    ),
    Route(
        method="POST",
        path="/routes",
        permission="routes:change",
        endpoint=make_route,
        summary="Make a route",
        tag="routes",
        status=201,
    ),
    Route(
        method="DELETE",
        path="/routes/{name}",
        permission="routes:change",
        endpoint=remove_route,
        summary="Remove a route",
        tag="routes",
    ),
)
"""Routes about routes."""
