"""Passwords and sessions, as signing in and administrators change them. Each change is audited and told to the feed."""

from typing import Any

import msgspec
from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import now
from headgate.storage.audit import AuditEntry, note
from headgate.storage.changes import tell
from headgate.storage.entry_rows import SessionRow
from headgate.storage.schema import users
from headgate.storage.schema.entry import resets, sessions, used_once
from headgate.storage.tenancy import changing

MAX_SESSIONS = 100
"""Sessions of one user; the one longest unused ends when there are more."""


class EntryStore:
    """Passwords and sessions on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open_session(self, row: SessionRow, entry: AuditEntry) -> None:
        """Store a new session; expired ones of everybody go."""
        async with changing(self._engine) as con:
            await con.execute(delete(sessions).where(sessions.c.expires_at <= now()))
            mine = and_(sessions.c.tenant_id == row.tenant_id, sessions.c.user_id == row.user_id)
            kept = select(sessions.c.id).where(mine).order_by(sessions.c.seen_at.desc()).limit(MAX_SESSIONS - 1)
            await con.execute(delete(sessions).where(mine, sessions.c.id.not_in(kept.scalar_subquery())))
            await con.execute(insert(sessions).values(msgspec.structs.asdict(row)))
            await con.execute(
                update(users).where(_user(row.tenant_id, row.user_id)).values(last_seen_at=row.created_at)
            )
            await note(con, entry)

    async def seen(self, tenant_id: str, id: str, at: int) -> None:
        """Say that a session was used."""
        async with self._engine.begin() as con:
            await con.execute(update(sessions).where(_session(tenant_id, id)).values(seen_at=at))

    async def renew(self, row: SessionRow, digest: bytes, at: int) -> bool:
        """Give a session's client something else to hold; ``False`` where another was faster."""
        mine = and_(_session(row.tenant_id, row.id), sessions.c.digest == row.digest)
        async with changing(self._engine) as con:
            done = await con.execute(update(sessions).where(mine).values(digest=digest, seen_at=at))
            return bool(done.rowcount)

    async def sessions(
        self, tenant_id: str, *, user_id: str | None = None, after: str = "", limit: int = 100
    ) -> list[SessionRow]:
        """Return a tenant's sessions, or one user's, that have not expired, oldest first."""
        query = select(sessions).where(
            sessions.c.tenant_id == tenant_id, sessions.c.id > after, sessions.c.expires_at > now()
        )
        if user_id is not None:
            query = query.where(sessions.c.user_id == user_id)
        async with self._engine.connect() as con:
            rows = await con.execute(query.order_by(sessions.c.id).limit(limit))
            return [SessionRow(**row._mapping) for row in rows]

    async def end_session(self, tenant_id: str, id: str, entry: AuditEntry) -> bool:
        """End one session; return whether there was one."""
        async with changing(self._engine) as con:
            row = (await con.execute(select(sessions.c.user_id).where(_session(tenant_id, id)))).one_or_none()
            if row is None:
                return False
            await con.execute(delete(sessions).where(_session(tenant_id, id)))
            await tell(con, row.user_id, tenant_id, kind="user")  # requests know his tokens by his id
            await note(con, entry)
            return True

    async def end_sessions(self, tenant_id: str, user_id: str, entry: AuditEntry) -> int:
        """End every session of a user; return how many there were."""
        async with changing(self._engine) as con:
            ended = await _end_all(con, tenant_id, user_id)
            await note(con, entry)
            return ended

    async def set_password(
        self, tenant_id: str, user_id: str, hashed: str, entry: AuditEntry, *, reset: bytes | None = None
    ) -> bool:
        """Store a new password, which ends every session. With *reset*, only while that token is good, and once."""
        async with changing(self._engine) as con:
            offered = delete(resets).where(resets.c.user_id == user_id, resets.c.tenant_id == tenant_id)
            if reset is not None:
                offered = offered.where(resets.c.digest == reset, resets.c.expires_at > now())
            if not (await con.execute(offered)).rowcount and reset is not None:
                return False
            changed = {"password_hash": hashed, "password_at": now(), "updated_at": now()}
            if not (await con.execute(update(users).where(_user(tenant_id, user_id)).values(changed))).rowcount:
                return False
            await _end_all(con, tenant_id, user_id)
            await note(con, entry)
            return True

    async def rehash(self, tenant_id: str, user_id: str, old: str, new: str) -> None:
        """Store the same password at another cost, unless it was changed meanwhile."""
        mine = and_(_user(tenant_id, user_id), users.c.password_hash == old)
        async with changing(self._engine) as con:
            await con.execute(update(users).where(mine).values(password_hash=new))

    async def offer_reset(self, tenant_id: str, user_id: str, digest: bytes, until: int, entry: AuditEntry) -> None:
        """Let whoever has the token choose a password; an earlier token of the user is good no more."""
        values = {"user_id": user_id, "tenant_id": tenant_id, "digest": digest, "expires_at": until}
        async with changing(self._engine) as con:
            upsert = (postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert)(resets).values(values)
            changed = {"digest": digest, "expires_at": until}
            await con.execute(upsert.on_conflict_do_update(index_elements=["user_id"], set_=changed))
            await note(con, entry)

    async def use_once(self, digest: bytes, until: int) -> bool:
        """Return whether this was used for the first time. It is remembered until *until*."""
        async with changing(self._engine) as con:
            await con.execute(delete(used_once).where(used_once.c.expires_at <= now()))
            made = (postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert)(used_once)
            done = await con.execute(made.values(digest=digest, expires_at=until).on_conflict_do_nothing())
            return bool(done.rowcount)


async def _end_all(con: AsyncConnection, tenant_id: str, user_id: str) -> int:
    mine = and_(sessions.c.tenant_id == tenant_id, sessions.c.user_id == user_id)
    done = await con.execute(delete(sessions).where(mine))
    await tell(con, user_id, tenant_id, kind="user")
    return done.rowcount


def _session(tenant_id: str, id: str) -> Any:
    return and_(sessions.c.tenant_id == tenant_id, sessions.c.id == id)


def _user(tenant_id: str, id: str) -> Any:
    return and_(users.c.tenant_id == tenant_id, users.c.id == id)
