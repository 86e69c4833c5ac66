"""Prices, schedules and channels of a tenant, and the invoices and reports that were issued."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.audit import note
from headgate.storage.billing_rows import ChannelRow, InvoiceRow, PriceRow, ScheduleRow
from headgate.storage.notices import post
from headgate.storage.object_rows import Author
from headgate.storage.owned import act
from headgate.storage.schema import keys, ledger, tenants, users
from headgate.storage.schema.billing import channels, invoices, prices, schedules
from headgate.storage.schema.tenancy import apps, teams
from headgate.storage.tenancy import NoSuch, Objects, changing

NAMED = {"team_id": teams.c.name, "app_id": apps.c.name, "user_id": users.c.email, "key_id": keys.c.name}
ADJUSTED = "adjusted"
"""How charges are marked that correct others."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant, as far as bills ask."""

    id: str
    name: str
    email: str | None
    zone: str
    settings: str


class SqlPrices(Objects[PriceRow]):
    """What models are billed at."""

    table, word, things, named = prices, "price", "billing", "model"
    settable = frozenset({"model", "price", "markup_ppm"})

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, PriceRow)


class SqlChannels(Objects[ChannelRow]):
    """Where messages go."""

    table, word, things, most = channels, "channel", "billing", 50
    settable = frozenset({"name", "target", "sealed", "events", "is_active"})

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, ChannelRow)


class SqlSchedules(Objects[ScheduleRow]):
    """What is made and sent by itself."""

    table, word, things, named, most = schedules, "schedule", "billing", "kind", 100
    settable = frozenset({"app_ids", "channel_ids", "is_active", "next_at"})

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, ScheduleRow)

    async def _check(self, con: AsyncConnection, tenant_id: str, values: Mapping[str, Any]) -> None:
        for field, table in (("app_ids", apps), ("channel_ids", channels)):
            named = set(msgspec.json.decode(values[field]))
            query = select(table.c.id).where(table.c.tenant_id == tenant_id, table.c.id.in_(named))
            if named - {row.id for row in await con.execute(query)}:
                raise NoSuch(field)


