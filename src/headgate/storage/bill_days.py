"""The days of a tenant as they are billed: sums over its calls, made anew where calls came in since."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.ids import now
from headgate.storage.schema import records
from headgate.storage.schema.billing import adjustments, bill_days, bill_marks

PAGE = 2000
DIMENSIONS = ("team_id", "app_id", "user_id", "key_id", "provider", "model", "tags")
SUMS = (
    "calls", "unpriced", "uncertain", "input", "output", "cached", "cache_write", "reasoning", "cost_nano",
    "billed_nano",
)  # fmt: skip


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of the calls of one day that have all of these in common; nobody is the empty text."""

    tenant_id: str
    day: str
    team_id: str = ""
    app_id: str = ""
    user_id: str = ""
    key_id: str = ""
    provider: str = ""
    model: str = ""
    tags: str = "[]"
    calls: int = 0
    unpriced: int = 0
    """Calls that nobody knows the price of; they are in no cost."""
    uncertain: int = 0
    """Calls of which a part is charged in full because nobody knows what it used."""
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_nano: int = 0
    billed_nano: int = 0


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """With what a day was worked out."""

    tenant_id: str
    day: str
    zone: str
    prices: str
    records: int
    made_at: int


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums under one name of a dimension, of each model apart where that was asked."""

    name: str
    calls: int
    unpriced: int
    uncertain: int
    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int
    cost_nano: int
    billed_nano: int


class SqlBillDays:
    """Days of one tenant at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def marks(self, tenant_id: str, first: str, end: str) -> dict[str, Mark]:
        """Return with what the days from *first* to the one before *end* were worked out."""
        c = bill_marks.c
        query = select(bill_marks).where(c.tenant_id == tenant_id, c.day >= first, c.day < end)
        async with self._engine.connect() as con:
            return {row.day: Mark(**row._mapping) for row in await con.execute(query)}

    async def count(self, tenant_id: str, start: int, end: int) -> int:
        """Return how many calls there are in a span."""
        query = select(func.count()).where(*_within(tenant_id, start, end))
        async with self._engine.connect() as con:
            return (await con.execute(query)).scalar_one()

    async def details(self, tenant_id: str, start: int, end: int) -> AsyncIterator[Sequence[str]]:
        """Yield the records of a span as they were written, some at a time."""
        c = records.c
        query = select(c.at, c.id, c.detail).where(*_within(tenant_id, start, end)).order_by(c.at, c.id).limit(PAGE)
        last = (start, "")
        while True:
            async with self._engine.connect() as con:
                page = (await con.execute(query.where(tuple_(c.at, c.id) > last))).all()
            if page:
                yield [row.detail for row in page]
                last = (page[-1].at, page[-1].id)
            if len(page) < PAGE:
                return

    async def remake(self, rows: Iterable[DayRow], mark: Mark) -> None:
        """Replace a day."""
        mine = (bill_days.c.tenant_id == mark.tenant_id, bill_days.c.day == mark.day)
        values = [msgspec.structs.asdict(row) for row in rows]
        marked = msgspec.structs.asdict(mark)
        async with self._engine.begin() as con:
            upsert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
            first = upsert(bill_marks).values(marked)  # who else works out this day waits here
            await con.execute(first.on_conflict_do_update(index_elements=["tenant_id", "day"], set_=marked))
            await con.execute(delete(bill_days).where(*mine))
            if values:
                await con.execute(insert(bill_days), values)

    async def sums(
        self, tenant_id: str, by: str, first: str, end: str, where: dict[str, str] | None = None
    ) -> list[Sums]:
        """Return the sums of the days from *first* to the one before *end* by ``tenant``, ``day`` or a dimension.

        *where* narrows to one of another dimension.
        """
        c = bill_days.c
        name: ColumnElement[Any] = c.tenant_id if by == "tenant" else c[by]
        sums = [func.sum(c[column]).label(column) for column in SUMS]
        query = select(name.label("name"), *sums).where(c.tenant_id == tenant_id, c.day >= first, c.day < end)
        for column, value in (where or {}).items():
            query = query.where(c[column] == value)
        order = [name] if by == "day" else [func.sum(c.billed_nano).desc(), name]
        async with self._engine.connect() as con:
            found = (await con.execute(query.group_by(name).order_by(*order))).mappings()
            return [Sums(name=row["name"], **{column: int(row[column]) for column in SUMS}) for row in found]

    async def adjusted(self, tenant_id: str, start: int, end: int) -> list[tuple[str, str, int]]:
        """Return key, target and nano-dollars of the adjustments that were made in a span."""
        c = adjustments.c
        nano = func.sum(c.nano)
        query = select(c.key_id, c.target, nano).where(c.tenant_id == tenant_id, c.made_at >= start, c.made_at < end)
        async with self._engine.connect() as con:
            found = await con.execute(query.group_by(c.key_id, c.target).order_by(c.key_id, c.target))
            return [(key_id, target, int(total)) for key_id, target, total in found]


def mark(tenant_id: str, day: str, zone: str, prices: str, count: int) -> Mark:
    """Return the mark of a day that is worked out now."""
    return Mark(tenant_id=tenant_id, day=day, zone=zone, prices=prices, records=count, made_at=now())


def _within(tenant_id: str, start: int, end: int) -> tuple[Any, ...]:
    return records.c.tenant_id == tenant_id, records.c.at >= start, records.c.at < end
