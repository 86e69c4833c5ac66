"""``/sessions``: who is signed in, and ending that; and the tokens by which users choose a password."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from headgate.access.assemble import grants_of
from headgate.access.entrance import Entrance
from headgate.access.sessions import in_force
from headgate.access.types import Principal
from headgate.admin.cookies import came
from headgate.admin.crud import MAX_PAGE, By, PageOf, Parts, Who
from headgate.admin.fields import Answer, UtcTime, instant, object_id
from headgate.admin.grants import may_touch
from headgate.admin.route import SELF, Route
from headgate.admin.sso import entrance
from headgate.core.errors import NotFound
from headgate.storage.entry_rows import Person, SessionRow
from headgate.storage.owned import act
from headgate.storage.tenancy_rows import HeldRole

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
After = Annotated[str, Query(max_length=64)]


class Session(Answer):
    """Somebody's being signed in."""

    id: str
    user_id: str
    kind: Literal["cookie", "token"]
    via: str
    """``password``, or the id of an identity provider."""
    address: str | None
    agent: str
    created_at: UtcTime
    seen_at: UtcTime
    """To the minute."""
    expires_at: UtcTime


class SessionPage(PageOf[Session]):
    """A page of sessions, oldest first."""


class Ended(Answer):
    """What was ended."""

    sessions: int


class Reset(Answer):
    """What lets a user choose a password, once. It is shown this once."""

    token: str
    expires_at: UtcTime


async def list_sessions(
    who: Who, to: Parts, limit: Limit = 100, after: After = "", user_id: Annotated[str, Query(max_length=64)] = ""
) -> SessionPage:
    """Return who of the tenant is signed in."""
    return await _page(entrance(to), who, user_id or None, after, limit)


async def end_session(id: str, who: Who, to: Parts, by: By) -> Session:
    """End a session, everywhere at once."""
    gate = entrance(to)
    row = await gate.reader.session(object_id(id, "session"))
    if row is None or row.tenant_id != who.tenant_id:
        raise NotFound("There is no such session.")
    await _touched(gate, who, row.user_id)
    await gate.store.end_session(who.tenant_id, row.id, act(by, "sessions:delete", "session", row.id, who.tenant_id))
    return _shown(row)


async def end_sessions(id: str, who: Who, to: Parts, by: By) -> Ended:
    """End every session of a user."""
    gate = entrance(to)
    person = await _touched(gate, who, object_id(id, "user"))
    entry = act(by, "sessions:delete", "user", person.id, who.tenant_id)
    return Ended(sessions=await gate.store.end_sessions(who.tenant_id, person.id, entry))


async def reset_password(id: str, who: Who, to: Parts, by: By) -> Reset:
    """Return a token by which a user chooses a password. It is good once, for a day; one given before is no more."""
    gate = entrance(to)
    person = await _touched(gate, who, object_id(id, "user"))
    token, until = await gate.signin.offer(person, act(by, "users:reset", "user", person.id, who.tenant_id))
    return Reset(token=token.reveal(), expires_at=instant(until))


async def own_sessions(who: Who, to: Parts, limit: Limit = 100, after: After = "") -> SessionPage:
    """Return where the caller is signed in."""
    user_id = who.id if who.kind == "user" else "nobody"
    return await _page(entrance(to), who, user_id, after, limit)


async def end_own_session(id: str, request: Request, who: Who, to: Parts, response: Response) -> None:
    """End one of the caller's sessions."""
    gate = entrance(to)
    row = await gate.reader.session(object_id(id, "session"))
    if row is None or who.kind != "user" or row.user_id != who.id:
        raise NotFound("There is no such session.")
    await gate.sessions.end(row, came(request))
    response.status_code = 204


async def _touched(gate: Entrance, who: Principal, user_id: str) -> Person:
    """Return a user of the tenant. Raise ``NotFound``, or ``Forbidden`` where he may do more than *who*."""
    person = await gate.reader.person(user_id)
    if person is None or person.tenant_id != who.tenant_id:
        raise NotFound("There is no such user.")
    held = [HeldRole(binding.role, binding.scope, binding.permissions) for binding in person.bindings]
    may_touch(who, grants_of(held, person.tenant_id))
    return person


async def _page(gate: Entrance, who: Principal, user_id: str | None, after: str, limit: int) -> SessionPage:
    """Return what of a page is not void: it may be shorter than asked for."""
    rows = await gate.store.sessions(who.tenant_id, user_id=user_id, after=after, limit=limit + 1)
    more = len(rows) > limit
    data = [_shown(row) for row in await in_force(gate.reader, rows[:limit])]
    return SessionPage(data=data, has_more=more, next=rows[limit - 1].id if more else None)


def _shown(row: SessionRow) -> Session:
    return Session(
        id=row.id,
        user_id=row.user_id,
        kind=row.kind,
        via=row.via,
        address=row.address,
        agent=row.agent,
        created_at=instant(row.created_at),
        seen_at=instant(row.seen_at),
        expires_at=instant(row.expires_at),
    )


ROUTES = (
    Route(
        method="GET",
        path="/sessions",
        permission="sessions:view",
        endpoint=list_sessions,
        summary="Who is signed in",
        tag="sessions",
        object="session",
    ),
    Route(
        method="DELETE",
        path="/sessions/{id}",
        permission="sessions:delete",
        endpoint=end_session,
        summary="End a session",
        tag="sessions",
        object="session",
    ),
    Route(
        method="DELETE",
        path="/users/{id}/sessions",
        permission="sessions:delete",
        endpoint=end_sessions,
        summary="End every session of a user",
        tag="sessions",
        object="user",
    ),
    Route(
        method="POST",
        path="/users/{id}/password-reset",
        permission="users:update",
        endpoint=reset_password,
        summary="Let a user choose a password",
        tag="sessions",
        object="user",
    ),
    Route(
        method="GET",
        path="/auth/sessions",
        permission=SELF,
        endpoint=own_sessions,
        summary="Where I am signed in",
        tag="auth",
        object="session",
    ),
    Route(
        method="DELETE",
        path="/auth/sessions/{id}",
        permission=SELF,
        endpoint=end_own_session,
        summary="End a session of mine",
        tag="auth",
        object="session",
    ),
)
