"""How a budget stands: what is used and set aside of its window, what is left, and what it will be at the end."""

from datetime import date, timedelta

import msgspec

from headgate.access.types import Unit, Window
from headgate.billing.calendar import DAY, begin, day_of, days, zone
from headgate.billing.forecast import DAYS, Forecast, forecast
from headgate.billing.resolve import scope
from headgate.core.ids import now
from headgate.ledger.balances import Scope
from headgate.ledger.windows import FOR_EVER, bounds
from headgate.storage.budget_rows import BudgetRow
from headgate.storage.budgets import Spent, SqlBudgets

MAX_EACH = 100
"""Of a budget that each has for itself, so many are told: the dearest."""


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """How one window of one budget stands; amounts are nano-dollars or tokens, as the budget's."""

    start: int
    end: int
    used: int
    set_aside: int
    """Room that processes keep for calls. One process alone keeps all there is, so it is no part of what is gone."""
    amount: int
    forecast: Forecast | None
    each: tuple[Spent, ...] = ()
    """Of a budget that each has for itself; then ``used`` and ``set_aside`` are the one's who used most."""

    @property
    def remaining(self) -> int:
        """What is not used; never below nothing."""
        return max(self.amount - self.used, 0)

    @property
    def share(self) -> float:
        """How much of it is used."""
        return self.used / self.amount


async def stand(store: SqlBudgets, row: BudgetRow, zone_name: str) -> Stand:
    """Return how the window of *row* that runs stands."""
    window, unit = _window(row), _unit(row)
    start, end = bounds(window, now(), zone_name)
    kept = scope(row)
    period = Scope(kept, window, start, end, unit).period
    coming, each = None, []
    if row.each is not None:
        each = await store.spent_each(row, kept, start, end, limit=MAX_EACH)
        most = max(each, key=lambda one: _of(one, unit), default=Spent(kept, 0, 0))
    else:
        most = await store.spent(kept, start, end)
        coming = await forecast_of(store, kept, unit, start, end, zone_name, _of(most, unit))
    return Stand(
        start=start,
        end=end,
        used=_of(most, unit),
        set_aside=await store.set_aside(most.scope, period, start),
        amount=row.amount,
        forecast=coming,
        each=tuple(each),
    )


async def forecast_of(
    store: SqlBudgets, kept: str, unit: Unit, start: int, end: int, zone_name: str, used: int
) -> Forecast | None:
    """Return what a scope will have spent at the end of a window; ``None`` without an end, or without a past."""
    if end == FOR_EVER:
        return None
    there, at = zone(zone_name), now()
    today = day_of(at, there)
    spent: dict[date, int] = {}
    for begun, nano, tokens in await store.daily(kept, begin(today - timedelta(DAYS), there), begin(today, there)):
        spent[day_of(begun, there)] = nano if unit == "nano" else tokens
    past = {day: spent.get(day, 0) for day in days(min(spent), today)} if spent else {}
    tomorrow = begin(today + DAY, there)
    left = (tomorrow - at) / (tomorrow - begin(today, there))
    return forecast(used, past, [(today, left), *((day, 1.0) for day in days(today + DAY, day_of(end, there)))])


def _of(spent: Spent, unit: Unit) -> int:
    return spent.nano if unit == "nano" else spent.tokens


def _window(row: BudgetRow) -> Window:
    return row.period  # type: ignore[return-value]  # checked when it was made


def _unit(row: BudgetRow) -> Unit:
    return row.unit  # type: ignore[return-value]
