"""``/auth/sso``: leaving for an identity provider, and coming back from it."""

from typing import Annotated

import msgspec
from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from headgate.access.bad import network_of
from headgate.access.entrance import Entrance
from headgate.access.oidc import AWAY as AWAY_FOR
from headgate.access.oidc import Answer as Brought
from headgate.access.oidc import Identity
from headgate.access.permissions import PLATFORM_TENANT
from headgate.access.resolve import roles_of_groups
from headgate.admin.cookies import AWAY, base_url, came, let_in, named, put
from headgate.admin.crud import Parts
from headgate.admin.fields import Answer, object_id
from headgate.admin.route import OPEN, Route
from headgate.admin.sso import entrance, secret_about
from headgate.admin.waiting import waited
from headgate.core.errors import BadRequest, Forbidden, NotFound, Refused
from headgate.core.secret import Secret
from headgate.storage.entry_admit import Admission, NotAdmitted, admit
from headgate.storage.entry_rows import Person, SsoRow


class Door(Answer):
    """A provider that one may sign in through."""

    id: str
    name: str
    start: str
    """The path at which to begin."""


class Doors(Answer):
    """Those that are there for an e-mail domain."""

    data: list[Door]


async def doors(
    to: Parts,
    email: Annotated[str, Query(max_length=254)] = "",
    tenant: Annotated[str, Query(max_length=64)] = PLATFORM_TENANT,
) -> Doors:
    """Return the providers that are there for an e-mail address, whether anybody has it or not; else a tenant's."""
    domain, reader = email.rpartition("@")[2].strip().lower(), entrance(to).reader
    rows: list[SsoRow] = []
    if domain.isascii() and domain.isprintable() and tenant.isprintable():
        rows = await (reader.sso_of_domain(domain) if email else reader.sso_of_tenant(tenant))
    return Doors(data=[Door(id=row.id, name=row.name, start=_path(row, "start")) for row in rows])


async def start(
    id: str, request: Request, to: Parts, back: Annotated[str, Query(max_length=1000)] = "/"
) -> RedirectResponse:
    """Send a browser to the provider. *back* is where to go afterwards: a path here."""
    gate = entrance(to)
    row = await _provider(gate, id)
    if not back.startswith("/") or back.startswith(("//", "/\\")) or not back.isprintable() or "\\" in back:
        raise BadRequest("back must be a path here, such as /.", code="invalid_parameter", param="back")
    url, kept = await gate.oidc.start(row, base_url(gate, request) + _path(row, "callback"), back)
    response = RedirectResponse(url, 303)
    put(request, response, AWAY, kept, AWAY_FOR)
    return response


async def callback(id: str, request: Request, to: Parts) -> Response:
    """Take what a browser brings back. It is in, or nothing has happened."""
    gate = entrance(to)
    network = network_of(came(request).address)
    await gate.failures.check(network)
    try:
        person, row, back = await _returned(gate, id, request)
    except Refused:
        await gate.failures.count(network)
        raise
    opened = await gate.sessions.open(person, "cookie", row.id, came(request))
    response = RedirectResponse(back, 303)
    put(request, response, AWAY, "", 0)
    let_in(gate, request, response, opened)
    return response


async def _returned(gate: Entrance, id: str, request: Request) -> tuple[Person, SsoRow, str]:
    """Return who came back, from where, and where he goes now."""
    row = await _provider(gate, id)
    secret = None
    if row.sealed_secret is not None:
        sealed, belongs = row.sealed_secret, secret_about(row.tenant_id, row.id)
        secret = Secret((await waited(lambda: gate.sealer.open(sealed, belongs))).decode())
    brought = msgspec.convert({name: request.query_params.get(name) for name in Brought.__struct_fields__}, Brought)
    identity, back = await gate.oidc.finish(row, secret, brought, request.cookies.get(named(request, AWAY)))
    return await _admitted(gate, row, identity, request), row, back


async def _admitted(gate: Entrance, row: SsoRow, identity: Identity, request: Request) -> Person:
    roles = msgspec.json.decode(row.roles, type=dict[str, str])
    domains = msgspec.json.decode(row.domains, type=tuple[str, ...])
    every = (row.default_role,) if row.default_role is not None else ()
    of_domain = identity.email is not None and identity.email.rpartition("@")[2] in domains
    asked = Admission(
        sso=row,
        subject=identity.subject,
        email=identity.email,
        vouched=of_domain and identity.email_verified,
        may_be_new=row.creates_users and (of_domain or not domains),
        name=identity.name,
        roles={*roles_of_groups(identity.groups, roles), *every},
        managed={*roles.values(), *every},
    )
    try:
        user_id = await admit(gate.engine, asked, came(request).address)
    except NotAdmitted as error:
        raise Forbidden(f"You are known, but may not come in: {error}.") from None
    person = await gate.reader.person(user_id)
    if person is None or not person.is_active:
        raise Forbidden("You are known, but may not come in: the account is off.")
    return person


async def _provider(gate: Entrance, id: str) -> SsoRow:
    row = await gate.reader.sso(object_id(id, "identity provider"))
    if row is None:
        raise NotFound("There is no such identity provider.")
    return row


def _path(row: SsoRow, end: str) -> str:
    return f"/api/v1/auth/sso/{row.id}/{end}"


def _open(path: str, endpoint: object, summary: str, *, foreign: bool = False) -> Route:
    return Route(
        method="GET",
        path=path,
        permission=OPEN,
        endpoint=endpoint,  # type: ignore[arg-type]
        summary=summary,
        tag="auth",
        object="session",
        foreign=foreign,
    )


ROUTES = (
    _open("/auth/sso", doors, "Where to sign in with an e-mail address"),
    _open("/auth/sso/{id}/start", start, "Leave for an identity provider"),
    _open("/auth/sso/{id}/callback", callback, "Come back from an identity provider", foreign=True),
)
