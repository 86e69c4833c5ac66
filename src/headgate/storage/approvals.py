"""Requests for more: asked, decided, and put into effect in the transaction of the decision.

What is granted for a time goes back at its end to what it would be without, unless somebody has changed it since.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import Table, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import now
from headgate.storage.audit import note
from headgate.storage.behind import Behind, behind
from headgate.storage.billing_rows import ApprovalRow
from headgate.storage.changes import tell
from headgate.storage.grown import Grown, Others, grown, returned
from headgate.storage.notices import notify
from headgate.storage.object_rows import Author
from headgate.storage.owned import Full, act, told
from headgate.storage.schema import keys, tenants, users
from headgate.storage.schema.billing import approvals, budgets
from headgate.storage.schema.tenancy import apps, teams
from headgate.storage.tenancy import changing

SUBJECTS: dict[str, Table] = {
    "key": keys, "team": teams, "app": apps, "user": users, "tenant": tenants, "budget": budgets,
}  # fmt: skip
DECIDE = "approvals:decide"
MAX_OPEN = 1000
"""Undecided requests of one tenant."""
AT_ONCE = 100
SERVICE = Author(kind="service", id="headgate", tenant_id="")


class Decided(Exception):
    """The request is not open any more."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class NoSubject(Exception):
    """What the request is about is not there."""


