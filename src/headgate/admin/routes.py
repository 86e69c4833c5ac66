"""``/routes``: the routes in force, and what would become of a call; and the aliases and use cases beside them."""

import asyncio
from collections.abc import Mapping
from functools import partial
from time import time_ns
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from headgate.access.assemble import Assembler
from headgate.access.types import Budget, Principal
from headgate.admin.configured import Objects, Parts, Who
from headgate.admin.fields import Answer, Body, Text, object_id
from headgate.admin.named import operations
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route
from headgate.admin.versions import Shown
from headgate.core.errors import NotFound
from headgate.ledger.windows import bounds
from headgate.pipeline.explain import Asked, explain
from headgate.pipeline.parts import Snapshot
from headgate.routing.board import Board
from headgate.routing.table import Route as Compiled
from headgate.routing.table import named
from headgate.routing.types import UNKNOWN, Measured

Word = Annotated[Text, Field(min_length=1, max_length=512)]


class RouteShown(Answer):
    """A route or alias as it is in force."""

    name: str
    kind: str
    """``route``, or ``alias``."""
    managed_by: str
    """``file``: it is changed in the configuration file alone; ``database``: here."""
    shared: bool
    """It is all tenants', not this one's alone."""
    platform: bool
    """It binds the tenant: who administers the platform alone changes it."""
    version: int | None
    etag: str | None
    targets: list[dict[str, Any]]
    strategy: list[dict[str, Any]]
    fallback: str | None
    reason: str


class RouteList(Answer):
    """Every route and alias that the caller's tenant can ask for."""

    data: list[RouteShown]


class Question(Body):
    """A call that might be made."""

    model: Word
    body: Annotated[dict[str, Any], Field(default_factory=dict)]
    """A chat request as any surface takes it, where what it holds matters."""
    dialect: Literal["openai-chat", "openai-responses", "openai-completions", "anthropic-messages", "gemini"] | None = (
        None
    )
    """Which one's it is; left out, its fields tell."""
    key_id: Word | None = None
    """Whose grants, limits and budgets count; without it, nobody's."""
    user: Word | None = None
    session: Word | None = None
    tags: Annotated[list[Word], Field(max_length=50, default_factory=list)]
    metadata: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    """What the route *model* would be: to see what would come of it before it is stored."""


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


async def list_routes(who: Who, to: Parts) -> RouteList:
    """Return the routes and aliases in force, each with its deployments and strategies."""

    owned = {(kind, one.name): one for kind in ("route", "alias") for one in await Objects(kind, who, to).listed()}

    def work() -> list[RouteShown]:
        table = to.live.compiled.snapshot.table_of(who.tenant_id)
        return [_shown(route, owned.get((route.kind, route.name))) for route in table.routes.values()]

    return RouteList(data=await asyncio.to_thread(work))


async def explain_route(body: Question, who: Who, to: Parts) -> Explained:
    """Say which deployment a call would go to, and why; nobody is called, and nothing is held."""
    asker = who
    if body.key_id is not None:
        whole = await to.keys.whole(who.tenant_id, object_id(body.key_id, "key"))
        if whole is None:
            raise NotFound("There is no such key.", param="key_id")
        asker = Assembler().key(whole)
    snapshot = to.snapshot if body.config is None else partial(_draft, to, who, body.model, body.config)
    asked = Asked(
        model=body.model,
        body=body.body,
        dialect=body.dialect,
        user=body.user,
        session=body.session,
        tags=tuple(body.tags),
        metadata=body.metadata,
    )

    hands, loop = await to.switches.all(), asyncio.get_running_loop()

    def used(budget: Budget, scope: str) -> int:
        return asyncio.run_coroutine_threadsafe(_used(to, asker, budget, scope), loop).result()

    def work() -> dict[str, Any]:
        found = explain(snapshot(), Posted(to.board, hands), asked, asker, used)
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told

    return Explained(**await asyncio.to_thread(work))


def _draft(to: AdminParts, who: Principal, name: str, config: dict[str, Any]) -> Snapshot:
    """Return the routes as they would be, were the caller's own *name* what *config* says."""
    return Objects("route", who, to).draft(name, config).snapshot


async def _used(to: AdminParts, who: Principal, budget: Budget, scope: str) -> int:
    start, end = bounds(budget.window, time_ns() // 1000, who.zone)
    spent = await to.money.budgets.spent(scope, start, end)
    return spent.nano if budget.unit == "nano" else spent.tokens


def _shown(route: Compiled, owned: Shown | None) -> RouteShown:
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
        managed_by="file" if owned is None else owned.managed_by,
        shared=owned is None or owned.shared,
        platform=owned is not None and owned.platform,
        version=None if owned is None else owned.version,
        etag=None if owned is None else owned.etag,
        targets=targets,
        strategy=list(config.strategy),
        fallback=config.fallback,
        reason=route.reason,
    )


class Posted:
    """What the running workers know of deployments, for a process that calls none."""

    generation = 0

    def __init__(self, board: Board, hands: Mapping[str, str]) -> None:
        posts = board.read()
        self._measured: dict[str, Measured] = {}
        self._shut: dict[str, str] = {name: "switched off by hand" for name, s in hands.items() if s == "open"}
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
        object="route",
    ),
    Route(
        method="POST",
        path="/routes/explain",
        permission="routes:view",
        endpoint=explain_route,
        summary="What would become of a call",
        tag="routes",
        object="route",
        writes=tuple(Question.model_fields),
    ),
    *operations("route", "routes", tag="routes")[1:],  # they are listed above, as they are in force
    *operations("alias", "aliases", tag="routes"),
    *operations("use_case", "use-cases", tag="routes"),
)
"""Routes about routes."""
