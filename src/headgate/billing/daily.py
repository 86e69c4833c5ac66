"""Working out what a tenant's days cost and what is billed for them, call by call, once; then they are sums.

A day is worked out anew where calls of it came in since (a journal that was away), its prices have changed, or the
tenant has moved to another zone.
"""

from collections.abc import Iterable
from datetime import date, tzinfo

import msgspec

from headgate.billing.calendar import DAY, begin, day_of, days
from headgate.billing.pricing import Prices
from headgate.core.ids import now
from headgate.core.money import Usage
from headgate.storage.bill_days import DIMENSIONS, DayRow, SqlBillDays, mark

MAX_LINES = 100_000
"""Of one day; where tags would make more of them, they are left out of the rest."""
STALE = 30_000_000
"""Microseconds for which the day that runs is not worked out again."""


class Try(msgspec.Struct):
    """One attempt of a call, as far as bills ask."""

    provider: str
    model: str
    cost_nano: int | None = None
    billed: str = "none"


class Billable(msgspec.Struct):
    """A call, as far as bills ask."""

    key_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    tags: tuple[str, ...] = ()
    model_requested: str | None = None
    model_used: str | None = None
    provider_used: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost_nano: int | None = None
    billed: str = "none"
    attempts: tuple[Try, ...] = ()


_billable = msgspec.json.Decoder(Billable).decode


class Day:
    """The sums of one day while its calls are counted."""

    def __init__(self, tenant_id: str, day: str, prices: Prices) -> None:
        self._about = {"tenant_id": tenant_id, "day": day}
        self._prices = prices
        self._lines: dict[tuple[str, ...], list[int]] = {}

    def add(self, detail: str) -> None:
        """Count a call."""
        call = _billable(detail)
        for number, (provider, model, cost, usage) in enumerate(_shares(call)):
            sums = self._line(call, provider, model)
            if number == 0:  # the answer's; what other attempts cost stands with their own models
                sums[0] += 1
                sums[1] += call.cost_nano is None and call.billed != "none"
                sums[2] += uncertain(call)
                used = call.usage
                for place, tokens in enumerate(
                    (used.input, used.output, used.cached, used.cache_write, used.reasoning)
                ):
                    sums[3 + place] += tokens
            sums[8] += cost
            sums[9] += self._prices.of(provider, model).billed(cost, usage) if cost or usage else 0

    def rows(self) -> Iterable[DayRow]:
        """Return the lines."""
        for key, sums in self._lines.items():
            names = dict(zip(DIMENSIONS, key, strict=True))
            calls, unpriced, uncertain, input, output, cached, cache_write, reasoning, cost, billed = sums
            yield DayRow(
                **self._about, **names, calls=calls, unpriced=unpriced, uncertain=uncertain, input=input, output=output,
                cached=cached, cache_write=cache_write, reasoning=reasoning, cost_nano=cost, billed_nano=billed,
            )  # fmt: skip

    def _line(self, call: Billable, provider: str, model: str) -> list[int]:
        tags = msgspec.json.encode(sorted(set(call.tags))).decode() if len(self._lines) < MAX_LINES else "[]"
        key = (
            call.team_id or "", call.app_id or "", call.user_id or "", call.key_id or "", provider, model, tags,
        )  # fmt: skip
        found = self._lines.get(key)
        if found is None:
            found = self._lines[key] = [0] * 10
        return found


def uncertain(call: Billable) -> bool:
    """Whether a part of it is charged in full because nobody knows what it used."""
    return call.billed == "uncertain" or any(one.billed == "uncertain" for one in call.attempts)


def _shares(call: Billable) -> Iterable[tuple[str, str, int, Usage | None]]:
    """Yield provider, model, cost and usage of each part of a call; the first is the answer's.

    What was used is known of calls that one model alone had to do with; all else is billed by its cost.
    """
    model = call.model_used or call.model_requested or ""
    provider = call.provider_used or ""
    others = [
        (one.provider, f"{one.provider}/{one.model}", one.cost_nano, None)
        for one in call.attempts
        if one.cost_nano and f"{one.provider}/{one.model}" != model
    ]
    rest = (call.cost_nano or 0) - sum(cost for _, _, cost, _ in others if cost)
    counted = not others and not uncertain(call) and call.billed != "none"
    known = call.usage if counted else None
    yield provider, model, rest, known
    for other_provider, other_model, cost, usage in others:
        yield other_provider, other_model, cost or 0, usage


class Books:
    """Keeps the days of a tenant worked out."""

    def __init__(self, store: SqlBillDays) -> None:
        self.store = store

    async def up_to_date(self, tenant_id: str, first: date, end: date, there: tzinfo, prices: Prices) -> None:
        """Work out the days from *first* to the one before *end* that are not, or not any more."""
        end = min(end, day_of(now(), there) + DAY)
        marks = await self.store.marks(tenant_id, first.isoformat(), end.isoformat())
        for day in days(first, end):
            start, stop = begin(day, there), begin(day + DAY, there)
            known = marks.get(day.isoformat())
            same = known is not None and (known.zone, known.prices) == (str(there), prices.digest)
            if same and known is not None and stop > now() and now() - known.made_at < STALE:
                continue
            count = await self.store.count(tenant_id, start, stop)
            if not same or known is None or known.records != count:
                await self._remake(tenant_id, day.isoformat(), (start, stop), str(there), prices)

    async def _remake(self, tenant_id: str, day: str, span: tuple[int, int], there: str, prices: Prices) -> None:
        made = Day(tenant_id, day, prices)
        count = 0
        async for details in self.store.details(tenant_id, *span):
            for detail in details:
                made.add(detail)
            count += len(details)
        await self.store.remake(made.rows(), mark(tenant_id, day, there, prices.digest, count))
