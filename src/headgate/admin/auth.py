"""``/auth``: coming in by a password, a refresh token or a client's secret; who one is; and going out."""

from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import Field, model_validator
from starlette.concurrency import run_in_threadpool

from headgate.access.entrance import Entrance
from headgate.access.jwt import BadToken, read
from headgate.access.sessions import SIGNED_OUT, Opened
from headgate.access.tokens import looks_like_token, session_of
from headgate.admin.cookies import SESSION as COOKIE
from headgate.admin.cookies import came, check_origin, let_in, named, send_away, session_by_cookie
from headgate.admin.crud import Parts, Who
from headgate.admin.fields import Answer, Body, Text
from headgate.admin.route import OPEN, SELF, Route, authenticate
from headgate.admin.sso import entrance
from headgate.core.errors import BadRequest, NotAuthenticated
from headgate.core.secret import Secret
from headgate.storage.entry_rows import SessionRow

Password = Annotated[str, Field(min_length=1, max_length=1000)]
Held = Annotated[str, Field(max_length=4096, pattern="^[!-~]+$")]


class Login(Body):
    """Who wants to come in."""

    email: Annotated[Text, Field(min_length=3, max_length=254)]
    password: Password
    tenant: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    """The tenant's id, where the address is known in more than one."""
    session: Literal["token", "cookie"] = "token"
    """What to be given: tokens, for programs; a cookie, for a browser."""


class Refresh(Body):
    """A refresh token; none, where a cookie stands for its session."""

    refresh_token: Held | None = None


class Logout(Body):
    """Which session is to end, and whether all others of the same user as well."""

    refresh_token: Held | None = None
    """None, where a cookie or an access token stands for the session."""
    everywhere: bool = False


class NewPassword(Body):
    """A new password, and what shows that it may be set: the present one, or a token that an administrator gave."""

    new_password: Password
    current_password: Password | None = None
    token: Held | None = None

    @model_validator(mode="after")
    def _one(self) -> "NewPassword":
        if (self.current_password is None) == (self.token is None):
            raise ValueError("takes current_password, or token")
        return self


class Tokens(Answer):
    """What stands for a session: the access token calls, the refresh token is changed for the next pair."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    csrf_token: str | None = None
    """With a cookie: what each request that changes something must carry as ``x-csrf-token``."""


class Me(Answer):
    """Who calls."""

    kind: Literal["key", "admin", "user", "client"]
    id: str
    name: str
    tenant_id: str
    permissions: list[str]
    scope: str
    csrf_token: str | None = None


async def login(body: Login, request: Request, to: Parts, response: Response) -> Tokens:
    """Come in with a password. Words and time are the same whoever it is that fails."""
    gate = entrance(to)
    check_origin(gate, request)
    person = await gate.signin.person(body.email, Secret(body.password), body.tenant, came(request))
    opened = await gate.sessions.open(person, body.session, "password", came(request))
    return await _given(gate, request, response, opened)


async def refresh(request: Request, to: Parts, response: Response, body: Refresh | None = None) -> Tokens:
    """Return a fresh access token. A refresh token is good once, and changed for the next."""
    gate = entrance(to)
    if body is None or body.refresh_token is None:
        row = await session_by_cookie(gate, request)
        return Tokens(**await _access(gate, row), csrf_token=gate.sessions.csrf(row))
    opened = await gate.sessions.refresh(Secret(body.refresh_token), came(request))
    return await _given(gate, request, response, opened)


async def logout(request: Request, to: Parts, response: Response, body: Logout | None = None) -> None:
    """End a session: at once, and everywhere. One that has ended already is no error."""
    gate, asked = entrance(to), body or Logout()
    send_away(request, response)
    response.status_code = 204
    row = await _session(gate, request, asked.refresh_token)
    if row is not None:
        await gate.sessions.end(row, came(request), everywhere=asked.everywhere)


async def password(body: NewPassword, request: Request, to: Parts, response: Response) -> None:
    """Choose a password. Every session of the user ends."""
    gate = entrance(to)
    response.status_code = 204
    if body.token is not None:
        await gate.signin.redeem(Secret(body.token), Secret(body.new_password), came(request))
        return
    who = await authenticate(request)
    person = await gate.reader.person(who.id) if who.kind == "user" else None
    if person is None or body.current_password is None:
        raise BadRequest("Only users have passwords.", code="invalid_parameter", param="current_password")
    await gate.signin.change(person, Secret(body.current_password), Secret(body.new_password), came(request))
    send_away(request, response)


async def me(request: Request, who: Who, to: Parts) -> Me:
    """Return who calls, and what it may."""
    csrf = None
    if to.entrance is not None and request.cookies.get(named(request, COOKIE)) and who.kind == "user":
        csrf = to.entrance.sessions.csrf(await session_by_cookie(to.entrance, request))
    return Me(
        kind=who.kind,
        id=who.id,
        name=who.name,
        tenant_id=who.tenant_id,
        permissions=sorted(who.permissions),
        scope=who.scope,
        csrf_token=csrf,
    )


async def public_keys(to: Parts, response: Response) -> dict[str, Any]:
    """Return the keys with which others can verify our access tokens: a JWKS."""
    signer = entrance(to).sessions.signer
    await run_in_threadpool(signer.prepare)
    response.headers["cache-control"] = "public, max-age=300"
    return signer.public()


async def _given(gate: Entrance, request: Request, response: Response, opened: Opened) -> Tokens:
    access = await _access(gate, opened.row)
    if opened.row.kind == "cookie":
        let_in(gate, request, response, opened)
        return Tokens(**access, csrf_token=gate.sessions.csrf(opened.row))
    return Tokens(**access, refresh_token=opened.held.reveal())


async def _access(gate: Entrance, row: SessionRow) -> dict[str, Any]:
    signer = gate.sessions.signer
    await run_in_threadpool(signer.prepare)
    return {"access_token": gate.sessions.access_token(row).reveal(), "expires_in": signer.life}


async def _session(gate: Entrance, request: Request, refresh_token: str | None) -> SessionRow | None:
    """Return the session that a request stands for, good or over; ``None`` where there is none."""
    if refresh_token is not None:
        id = session_of(Secret(refresh_token), gate.derived)
        return await gate.reader.session(id) if id is not None else None
    bearer = request.headers.get("authorization", "")[7:].strip().encode()
    if looks_like_token(bearer):
        await run_in_threadpool(gate.sessions.signer.prepare)
        try:
            return await gate.reader.session(gate.sessions.signer.access(read(bearer)).sid)
        except BadToken:
            raise NotAuthenticated(SIGNED_OUT) from None
    try:
        return await session_by_cookie(gate, request)
    except NotAuthenticated:
        return None


def _open(method: Any, path: str, endpoint: Any, summary: str, body: type[Body] | None = None) -> Route:
    return Route(
        method=method,
        path=path,
        permission=OPEN,
        endpoint=endpoint,
        summary=summary,
        tag="auth",
        object="session",
        writes=tuple(body.model_fields) if body is not None else (),
    )


ROUTES = (
    _open("POST", "/auth/login", login, "Come in with a password", Login),
    _open("POST", "/auth/refresh", refresh, "Get a fresh access token", Refresh),
    _open("POST", "/auth/logout", logout, "Go out", Logout),
    _open("POST", "/auth/password", password, "Choose a password", NewPassword),
    _open("GET", "/auth/keys", public_keys, "The keys that verify our access tokens"),
    Route(
        method="GET",
        path="/auth/me",
        permission=SELF,
        endpoint=me,
        summary="Who calls",
        tag="auth",
        object="session",
    ),
)
