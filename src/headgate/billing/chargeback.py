"""Who pays for what: the days of a tenant added up by team, app, user, key, tag, model, provider or day."""

from datetime import date, tzinfo
from typing import Literal

import msgspec

from headgate.billing.calendar import DAY, begin, day_of, days, zone
from headgate.billing.daily import Books
from headgate.billing.forecast import DAYS, Forecast, forecast
from headgate.billing.pricing import Prices
from headgate.core.ids import now
from headgate.storage.bill_days import DayRow, SqlBillDays, Sums
from headgate.storage.bills import Account, SqlBills

By = Literal["tenant", "team", "app", "user", "key", "tag", "model", "provider", "day"]
COLUMNS: dict[str, str] = {"team": "team_id", "app": "app_id", "user": "user_id", "key": "key_id", "tag": "tags"}
COUNTED = (
    "calls", "unpriced", "uncertain", "input", "output", "cached", "cache_write", "reasoning", "cost_nano",
    "billed_nano",
)  # fmt: skip
MAX_PRICES = 10_000


class Line(msgspec.Struct, kw_only=True):
    """Sums under one name; ``id`` is empty for calls that have none of the kind."""

    id: str
    name: str
    calls: int = 0
    unpriced: int = 0
    uncertain: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_nano: int = 0
    billed_nano: int = 0

    def add(self, sums: "Sums | Line") -> None:
        """Add what another has."""
        for column in COUNTED:
            setattr(self, column, getattr(self, column) + getattr(sums, column))


class Adjusted(msgspec.Struct, frozen=True, kw_only=True):
    """What was corrected in a span, of charges of any time."""

    key_id: str
    model: str
    nano: int


class Chargeback(msgspec.Struct, kw_only=True):
    """A span of days, added up. A call with two tags stands under both, so lines by tag may add up to more."""

    by: By
    first: date
    end: date
    """The day after the last."""
    zone: str
    lines: list[Line]
    total: Line
    adjusted: list[Adjusted]

    @property
    def due(self) -> int:
        """What is to be paid, in nano-dollars."""
        return self.total.billed_nano + sum(one.nano for one in self.adjusted)


class Office:
    """Adds up the days of one tenant at a time."""

    def __init__(self, bills: SqlBills, store: SqlBillDays) -> None:
        self.bills = bills
        self.store = store
        self._books = Books(store)

    async def chargeback(
        self, account: Account, by: By, first: date, end: date, *, where: dict[str, str] | None = None
    ) -> Chargeback:
        """Return the days from *first* to the one before *end*. *where* narrows by ``team``, ``app``, ``user`` ..."""
        there = await self._ready(account, first, end)
        narrowed = {COLUMNS.get(kind, kind): id for kind, id in (where or {}).items()}
        column = COLUMNS.get(by, by)
        found = await self.store.sums(account.id, column, first.isoformat(), end.isoformat(), narrowed)
        total = Line(id="", name="total")
        for sums in found:
            total.add(sums)
        return Chargeback(
            by=by,
            first=first,
            end=end,
            zone=account.zone,
            lines=_by_tag(found) if by == "tag" else await self._named(account, column, found),
            total=total,
            adjusted=[] if narrowed else await self._adjusted(account.id, begin(first, there), begin(end, there)),
        )

    async def forecast(
        self, account: Account, first: date, end: date, where: dict[str, str] | None = None
    ) -> Forecast | None:
        """Return what the span that runs will have cost at its end, by what is billed."""
        there = zone(account.zone)
        at = now()
        day = day_of(at, there)
        begun = day - DAYS * DAY
        await self._ready(account, min(first, begun), day + DAY)
        narrowed = {COLUMNS.get(kind, kind): id for kind, id in (where or {}).items()}
        store, until = self.store, (day + DAY).isoformat()
        spent = sum(one.billed_nano for one in await store.sums(account.id, "day", first.isoformat(), until, narrowed))
        found = await store.sums(account.id, "day", begun.isoformat(), day.isoformat(), narrowed)
        costs = {date.fromisoformat(one.name): one.billed_nano for one in found}
        past = {one: costs.get(one, 0) for one in days(min(costs), day)} if costs else {}
        left = (begin(day + DAY, there) - at) / (begin(day + DAY, there) - begin(day, there))
        return forecast(spent, past, [(day, left), *((one, 1.0) for one in days(day + DAY, end))])

    async def _ready(self, account: Account, first: date, end: date) -> tzinfo:
        there = zone(account.zone)
        prices = Prices(await self.bills.prices.list(account.id, limit=MAX_PRICES))
        await self._books.up_to_date(account.id, first, end, there, prices)
        return there

    async def _named(self, account: Account, column: str, found: list[Sums]) -> list[Line]:
        if column in DayRow.__struct_fields__ and column.endswith("_id") and column != "tenant_id":
            names = await self.bills.names(account.id, column)
        else:
            names = {account.id: account.name}
        lines = []
        for sums in found:
            line = Line(id=sums.name, name=names.get(sums.name, sums.name))
            line.add(sums)
            lines.append(line)
        return lines

    async def _adjusted(self, tenant_id: str, start: int, end: int) -> list[Adjusted]:
        found = await self.store.adjusted(tenant_id, start, end)
        return [Adjusted(key_id=key_id, model=target, nano=nano) for key_id, target, nano in found]


def _by_tag(found: list[Sums]) -> list[Line]:
    lines: dict[str, Line] = {}
    for sums in found:
        for tag in msgspec.json.decode(sums.name, type=list[str]) or [""]:
            lines.setdefault(tag, Line(id=tag, name=tag)).add(sums)
    return sorted(lines.values(), key=lambda line: (-line.billed_nano, line.id))
