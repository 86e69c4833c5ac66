"""Being signed in: opened by a password or an identity provider, held as a cookie or a refresh token, void at once.

Nothing about a session is cached: whoever shows its cookie is looked up, with his roles as they are then. A session
carries a stamp of its user's password and roles, and is void where that is not the present one.
"""

import hmac
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec

from headgate.access.keys import Derived
from headgate.access.tokens import Access, Signer, held_digest, new_refresh, session_of
from headgate.core.errors import NotAuthenticated
from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.storage.audit_rows import AuditEntry
from headgate.storage.entry_rows import EntryReader, Person, SessionRow

if TYPE_CHECKING:
    from headgate.storage.entry import EntryStore

Kind = Literal["cookie", "token"]
SECOND = 1_000_000
IDLE: dict[Kind, int] = {"cookie": 8 * 3600 * SECOND, "token": 7 * 86_400 * SECOND}
"""A session that was not used for so long is over. Microseconds."""
LONGEST: dict[Kind, int] = {"cookie": 7 * 86_400 * SECOND, "token": 30 * 86_400 * SECOND}
"""And it is after so long in any case."""
TOLD = 60 * SECOND
"""How exactly is kept when a session was last used."""
MAX_AGENT = 200


class Came(msgspec.Struct, frozen=True):
    """From where somebody came in, as far as he tells."""

    address: str | None = None
    agent: str = ""


class Opened(msgspec.Struct, frozen=True):
    """A session, whose it is, and what its client is to hold from now on."""

    row: SessionRow
    person: Person
    held: Secret


class Sessions:
    """Opens, checks, renews and ends sessions."""

    def __init__(self, reader: EntryReader, store: "EntryStore", derived: Derived, signer: Signer) -> None:
        self._reader = reader
        self._store = store
        self._derived = derived
        self.signer = signer

    async def open(self, person: Person, kind: Kind, via: str, came: Came) -> Opened:
        """Let *person* in."""
        id, at = new_id(), now()
        held = Secret(secrets.token_urlsafe(32)) if kind == "cookie" else new_refresh(id, self._derived)
        row = SessionRow(
            id=id,
            tenant_id=person.tenant_id,
            user_id=person.id,
            kind=kind,
            digest=held_digest(held, self._derived),
            stamp=person.stamp,
            via=via,
            address=came.address,
            agent=came.agent[:MAX_AGENT],
            created_at=at,
            seen_at=at,
            expires_at=at + LONGEST[kind],
        )
        await self._store.open_session(row, acted(person, "sessions:create", "session", id, came, {"via": via}))
        return Opened(row, person, held)

    async def by_cookie(self, cookie: Secret) -> tuple[SessionRow, Person]:
        """Return the session of a cookie, and whose it is. Raise ``NotAuthenticated``."""
        row = await self._reader.session_of(held_digest(cookie, self._derived))
        if row is None or row.kind != "cookie":
            raise NotAuthenticated(SIGNED_OUT)
        person = await owner(self._reader, row)
        if person is None:
            raise NotAuthenticated(SIGNED_OUT)
        if now() - row.seen_at > TOLD:
            await self._store.seen(row.tenant_id, row.id, now())
        return row, person

    async def refresh(self, token: Secret, came: Came) -> Opened:
        """Return the session of a refresh token, with the token that takes its place.

        One that was used before has been copied: its whole family ends. Raise ``NotAuthenticated``.
        """
        id = session_of(token, self._derived)
        row = await self._reader.session(id) if id is not None else None
        if row is None or row.kind != "token":
            raise NotAuthenticated(SIGNED_OUT)
        held = new_refresh(row.id, self._derived)
        fresh = hmac.compare_digest(row.digest, held_digest(token, self._derived))
        person = await owner(self._reader, row)
        if fresh and person is None:
            raise NotAuthenticated(SIGNED_OUT)
        if person is None or not fresh or not await self._store.renew(row, held_digest(held, self._derived), now()):
            await self._end(row, "sessions:reused", came)
            raise NotAuthenticated(SIGNED_OUT)
        return Opened(row, person, held)

    async def end(self, row: SessionRow, came: Came, *, everywhere: bool = False) -> None:
        """End a session on its own user's wish; *everywhere* ends all of his."""
        await self._end(row, "sessions:delete", came, everywhere=everywhere)

    def access_token(self, row: SessionRow) -> Secret:
        """Return an access token of a session, which is good no longer than it."""
        return self.signer.sign(
            Access(kind="user", sub=row.user_id, tid=row.tenant_id, sid=row.id, stamp=row.stamp),
        )

    def csrf(self, row: SessionRow) -> str:
        """Return the word that must come with whatever a session's cookie is to change."""
        return hmac.digest(self._derived.signing, b"headgate/csrf\0" + row.id.encode() + row.digest, "sha256").hex()

    async def _end(self, row: SessionRow, action: str, came: Came, *, everywhere: bool = False) -> None:
        entry = AuditEntry(
            tenant_id=row.tenant_id,
            actor_kind="user",
            actor_id=row.user_id,
            action=action,
            object_kind="session",
            object_id=row.id,
            address=came.address,
        )
        if everywhere:
            await self._store.end_sessions(row.tenant_id, row.user_id, entry)
        else:
            await self._store.end_session(row.tenant_id, row.id, entry)


async def owner(reader: EntryReader, row: SessionRow) -> Person | None:
    """Return whose a session is, ``None`` where it is void."""
    if not _is_running(row):
        return None
    person = await reader.person(row.user_id)
    return person if person is not None and _is_his(row, person) else None


async def in_force(reader: EntryReader, rows: Iterable[SessionRow]) -> list[SessionRow]:
    """Return those of *rows* that are not void."""
    running = [row for row in rows if _is_running(row)]
    owners = {id: await reader.person(id) for id in {row.user_id for row in running}}
    return [row for row in running if (person := owners[row.user_id]) is not None and _is_his(row, person)]


def _is_running(row: SessionRow) -> bool:
    at = now()
    return row.expires_at > at and row.seen_at + IDLE[row.kind] > at


def _is_his(row: SessionRow, person: Person) -> bool:
    return person.is_active and person.tenant_id == row.tenant_id and person.stamp == row.stamp


SIGNED_OUT = "You are not signed in, or not any more. Sign in."


def acted(
    person: Person, action: str, kind: str, id: str, came: Came, after: dict[str, str] | None = None
) -> AuditEntry:
    """Return the audit entry of what a person did for himself."""
    return AuditEntry(
        tenant_id=person.tenant_id,
        actor_kind="user",
        actor_id=person.id,
        action=action,
        object_kind=kind,
        object_id=id,
        after=after,
        address=came.address,
    )
