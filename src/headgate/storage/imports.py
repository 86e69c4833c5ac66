"""What providers say was used, what we say of the same days, and corrections of charges that nobody was sure of.

A correction is a row of the ledger beside the one that it corrects: nothing that was written is changed.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import now
from headgate.storage.audit import note
from headgate.storage.billing_rows import ImportRow
from headgate.storage.bills import ADJUSTED
from headgate.storage.object_rows import Author
from headgate.storage.owned import Taken, act
from headgate.storage.schema import balances, ledger
from headgate.storage.schema.billing import adjustments, imports
from headgate.storage.schema.views import rollups

DAY = 86_400_000_000
UNCERTAIN = "uncertain"
CHUNK = 500


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """What we say of a UTC day and model."""

    day: int
    """Days since 1970."""
    model: str
    requests: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    cost_nano: int = 0
    uncertain_nano: int = 0
    """The part of the cost that is charged in full because nobody knew."""


class Charged(msgspec.Struct, frozen=True, kw_only=True):
    """A charge of the ledger."""

    tenant_id: str
    at: int
    call_id: str
    attempt: int
    key_id: str
    user_id: str | None
    app_id: str | None
    team_id: str | None
    end_user: str | None
    tags: str
    target: str
    nano: int
    tokens: int


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge is corrected by, and the scopes that it was added to."""

    charge: Charged
    nano: int
    tokens: int
    scopes: tuple[str, ...]


