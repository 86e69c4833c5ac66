"""The log: finished calls as the drainer stored them, for whoever may read them."""

from collections.abc import Sequence
from time import monotonic
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.record import Record
from headgate.observe.facts import Facts
from headgate.observe.log_filter import LogFilter, narrowed, of_index
from headgate.observe.words import SqlWords
from headgate.storage.schema import ledger, records
from headgate.storage.tenancy import Narrow
from headgate.storage.tenancy_objects import of_calls

__all__ = ["LedgerRow", "LogFilter", "LogStore", "Page", "SqlLogStore"]

SCAN = 10_000
"""Calls that are looked through at a time."""
SECONDS = 0.4
"""After so long a page ends with what was found: the next one goes on from there."""
MOST_PARTS, MOST_LOOKED = 50, 200
"""Calls that are made for one, and calls of its trace that are looked through for them."""
NOBODY = "00000000-0000-0000-0000-000000000000"
_record = msgspec.json.Decoder(Record).decode
_facts = msgspec.json.Decoder(Facts).decode

Place = tuple[int, str]
"""Instant and id of a call; in a search for words, the number that its text was stored under, and id."""


Found = tuple[int, str, str]
"""Place and record of a call."""
Looked = tuple[Sequence[Found], Place | None, bool]


class LedgerRow(msgspec.Struct, frozen=True):
    """What one attempt was charged."""

    attempt: int
    target: str
    nano: int
    tokens: int
    billed: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some calls, the latest first."""

    records: list[Record]
    older: Place | None = None
    """Where earlier ones begin, if there may be any."""
    newer: Place | None = None
    """Where later ones begin, if there may be any."""


class LogStore(Protocol):
    """Calls of one tenant at a time; those of another do not exist."""

    async def list(
        self, tenant_id: str, where: LogFilter, *, after: Place | None = None, limit: int = 100
    ) -> list[Record]:
        """Return the first *limit* calls, the latest first, that come after the one of instant and id *after*.

        However many calls have to be looked through for them; words are not searched for.
        """
        ...

    async def page(
        self, tenant_id: str, where: LogFilter, *, after: Place | None = None, back: bool = False, limit: int = 100
    ) -> Page:
        """Return at most *limit* calls that are earlier than *after*, or with *back* later.

        A page may hold less, or nothing, and another one follow: so many calls are looked through and no more.
        """
        ...

    async def facts(self, tenant_id: str, where: LogFilter, limit: int) -> tuple[Sequence[Facts], bool]:
        """Return what counts of the latest *limit* calls, as many as are found in short time; and whether it is all."""
        ...

    async def get(self, tenant_id: str, id: str, within: Narrow | None = None) -> Record | None:
        """Return one call by its id or, the latest that is no part of another, by its W3C trace id."""
        ...

    async def parts(self, tenant_id: str, record: Record) -> Sequence[Record]:
        """Return the calls that the gateway itself made for a call, in the order of time, at most ``MOST_PARTS``."""
        ...

    async def charges(self, tenant_id: str, record: Record) -> Sequence[LedgerRow]:
        """Return what a call's attempts were charged."""
        ...


