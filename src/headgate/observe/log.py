"""The log: finished calls as the drainer stored them, for whoever may read them."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.call import Record
from headgate.storage.schema import ledger, records
from headgate.storage.tenancy import Narrow
from headgate.storage.tenancy_objects import of_keys

_record = msgspec.json.Decoder(Record).decode


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls; ``None`` asks for nothing. Instants are microseconds UTC, money is nano-dollars."""

    since: int | None = None
    until: int | None = None
    """Before this instant."""
    key_id: str | None = None
    model: str | None = None
    """The model that answered or, where none did, the one that was asked for."""
    provider: str | None = None
    status: str | None = None
    route: str | None = None
    """The route that was asked for, by the name it is listed under."""
    min_cost: int | None = None
    within: Narrow | None = None
    """Of whose keys alone."""


class LedgerRow(msgspec.Struct, frozen=True):
    """What one attempt was charged."""

    attempt: int
    target: str
    nano: int
    tokens: int
    billed: str


class LogStore(Protocol):
    """Calls of one tenant at a time; those of another do not exist."""

    async def list(
        self, tenant_id: str, where: LogFilter, *, after: tuple[int, str] | None = None, limit: int = 100
    ) -> list[Record]:
        """Return at most *limit* calls, the latest first, that come after the one of instant and id *after*."""
        ...

    async def get(self, tenant_id: str, id: str, within: Narrow | None = None) -> Record | None:
        """Return one call by its id or, the latest, by its W3C trace id."""
        ...

    async def charges(self, tenant_id: str, record: Record) -> Sequence[LedgerRow]:
        """Return what a call's attempts were charged."""
        ...


class SqlLogStore:
    """:class:`LogStore` over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(
        self, tenant_id: str, where: LogFilter, *, after: tuple[int, str] | None = None, limit: int = 100
    ) -> list[Record]:
        """See :class:`LogStore`."""
        query = select(records.c.detail).where(records.c.tenant_id == tenant_id)
        query = _narrowed(query, tenant_id, where)
        if after is not None:
            at, id = after
            query = query.where(or_(records.c.at < at, and_(records.c.at == at, records.c.id < id)))
        query = query.order_by(records.c.at.desc(), records.c.id.desc()).limit(limit)
        async with self._engine.connect() as con:
            return [_record(detail) for (detail,) in await con.execute(query)]

    async def get(self, tenant_id: str, id: str, within: Narrow | None = None) -> Record | None:
        """See :class:`LogStore`."""
        own = [records.c.tenant_id == tenant_id]
        if within is not None:
            own.append(of_keys(records.c.key_id, tenant_id, within))
        dashed = f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}"  # a trace id of our own making
        query = select(records.c.detail).where(*own, or_(records.c.id.in_((id, dashed)), records.c.trace_id == id))
        async with self._engine.connect() as con:
            found = (await con.execute(query.order_by(records.c.at.desc()).limit(1))).scalar_one_or_none()
        return None if found is None else _record(found)

    async def charges(self, tenant_id: str, record: Record) -> Sequence[LedgerRow]:
        """See :class:`LogStore`."""
        c = ledger.c
        until = record.at + (int(record.total_ms * 1000) + SECOND if record.total_ms else HOUR)
        query = select(c.attempt, c.target, c.nano, c.tokens, c.billed).where(
            c.tenant_id == tenant_id, c.call_id == record.id, c.at >= record.at, c.at <= until
        )
        async with self._engine.connect() as con:
            return [LedgerRow(*row) for row in await con.execute(query.order_by(c.attempt))]


SECOND = 1_000_000
HOUR = 3600 * SECOND
"""No call lasts longer, so its holds were made within it."""


def _narrowed(query: Select[Any], tenant_id: str, where: LogFilter) -> Select[Any]:
    c = records.c
    if where.within is not None:
        query = query.where(of_keys(c.key_id, tenant_id, where.within))
    if where.since is not None:
        query = query.where(c.at >= where.since)
    if where.until is not None:
        query = query.where(c.at < where.until)
    if where.route is not None:  # which stands in the record alone
        written = f'"route":{msgspec.json.encode(where.route).decode()}'
        query = query.where(c.detail.contains(written, autoescape=True))
    if where.min_cost is not None:
        query = query.where(c.cost_nano >= where.min_cost)
    for column, value in (
        (c.key_id, where.key_id),
        (c.model, where.model),
        (c.provider, where.provider),
        (c.status, where.status),
    ):
        if value is not None:
            query = query.where(column == value)
    return query