class SqlApprovals:
    """Requests of one tenant at a time; another's do not exist."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(
        self,
        tenant_id: str,
        *,
        state: str | None = None,
        asked_by: str | None = None,
        before: str = "",
        limit: int = 50,
    ) -> list[ApprovalRow]:
        """Return requests, latest first, whose ids come before *before*."""
        c = approvals.c
        query = select(approvals).where(c.tenant_id == tenant_id)
        if state is not None:
            query = query.where(c.state == state)
        if asked_by is not None:
            query = query.where(c.asked_by == asked_by)
        if before:
            query = query.where(c.id < before)
        async with self._engine.connect() as con:
            return [ApprovalRow(**row._mapping) for row in await con.execute(query.order_by(c.id.desc()).limit(limit))]

    async def get(self, tenant_id: str, id: str) -> ApprovalRow | None:
        """Return one, or ``None``."""
        async with self._engine.connect() as con:
            return await _one(con, tenant_id, id)

    async def subject(self, tenant_id: str, kind: str, id: str) -> dict[str, Any] | None:
        """Return the row of what a request is about, ``None`` where the tenant has none."""
        async with self._engine.connect() as con:
            return await _subject(con, tenant_id, kind, id)

    async def behind(self, tenants: Collection[str], kind: str, id: str, user: str | None = None) -> Behind:
        """Return who is behind somebody; *user* is whom a token names."""
        async with self._engine.connect() as con:
            return await behind(con, tenants, kind, id, user)

    async def ask(self, row: ApprovalRow, author: Author, words: str) -> None:
        """Store a request and tell those who may decide. Raise :class:`Full`."""
        async with changing(self._engine) as con:
            await con.execute(insert(approvals).values(msgspec.structs.asdict(row)))
            await _told(con, row, author, "create", words, [DECIDE])
            c = approvals.c
            count = select(func.count()).where(c.tenant_id == row.tenant_id, c.state == "open")
            if (await con.execute(count)).scalar_one() > MAX_OPEN:
                raise Full

    async def decide(
        self, tenant_id: str, id: str, state: str, author: Author, words: str, *, answer: str = ""
    ) -> ApprovalRow | None:
        """Approve, refuse or withdraw; an approved one is in effect when this returns. ``None`` where there is none.

        Raise :class:`Decided` where it is not open any more, :class:`NoSubject` where its subject is gone.
        """
        async with changing(self._engine) as con:
            at = now()
            until = at + approvals.c.lasts * 1_000_000 if state == "approved" else None
            values = {
                "state": state, "decided_by_kind": author.kind, "decided_by": author.id, "decided_at": at,
                "answer": answer, "until": until,
            }  # fmt: skip
            open_ = and_(approvals.c.state == "open", approvals.c.expires_at > at)
            done = await con.execute(update(approvals).where(_mine(tenant_id, id), open_).values(**values))
            row = await _one(con, tenant_id, id)
            if row is None:
                return None
            if not done.rowcount:
                raise Decided(row.state if row.state != "open" else "expired")
            if state == "approved":
                row = await _apply(con, row, author)
            await _told(con, row, author, "decide", words, [row.asked_by])
            return row

    async def expire(self) -> int:
        """End requests that nobody decided in time, and what was granted for a time that is over; return how many.

        Of all tenants: the timer's.
        """
        at = now()
        return await self._each("open", "expires_at", at, _expire) + await self._each("approved", "until", at, _return)

    async def _each(self, state: str, due: str, at: int, end: Any) -> int:
        c = approvals.c
        query = select(c.tenant_id, c.id).where(c.state == state, c[due] <= at).order_by(c.id).limit(AT_ONCE)
        async with self._engine.connect() as con:
            found = [(row.tenant_id, row.id) for row in await con.execute(query)]
        for tenant_id, id in found:
            async with changing(self._engine) as con:
                await end(con, tenant_id, id)
        return len(found)


def _mine(tenant_id: str, id: str) -> Any:
    return and_(approvals.c.tenant_id == tenant_id, approvals.c.id == id)


async def _one(con: AsyncConnection, tenant_id: str, id: str) -> ApprovalRow | None:
    row = (await con.execute(select(approvals).where(_mine(tenant_id, id)))).one_or_none()
    return None if row is None else ApprovalRow(**row._mapping)


def _subject_where(tenant_id: str, kind: str, id: str) -> Any:
    c = SUBJECTS[kind].c
    if kind == "tenant":
        return and_(c.id == id, c.id == tenant_id)
    return and_(c.tenant_id == tenant_id, c.id == id)


async def _subject(con: AsyncConnection, tenant_id: str, kind: str, id: str) -> dict[str, Any] | None:
    row = (await con.execute(select(SUBJECTS[kind]).where(_subject_where(tenant_id, kind, id)))).one_or_none()
    return None if row is None else dict(row._mapping)


async def _apply(con: AsyncConnection, row: ApprovalRow, author: Author) -> ApprovalRow:
    subject = await _subject(con, row.tenant_id, row.subject_kind, row.subject_id)
    if subject is None:
        raise NoSubject
    change, others = grown(row, subject, await _in_force(con, row))
    await _set(con, row, change.field, change.after, author, before=change.before)
    for id, one in {**others, row.id: change}.items():
        effect = msgspec.json.encode(one).decode()
        await con.execute(update(approvals).where(_mine(row.tenant_id, id)).values(effect=effect))
    return msgspec.structs.replace(row, effect=effect)


async def _in_force(con: AsyncConnection, row: ApprovalRow) -> Others:
    """Return what else is granted to the subject of *row* for a time."""
    c = approvals.c
    query = select(c.id, c.effect).where(
        c.tenant_id == row.tenant_id, c.state == "approved", c.subject_kind == row.subject_kind,
        c.subject_id == row.subject_id, c.until.is_not(None), c.effect.is_not(None), c.id != row.id,
    )  # fmt: skip
    return {one.id: msgspec.json.decode(one.effect, type=Grown) for one in await con.execute(query)}


async def _set(con: AsyncConnection, row: ApprovalRow, field: str, value: Any, author: Author, *, before: Any) -> None:
    """Change the subject, telling feed and log."""
    where = _subject_where(row.tenant_id, row.subject_kind, row.subject_id)
    await con.execute(update(SUBJECTS[row.subject_kind]).where(where).values({field: value, "updated_at": now()}))
    await tell(con, row.subject_id, row.tenant_id, row.subject_kind)
    thing = "api_keys" if row.subject_kind == "key" else f"{row.subject_kind}s"
    shown = {"before": {field: before}, "after": {field: value, "approval": row.id}}
    await note(con, act(author, f"{thing}:update", row.subject_kind, row.subject_id, row.tenant_id, **shown))


async def _expire(con: AsyncConnection, tenant_id: str, id: str) -> None:
    c = approvals.c
    done = await con.execute(update(approvals).where(_mine(tenant_id, id), c.state == "open").values(state="expired"))
    row = await _one(con, tenant_id, id)
    if done.rowcount and row is not None:
        await _told(con, row, SERVICE, "expire", "Nobody decided in time.", [row.asked_by])


async def _return(con: AsyncConnection, tenant_id: str, id: str) -> None:
    c = approvals.c
    done = await con.execute(update(approvals).where(_mine(tenant_id, id), c.state == "approved").values(state="ended"))
    row = await _one(con, tenant_id, id)
    if not done.rowcount or row is None or row.effect is None:
        return
    change = msgspec.json.decode(row.effect, type=Grown)
    subject = await _subject(con, tenant_id, row.subject_kind, row.subject_id)
    back = None if subject is None else returned(change, subject[change.field], await _in_force(con, row))
    if subject is not None and back is not None:
        await _set(con, row, change.field, back, SERVICE, before=subject[change.field])
    words = "It has gone back." if back is not None else "Others give or have changed it since: it stays as it is."
    await _told(con, row, SERVICE, "end", words, [row.asked_by])


async def _told(
    con: AsyncConnection, row: ApprovalRow, author: Author, verb: str, words: str, recipients: Iterable[str]
) -> None:
    """Tell log and people of a step that a request has taken."""
    shown = told(row)
    await note(con, act(author, f"approvals:{verb}", "approval", row.id, row.tenant_id, after=shown))
    data = {name: value for name, value in (shown or {}).items() if value is not None and name != "behind"}
    link = f"/approvals?id={row.id}"
    await notify(
        con, row.tenant_id, f"approvals:{row.state}", words, recipients=recipients, link=link, data=data
    )  # fmt: skip
