"""``/metrics/budgets`` and ``/metrics/spending``: a key's own budgets, and what a whole tenant spends."""

from typing import Annotated

import msgspec
from fastapi import Query

from headgate.access.reach import reach
from headgate.access.types import Budget as Bound
from headgate.access.types import Window
from headgate.admin.budgets import BudgetUsage, Coming, coming_of, usage_of, zone_of
from headgate.admin.crud import Parts, Who, found
from headgate.admin.fields import Answer, UsdText, UtcTime, instant, object_id
from headgate.admin.route import Route
from headgate.billing.resolve import conditions, scope_of
from headgate.billing.standing import forecast_of, stand
from headgate.core.ids import now
from headgate.core.money import usd
from headgate.ledger.windows import bounds
from headgate.storage.budget_rows import BudgetRow


class OwnBudget(BudgetUsage):
    """How a budget stands that a key has by itself."""

    window: Window
    hard: bool


class OwnBudgets(Answer):
    """Those of one key."""

    data: list[OwnBudget]


class Spending(Answer):
    """What the whole tenant spends in a month, by the ledger."""

    start: UtcTime
    end: UtcTime
    monthly_budget: UsdText | None
    """The least that a budget of the whole tenant allows in a month."""
    current_spend: UsdText
    forecast: Coming | None


async def key_budgets(who: Who, to: Parts, key_id: Annotated[str | None, Query(max_length=64)] = None) -> OwnBudgets:
    """Return how the budgets stand that a key has by itself: those made with it. A key asks for its own."""
    far = reach(who, "budgets:view")
    id = who.id if far is None or far.narrow else object_id(key_id or "", "key")
    row = found(await to.keys.get(who.tenant_id, id), "key")
    zone = await zone_of(to, who)
    budgets = []
    for number, one in enumerate(msgspec.json.decode(row.budgets, type=list[Bound])):
        as_row = BudgetRow(
            id=f"{row.id}-{number}",
            tenant_id=row.tenant_id,
            name=row.name,
            conditions=msgspec.json.encode([("key", row.id)]).decode(),
            unit=one.unit,
            amount=one.amount,
            period=one.window,
            hard=one.hard,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        told = usage_of(await stand(to.money.budgets, as_row, zone), one.unit)
        budgets.append(OwnBudget(window=one.window, hard=one.hard, **told.model_dump()))
    return OwnBudgets(data=budgets)


async def get_spending(who: Who, to: Parts) -> Spending:
    """Return what the tenant has spent this month, what it may, and what it will have."""
    zone, store = await zone_of(to, who), to.money.budgets
    start, end = bounds("month", now(), zone)
    kept = scope_of("tenant", who.tenant_id)
    used = (await store.spent(kept, start, end)).nano
    caps = [
        row.amount
        for row in await store.every(who.tenant_id)
        if row.is_active and row.period == "month" and row.unit == "nano" and row.each is None and _whole(row)
    ]
    coming = await forecast_of(store, kept, "nano", start, end, zone, used)
    return Spending(
        start=instant(start),
        end=instant(end),
        monthly_budget=usd(min(caps)) if caps else None,
        current_spend=usd(used),
        forecast=coming_of(coming, "nano"),
    )


def _whole(row: BudgetRow) -> bool:
    return all(kind == "tenant" for kind, _ in conditions(row.conditions))


ROUTES = (
    Route(
        method="GET",
        path="/metrics/budgets",
        permission="budgets:view",
        endpoint=key_budgets,
        summary="How a key's own budgets stand",
        tag="budgets",
        object="key",
        narrows=("own",),
    ),
    Route(
        method="GET",
        path="/metrics/spending",
        permission="usage:view",
        endpoint=get_spending,
        summary="What the tenant spends",
        tag="usage",
        object="tenant",
    ),
)
