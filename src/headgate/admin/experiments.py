"""``/experiments``: how the targets of a route compare, and what copies of its calls came to elsewhere."""

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query

from headgate.access.types import Principal
from headgate.admin.fields import Answer
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts
from headgate.core.errors import NotFound
from headgate.core.record import Record
from headgate.observe.log import LogFilter
from headgate.routing.experiment import Comparison, drawn, outcome, paired, words
from headgate.routing.table import Experiment, instant

PAGE = 1000
MOST = 100_000
"""Calls that are looked at, the latest."""


class Compared(Answer):
    """How it stands, by the calls of the caller's tenant that are still on record."""

    route: str
    calls: int
    """Calls that were looked at."""
    complete: bool
    """False where there are more calls than are looked at."""
    measure: str | None
    """``None`` where the route has no experiment."""
    since: str | None
    level: float | None
    said: str
    decided: bool
    targets: list[dict[str, Any]]
    """The first is what the others are compared with. ``effect`` is the difference of rates of errors, else a ratio;
    it lies between ``low`` and ``high``. ``verdict`` is empty while it is not decided."""
    copies: list[dict[str, Any]]
    """What copies of calls came to, by their deployment, beside the calls themselves."""


async def compare(
    route: Annotated[str, Query(max_length=200)],
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
) -> Compared:
    """Say how the targets of a route compare, and whether that is decided."""
    snapshot = await asyncio.to_thread(to.snapshot)
    found = snapshot.table_of(who.tenant_id).routes.get(route)
    if found is None:
        raise NotFound("There is no such route.", param="route")
    config = found.config
    experiment: Experiment | None = config.experiment
    since = instant(experiment.since) if experiment is not None and experiment.since else None
    records = await _records(to, who.tenant_id, found.name, since)
    arms = []
    if experiment is not None:
        test = Comparison([target.name for target in found.targets], experiment.measure, experiment.level)
        arms = await asyncio.to_thread(_told, test, records)
    return Compared(
        route=found.name,
        calls=len(records),
        complete=len(records) < MOST,
        measure=experiment.measure if experiment is not None else None,
        since=experiment.since if experiment is not None else None,
        level=experiment.level if experiment is not None else None,
        said=words(arms, experiment.measure) if experiment is not None else "",
        decided=bool(arms) and all(arm.verdict for arm in arms[1:]),
        targets=msgspec.to_builtins(arms),
        copies=msgspec.to_builtins(paired(records)),
    )


def _told(test: Comparison, records: list[Record]) -> Any:
    for record in records:
        target = drawn(record) if record.shadow_of is None else None
        value = outcome(record, test.measure) if target is not None else None
        if target is not None and value is not None:
            test.add(target, value)
    return test.arms()


async def _records(to: AdminParts, tenant_id: str, route: str, since: int | None) -> list[Record]:
    """Return the calls of *route* on record, oldest first."""
    found: list[Record] = []
    after: tuple[int, str] | None = None
    while len(found) < MOST:
        page = await to.logs.list(tenant_id, LogFilter(since=since, route=route), after=after, limit=PAGE)
        found += page
        if len(page) < PAGE:
            break
        after = (page[-1].at, page[-1].id)
    found.reverse()
    return found


ROUTES = (
    Route(
        method="GET",
        path="/experiments",
        permission="routes:view",
        endpoint=compare,
        summary="How the targets of a route compare",
        tag="routes",
        object="route",
    ),
)
"""Routes about experiments."""
