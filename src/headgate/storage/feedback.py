"""What people think of answers: a line for each answer and rater, beside what the analysis asks of the call."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Float, case, cast, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import new_id, now
from headgate.storage.audit import note
from headgate.storage.feedback_rows import By, FeedbackRow, Tally, Wanted
from headgate.storage.object_rows import Author
from headgate.storage.owned import act
from headgate.storage.schema.alerts import feedback
from headgate.storage.tenancy import Narrow
from headgate.storage.tenancy_objects import of_calls

MAX_RATERS = 1000
"""Of one answer."""
MAX_GROUPS = 500
BATCH = 500


class TooMany(Exception):
    """The answer has as many raters as it can have."""


class SqlFeedback:
    """Feedback of one tenant at a time, on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put(self, row: FeedbackRow, said: Mapping[str, Any]) -> FeedbackRow:
        """Store what *row*'s rater *said* of its answer, over what it said before; return all of it.

        Raise :class:`TooMany`.
        """
        at = now()
        fresh = msgspec.structs.replace(row, id=new_id(), created_at=at, updated_at=at, **said)
        async with self._engine.begin() as con:
            upsert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
            await _bounded(con, row.tenant_id, row.record_id, row.rater)
            same = ("tenant_id", "record_id", "rater")
            statement = (
                upsert(feedback)
                .values(msgspec.structs.asdict(fresh))
                .on_conflict_do_update(index_elements=same, set_={**said, "updated_at": at})
                .returning(feedback)
            )
            return FeedbackRow(**(await con.execute(statement)).one()._mapping)

    async def page(
        self, tenant_id: str, where: Wanted, *, after: tuple[int, str] | None = None, limit: int = 50
    ) -> list[FeedbackRow]:
        """Return feedback, what changed last first, from the one after instant and id *after*."""
        c = feedback.c
        query = select(feedback).where(*_conditions(tenant_id, where))
        if after is not None:
            query = query.where((c.updated_at < after[0]) | ((c.updated_at == after[0]) & (c.id < after[1])))
        async with self._engine.connect() as con:
            found = await con.execute(query.order_by(c.updated_at.desc(), c.id.desc()).limit(limit))
            return [FeedbackRow(**row._mapping) for row in found]

    async def get(self, tenant_id: str, id: str, within: Narrow | None = None) -> FeedbackRow | None:
        """Return one."""
        query = select(feedback).where(*_conditions(tenant_id, Wanted(within=within)), feedback.c.id == id)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return None if row is None else FeedbackRow(**row._mapping)

    async def remove(self, row: FeedbackRow, by: Author) -> None:
        """Delete what was said, with an entry of the audit log."""
        async with self._engine.begin() as con:
            await con.execute(delete(feedback).where(feedback.c.tenant_id == row.tenant_id, feedback.c.id == row.id))
            before = {"record_id": row.record_id, "rater": row.rater}
            await note(con, act(by, "feedback:delete", "feedback", row.id, row.tenant_id, before=before))

    async def erase(self, tenant_id: str, said_for: str) -> None:
        """Delete all that was said for somebody: whom feedback calls ``by``."""
        c = feedback.c
        like = (c.tenant_id == tenant_id, c.rater.endswith(f":{said_for}", autoescape=True))
        async with self._engine.begin() as con:
            found = (await con.execute(select(c.id, c.rater).where(*like))).all()
            ids = [row.id for row in found if row.rater.split(":", 2)[2:] == [said_for]]
            for start in range(0, len(ids), BATCH):
                await con.execute(delete(feedback).where(c.id.in_(ids[start : start + BATCH])))

    async def tallies(self, tenant_id: str, by: By, where: Wanted) -> Sequence[Tally]:
        """Return what was thought of answers, by a name; the names with most answers, at most ``MAX_GROUPS``."""
        c = feedback.c
        name = c[by]
        score = cast(c.score, Float)
        sums = (
            func.count(func.distinct(c.record_id)).label("answers"),
            func.sum(case((c.thumbs == 1, 1), else_=0)).label("ups"),
            func.sum(case((c.thumbs == -1, 1), else_=0)).label("downs"),
            func.count(c.score).label("scores"),
            func.coalesce(func.sum(score), 0.0).label("score_sum"),
            func.coalesce(func.sum(score * score), 0.0).label("score_squares"),
            func.count(c.comment).label("comments"),
            func.count(c.correction).label("corrections"),
        )
        query = select(name.label("name"), *sums).where(*_conditions(tenant_id, where)).group_by(name)
        async with self._engine.connect() as con:
            rows = (await con.execute(query.order_by(sums[0].desc(), name).limit(MAX_GROUPS))).mappings()
            return [_tally(dict(row)) for row in rows]


def _tally(row: dict[str, Any]) -> Tally:
    """PostgreSQL sums to decimals."""
    kinds = {"name": lambda name: name, "score_sum": float, "score_squares": float}
    return Tally(**{field: kinds.get(field, int)(value) for field, value in row.items()})


def _conditions(tenant_id: str, where: Wanted) -> list[Any]:
    c = feedback.c
    found: list[Any] = [c.tenant_id == tenant_id]
    if where.within is not None:
        found.append(of_calls(c, where.within))
    if where.since is not None:
        found.append(c.record_at >= where.since)
    if where.until is not None:
        found.append(c.record_at < where.until)
    if where.corrected is not None:
        found.append(c.correction.is_not(None) if where.corrected else c.correction.is_(None))
    for name in ("record_id", "model", "route", "prompt", "thumbs"):
        if (value := getattr(where, name)) is not None:
            found.append(c[name] == value)
    return found


async def _bounded(con: AsyncConnection, tenant_id: str, record_id: str, rater: str) -> None:
    c = feedback.c
    others = (c.tenant_id == tenant_id, c.record_id == record_id, c.rater != rater)
    if (await con.execute(select(func.count()).where(*others))).scalar_one() >= MAX_RATERS:
        raise TooMany