class SqlBills:
    """Of one tenant at a time; another's do not exist."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.prices = SqlPrices(engine)
        self.schedules = SqlSchedules(engine)
        self.channels = SqlChannels(engine)

    async def account(self, tenant_id: str) -> Account | None:
        """Return a tenant."""
        c = tenants.c
        async with self.engine.connect() as con:
            row = (
                await con.execute(select(c.id, c.name, c.email, c.zone, c.settings).where(c.id == tenant_id))
            ).one_or_none()
        return None if row is None else Account(**row._mapping)

    async def names(self, tenant_id: str, dimension: str) -> dict[str, str]:
        """Return the names of a tenant's teams, apps, users or keys by their ids."""
        name = NAMED[dimension]
        table: Any = name.table
        async with self.engine.connect() as con:
            found = await con.execute(select(table.c.id, name).where(table.c.tenant_id == tenant_id))
            return {id: text for id, text in found}

    async def ledger_total(self, tenant_id: str, start: int, end: int) -> int:
        """Return what the ledger says calls cost in a span (microseconds), corrections apart."""
        c = ledger.c
        query = select(func.sum(c.nano)).where(
            c.tenant_id == tenant_id, c.at >= start, c.at < end, c.billed != ADJUSTED
        )
        async with self.engine.connect() as con:
            return int((await con.execute(query)).scalar() or 0)

    async def issued(self, tenant_id: str, kind: str, subject_id: str, starts: str) -> InvoiceRow | None:
        """Return what was issued of a kind for a subject and a span, if it was."""
        async with self.engine.connect() as con:
            return await _same(con, tenant_id, kind, subject_id, starts)

    async def issue(self, draft: InvoiceRow, written: Callable[[str], InvoiceRow], author: Author) -> InvoiceRow:
        """Store *draft* as *written* makes it with the next number. Where it was issued before, return that."""
        async with changing(self.engine) as con:
            same = await _same(con, draft.tenant_id, draft.kind, draft.subject_id, draft.starts)
            if same is not None:
                return same
            made = written(await _number(con, draft))
            await con.execute(insert(invoices).values(msgspec.structs.asdict(made)))
            after = {"number": made.number, "digest": made.digest, "total_nano": made.total_nano}
            await note(con, act(author, "billing:create", made.kind, made.id, made.tenant_id, after=after))
            return made

    async def send(self, row: InvoiceRow, channel_ids: Iterable[str], author: Author) -> list[str]:
        """Put an invoice on its way through channels; return the ids of the messages."""
        sent = []
        async with changing(self.engine) as con:
            for channel_id in channel_ids:
                sent.append(await _post(con, row, channel_id))
            after = {"channels": list(channel_ids), "number": row.number}
            await note(con, act(author, "billing:send", row.kind, row.id, row.tenant_id, after=after))
        return sent

    async def due_schedules(self, at: int) -> list[ScheduleRow]:
        """Return the schedules of all tenants that are due at *at*, some of them: the timer's."""
        c = schedules.c
        query = select(schedules).where(c.is_active, c.next_at <= at).order_by(c.next_at).limit(100)
        async with self.engine.connect() as con:
            return [ScheduleRow(**row._mapping) for row in await con.execute(query)]

    async def moved_on(self, schedule: ScheduleRow, next_at: int, made: Iterable[InvoiceRow]) -> bool:
        """Send *made* through a schedule's channels and set when it is due next; False where another did that."""
        c = schedules.c
        mine = (c.tenant_id == schedule.tenant_id, c.id == schedule.id, c.next_at == schedule.next_at)
        async with self.engine.begin() as con:
            if not (await con.execute(update(schedules).where(*mine).values(next_at=next_at))).rowcount:
                return False
            for row in made:
                for channel_id in msgspec.json.decode(schedule.channel_ids):
                    await _post(con, row, channel_id)
        return True

    async def invoices(
        self,
        tenant_id: str,
        *,
        kind: str | None = None,
        subject_id: str | None = None,
        before: str = "",
        limit: int = 50,
    ) -> list[InvoiceRow]:
        """Return what was issued, latest first, whose ids come before *before*; without their contents."""
        c = invoices.c
        query = select(*(column for column in c if column.name not in ("content", "html"))).where(
            c.tenant_id == tenant_id
        )
        if kind is not None:
            query = query.where(c.kind == kind)
        if subject_id is not None:
            query = query.where(c.subject_id == subject_id)
        if before:
            query = query.where(c.id < before)
        async with self.engine.connect() as con:
            found = await con.execute(query.order_by(c.id.desc()).limit(limit))
            return [InvoiceRow(**row._mapping, content="", html="") for row in found]

    async def invoice(self, tenant_id: str, id: str) -> InvoiceRow | None:
        """Return one, or ``None``."""
        query = select(invoices).where(invoices.c.tenant_id == tenant_id, invoices.c.id == id)
        async with self.engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return None if row is None else InvoiceRow(**row._mapping)


async def _same(con: AsyncConnection, tenant_id: str, kind: str, subject_id: str, starts: str) -> InvoiceRow | None:
    c = invoices.c
    same = (c.tenant_id == tenant_id, c.kind == kind, c.subject_id == subject_id, c.starts == starts)
    row = (await con.execute(select(invoices).where(*same))).one_or_none()
    return None if row is None else InvoiceRow(**row._mapping)


async def _number(con: AsyncConnection, draft: InvoiceRow) -> str:
    """Numbers have no gap: they are given in the transaction that stores what has them, one after another."""
    c = invoices.c
    count = select(func.count()).where(c.tenant_id == draft.tenant_id, c.kind == draft.kind)
    return f"{draft.kind[0].upper()}-{(await con.execute(count)).scalar_one() + 1:06}"


async def _post(con: AsyncConnection, row: InvoiceRow, channel_id: str) -> str:
    event = f"billing:{row.kind}"
    return await post(con, row.tenant_id, channel_id, event, {"event": event, "invoice": row.id})