class SqlImports:
    """Of one tenant at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, row: ImportRow, author: Author) -> None:
        """Store what a provider says. Raise ``Taken`` where the same file was given before."""
        try:
            async with self._engine.begin() as con:
                await con.execute(insert(imports).values(msgspec.structs.asdict(row)))
                after = {"provider": row.provider, "format": row.format, "digest": row.digest}
                await note(con, act(author, "billing:create", "import", row.id, row.tenant_id, after=after))
        except IntegrityError:
            raise Taken from None

    async def list(self, tenant_id: str, *, before: str = "", limit: int = 50) -> list[ImportRow]:
        """Return imports, latest first, whose ids come before *before*; without their lines."""
        c = imports.c
        query = select(*(column for column in c if column.name != "lines")).where(c.tenant_id == tenant_id)
        if before:
            query = query.where(c.id < before)
        async with self._engine.connect() as con:
            found = await con.execute(query.order_by(c.id.desc()).limit(limit))
            return [ImportRow(**row._mapping, lines="[]") for row in found]

    async def get(self, tenant_id: str, id: str) -> ImportRow | None:
        """Return one, or ``None``."""
        query = select(imports).where(imports.c.tenant_id == tenant_id, imports.c.id == id)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return None if row is None else ImportRow(**row._mapping)

    async def ours(self, tenant_id: str, provider: str, first: int, end: int) -> "Sequence[Ours]":
        """Return what we say of a provider on the UTC days (since 1970) from *first* to the one before *end*.

        Calls and tokens are those of calls it answered; the cost is of every attempt that was made at it.
        """
        async with self._engine.connect() as con:
            used = {(row["day"], row["model"]): row for row in await _used(con, tenant_id, provider, first, end)}
            costs = {(row["day"], row["model"]): row for row in await _costs(con, tenant_id, provider, first, end)}
        return [Ours(**{**costs.get(key, {}), **used.get(key, {})}) for key in sorted(used.keys() | costs.keys())]

    async def uncertain(self, tenant_id: str, provider: str, first: int, end: int) -> "Sequence[Charged]":
        """Return the charges of a provider on those days that nobody is sure of and nothing has corrected."""
        c, other = ledger.c, adjustments.c
        corrected = select(other.call_id).where(
            other.tenant_id == c.tenant_id, other.at == c.at, other.call_id == c.call_id, other.attempt == c.attempt
        )
        query = (
            select(*(c[name] for name in Charged.__struct_fields__))
            .where(c.tenant_id == tenant_id, c.at >= first * DAY, c.at < end * DAY, c.billed == UNCERTAIN)
            .where(c.target.startswith(f"{provider}/", autoescape=True), ~corrected.exists())
            .order_by(c.at, c.call_id, c.attempt)
        )
        async with self._engine.connect() as con:
            return [Charged(**row._mapping) for row in await con.execute(query)]

    async def correct(self, import_id: str, corrections: Sequence[Correction], author: Author) -> int:
        """Write corrections; return how many were not there yet. Some at a time, each time whole or not at all."""
        done = 0
        for begin in range(0, len(corrections), CHUNK):
            async with self._engine.begin() as con:
                done += await _correct(con, import_id, corrections[begin : begin + CHUNK], author)
        return done


async def _used(con: AsyncConnection, tenant_id: str, provider: str, first: int, end: int) -> list[dict[str, Any]]:
    c = rollups.c
    sums = [func.sum(c[name]).label(name) for name in ("requests", "input", "output", "cached", "cache_write")]
    query = (
        select(c.start, c.b.label("model"), *sums)
        .where(c.tenant_id == tenant_id, c.grain == DAY // 1_000_000, c.cut == "provider+model", c.a == provider)
        .where(c.start >= first * DAY, c.start < end * DAY)
        .group_by(c.start, c.b)
    )
    rows = [dict(row._mapping) for row in await con.execute(query)]
    return [{"day": row.pop("start") // DAY, **_plain(row)} for row in rows]


async def _costs(con: AsyncConnection, tenant_id: str, provider: str, first: int, end: int) -> list[dict[str, Any]]:
    c = ledger.c
    day = (c.at - c.at % DAY).label("start")
    doubtful = func.sum(c.nano).filter(or_(c.billed == UNCERTAIN, c.billed == ADJUSTED))
    query = (
        select(day, c.target.label("model"), func.sum(c.nano).label("cost_nano"), doubtful.label("uncertain_nano"))
        .where(c.tenant_id == tenant_id, c.at >= first * DAY, c.at < end * DAY)
        .where(c.target.startswith(f"{provider}/", autoescape=True))
        .group_by(day, c.target)
    )
    rows = [dict(row._mapping) for row in await con.execute(query)]
    return [{"day": row.pop("start") // DAY, **_plain(row)} for row in rows]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str) else int(value or 0) for name, value in row.items()}


async def _correct(con: AsyncConnection, import_id: str, corrections: Iterable[Correction], author: Author) -> int:
    """Sums first, in their order, as the drainer takes them; the log last."""
    made = []
    at = now()
    for one in corrections:
        charge = one.charge
        c = adjustments.c
        same = (c.tenant_id == charge.tenant_id, c.at == charge.at, c.call_id == charge.call_id)
        if (await con.execute(select(c.attempt).where(*same, c.attempt == charge.attempt))).first() is None:
            made.append(one)
    await _sums(con, made)
    for one in made:
        charge = one.charge
        values = msgspec.structs.asdict(charge) | {
            "attempt": -charge.attempt, "nano": one.nano, "tokens": one.tokens, "billed": ADJUSTED,
        }  # fmt: skip
        await con.execute(insert(ledger).values(values))
        told = {name: getattr(charge, name) for name in ("tenant_id", "at", "call_id", "attempt", "key_id", "target")}
        await con.execute(insert(adjustments).values(**told, import_id=import_id, nano=one.nano, made_at=at))
    if made:
        after = {"import": import_id, "charges": len(made), "nano": sum(one.nano for one in made)}
        tenant_id = made[0].charge.tenant_id
        await note(con, act(author, "billing:correct", "import", import_id, tenant_id, after=after))
    return len(made)


async def _sums(con: AsyncConnection, made: Iterable[Correction]) -> None:
    sums: dict[tuple[str, str, int], list[int]] = {}
    for one in made:
        day = await _day(con, one.charge)
        for scope in one.scopes:
            for row in ((scope, "d", day), (scope, "t", 0)):
                found = sums.setdefault(row, [0, 0])
                found[0] += one.nano
                found[1] += one.tokens
    c = balances.c
    for (scope, period, start), (nano, tokens) in sorted(sums.items()):
        mine = and_(c.scope == scope, c.period == period, c.start == start)
        await con.execute(update(balances).where(mine).values(nano=c.nano + nano, tokens=c.tokens + tokens))


async def _day(con: AsyncConnection, charge: Charged) -> int:
    """Return the start of the day that a charge was added to, whatever the tenant's zone was by then."""
    c = balances.c
    tenant = (c.scope == f"tenant:{charge.tenant_id}", c.period == "d", c.start <= charge.at)
    return int((await con.execute(select(func.max(c.start)).where(*tenant))).scalar() or 0)