class SqlLogStore:
    """:class:`LogStore` over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._words = SqlWords(engine)

    async def list(
        self, tenant_id: str, where: LogFilter, *, after: Place | None = None, limit: int = 100
    ) -> list[Record]:
        """See :class:`LogStore`."""
        tests = [] if after is None else [_beyond(after, back=False)]
        where = _bounded(where, after, back=False)
        query = select(records.c.detail).where(records.c.tenant_id == tenant_id, *tests, *narrowed(tenant_id, where))
        query = query.order_by(records.c.at.desc(), records.c.id.desc()).limit(limit)
        async with self._engine.connect() as con:
            return [_record(detail) for (detail,) in await con.execute(query)]

    async def page(
        self, tenant_id: str, where: LogFilter, *, after: Place | None = None, back: bool = False, limit: int = 100
    ) -> Page:
        """See :class:`LogStore`."""
        if where.text is not None:
            return await self._worded(tenant_id, where, after, back, limit)
        found, edge, over = await self._look(tenant_id, where, after, back, limit + 1)
        more = len(found) > limit
        found = found[:limit]
        end = (found[-1][0], found[-1][1]) if more else None if over else edge
        return _page(found, end, after, back)

    async def facts(self, tenant_id: str, where: LogFilter, limit: int) -> tuple[Sequence[Facts], bool]:
        """See :class:`LogStore`."""
        found, _, over = await self._look(tenant_id, where, None, False, limit)
        return [_facts(detail) for _, _, detail in found], over

    async def _look(self, tenant_id: str, where: LogFilter, after: Place | None, back: bool, limit: int) -> Looked:
        """Return *limit* calls beyond *after*, or those found in time; how far it looked, and whether to the end."""
        found: Sequence[Found] = []
        edge, over, until = after, False, monotonic() + SECONDS
        async with self._engine.connect() as con:
            while len(found) < limit and not over:
                rows, edge, over = await self._step(con, tenant_id, where, edge, back, limit - len(found))
                found = [*found, *rows]
                if monotonic() > until:
                    break
        return found, edge, over

    async def _step(
        self, con: AsyncConnection, tenant_id: str, where: LogFilter, edge: Place | None, back: bool, limit: int
    ) -> Looked:
        """Look through some calls beyond *edge*; return what fits, the next edge, and whether that was all."""
        c = records.c
        order = (c.at, c.id) if back else (c.at.desc(), c.id.desc())
        tests = [c.tenant_id == tenant_id] if edge is None else [c.tenant_id == tenant_id, _beyond(edge, back=back)]
        where = _bounded(where, edge, back=back)
        last = select(c.at).where(*tests, *of_index(where)).order_by(order[0]).offset(SCAN).limit(1)
        bound = (await con.execute(last)).scalar_one_or_none()
        if bound is not None:
            where = _bounded(where, (bound, ""), back=not back)
        tests += [*of_index(where), *narrowed(tenant_id, where)]
        query = select(c.at, c.id, c.detail).where(*tests).order_by(*order).limit(limit)
        rows = [(at, id, detail) for at, id, detail in await con.execute(query)]
        if bound is None:
            return rows, edge, len(rows) < limit
        return rows, (bound, _last(back)), False

    async def _worded(self, tenant_id: str, where: LogFilter, after: Place | None, back: bool, limit: int) -> Page:
        """Follow the order in which texts were stored."""
        found: Sequence[Found] = []
        edge, until = after, monotonic() + SECONDS
        while len(found) <= limit and monotonic() < until:
            seqs = await self._words.find(tenant_id, where.text or "", after=edge and edge[0], back=back)
            if not seqs:
                edge = None
                break
            edge = (seqs[-1][0], seqs[-1][1])
            details = await self._details(tenant_id, where, [id for _, id in seqs])
            found = [*found, *((seq, id, details[id]) for seq, id in seqs if id in details)]
        more = len(found) > limit
        found = found[:limit]
        return _page(found, (found[-1][0], found[-1][1]) if more else edge, after, back)

    async def _details(self, tenant_id: str, where: LogFilter, ids: Sequence[str]) -> dict[str, str]:
        c = records.c
        query = select(c.id, c.detail).where(_of(tenant_id), c.id.in_(ids), *narrowed(tenant_id, where))
        async with self._engine.connect() as con:
            return {id: detail for id, detail in await con.execute(query)}

    async def get(self, tenant_id: str, id: str, within: Narrow | None = None) -> Record | None:
        """See :class:`LogStore`."""
        own = [_of(tenant_id)]
        if within is not None:
            own.append(of_calls(records.c, within))
        dashed = f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}"  # a trace id of our own making
        query = select(records.c.detail).where(*own, or_(records.c.id.in_((id, dashed)), records.c.trace_id == id))
        async with self._engine.connect() as con:
            rows = await con.execute(query.order_by(records.c.at.desc()).limit(MOST_PARTS))
            found = [_record(detail) for (detail,) in rows]
        whole = (one for one in found if one.id in (id, dashed) or one.part_of is None)
        return next(whole, found[0] if found else None)

    async def parts(self, tenant_id: str, record: Record) -> Sequence[Record]:
        """See :class:`LogStore`."""
        c = records.c
        tests = (_of(tenant_id), c.trace_id == record.trace_id, c.at >= record.at)
        query = select(c.detail).where(*tests).order_by(c.at).limit(MOST_LOOKED)
        async with self._engine.connect() as con:
            found = [_record(detail) for (detail,) in await con.execute(query)]
        return [one for one in found if one.part_of == record.id][:MOST_PARTS]

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


def _of(tenant_id: str) -> Any:
    """Return that a call is a tenant's, in words that fit no index: SQLite would take that over the one of ids."""
    return records.c.tenant_id.concat("") == tenant_id


def _beyond(place: Place, *, back: bool) -> Any:
    c = records.c
    at, id = place
    if back:
        return or_(c.at > at, and_(c.at == at, c.id > id))
    return or_(c.at < at, and_(c.at == at, c.id < id))


def _bounded(where: LogFilter, edge: Place | None, *, back: bool) -> LogFilter:
    """Return *where* up to *edge*, or with *back* from it on: an index is entered by one bound alone on each side."""
    if edge is None:
        return where
    at = edge[0]
    if back:
        return replace(where, since=at if where.since is None else max(at, where.since))
    return replace(where, until=at + 1 if where.until is None else min(at + 1, where.until))


def _last(back: bool) -> str:
    """Return an id that comes after all others of its instant."""
    return NOBODY.replace("0", "f") if back else NOBODY


def _page(found: Sequence[Found], end: Place | None, after: Place | None, back: bool) -> Page:
    """Return a page of what was found in the direction that was asked for; *end* is where it goes on there."""
    made = [_record(detail) for _, _, detail in found]
    first = (found[0][0], found[0][1]) if found else None
    behind = None if after is None else first or (after[0], _last(not back))
    if back:
        return Page(records=made[::-1], newer=end, older=behind)
    return Page(records=made, older=end, newer=behind if after is not None else first)
