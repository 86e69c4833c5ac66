"""What was used: calls, tokens and cost, added up from the hourly rollups."""

from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.schema import usage
from headgate.storage.tenancy import Narrow
from headgate.storage.tenancy_objects import of_keys

Dimension = Literal["day", "hour", "key", "model", "provider"]
HOUR = 3_600_000_000


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What was used under one name of a dimension; for ``day`` and ``hour`` the name is microseconds UTC."""

    name: str | int
    requests: int
    failures: int
    input: int
    output: int
    cached: int
    reasoning: int
    cost_nano: int
    unpriced: int


class UsageStore(Protocol):
    """Sums of one tenant at a time."""

    async def totals(
        self,
        tenant_id: str,
        by: Dimension,
        *,
        since: int,
        until: int,
        key_id: str | None = None,
        within: Narrow | None = None,
    ) -> list[Used]:
        """Return the sums of the whole hours from *since* to *until* (microseconds UTC), by *by*, dearest first.

        *within* says of whose keys alone.
        """
        ...


class SqlUsage:
    """:class:`UsageStore` over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def totals(
        self,
        tenant_id: str,
        by: Dimension,
        *,
        since: int,
        until: int,
        key_id: str | None = None,
        within: Narrow | None = None,
    ) -> list[Used]:
        """See :class:`UsageStore`."""
        c = usage.c
        names: dict[Dimension, ColumnElement[Any]] = {
            "day": c.hour - c.hour % 24, "hour": c.hour, "key": c.key_id, "model": c.model, "provider": c.provider,
        }  # fmt: skip
        name = names[by].label("name")
        sums = [
            func.sum(column).label(column.name) for column in (c.requests, c.input, c.output, c.cached, c.reasoning)
        ]
        sums += [func.sum(c.cost_nano).label("cost_nano"), func.sum(c.unpriced).label("unpriced")]
        sums.append(func.sum(case((c.status == "failure", c.requests), else_=0)).label("failures"))
        query = select(name, *sums).where(c.tenant_id == tenant_id, c.hour >= since // HOUR, c.hour * HOUR < until)
        if key_id is not None:
            query = query.where(c.key_id == key_id)
        if within is not None:
            query = query.where(of_keys(c.key_id, tenant_id, within))
        order = [name] if by in ("day", "hour") else [func.sum(c.cost_nano).desc(), name]
        async with self._engine.connect() as con:
            rows = (await con.execute(query.group_by(name).order_by(*order))).mappings()
            return [_used(dict(row), timed=by in ("day", "hour")) for row in rows]


def _used(row: dict[str, Any], *, timed: bool) -> Used:
    """PostgreSQL sums big integers as decimals; hours are stored by number."""
    plain: dict[str, Any] = {field: value if isinstance(value, str) else int(value) for field, value in row.items()}
    if timed:
        plain["name"] *= HOUR
    return Used(**plain)
