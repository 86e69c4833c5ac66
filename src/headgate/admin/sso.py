"""``/sso``: a tenant's identity providers, whom they let in, and as what."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec
from pydantic import Field

from headgate.access.entrance import Entrance
from headgate.access.permissions import ROLES
from headgate.access.vault import about
from headgate.admin.crud import Asked, Kind, PageOf, routes_of
from headgate.admin.fields import Answer, Body, Text, UtcTime, instant
from headgate.admin.grants import may_give, may_touch
from headgate.admin.levels import Name, Word, stored
from headgate.admin.parts import AdminParts
from headgate.admin.waiting import waited
from headgate.core.errors import BadRequest, Unavailable
from headgate.core.ids import new_id, now
from headgate.storage.entry_rows import SsoRow
from headgate.storage.tenancy_objects import SqlRoles

Url = Annotated[Text, Field(min_length=1, max_length=512)]
Hidden = Annotated[str, Field(min_length=1, max_length=1000)]
Domain = Annotated[Text, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Role = Annotated[Text, Field(min_length=1, max_length=64)]
Groups = Annotated[
    dict[Annotated[Text, Field(min_length=1, max_length=255)], Role], Field(max_length=500, default_factory=dict)
]


class NewSso(Body):
    """An identity provider."""

    name: Name
    issuer: Url
    """As it says it: ``https://sso.example.com/realms/staff``."""
    client_id: Annotated[Text, Field(min_length=1, max_length=255)]
    client_secret: Hidden | None = None
    """None for a public client. It is sealed, and never shown."""
    scopes: Annotated[tuple[Word, ...], Field(max_length=20)] = ("email", "profile")
    groups_claim: Annotated[Text, Field(min_length=1, max_length=255)] = "groups"
    """The claim with a user's groups, by its path: ``realm_access.roles``."""
    roles: Groups
    """Group -> role, which its members have in the tenant."""
    default_role: Role | None = None
    """Of everybody."""
    domains: Annotated[tuple[Domain, ...], Field(max_length=100)] = ()
    """Of the e-mail addresses that it may vouch for: who has an account with such a one gets into it. None is any
    address, and no account that was there before."""
    creates_users: bool = True
    """Who has no account gets one by coming in."""
    is_active: bool = True


class SsoChanges(Body):
    """What is to be otherwise."""

    name: Name = ""
    client_id: Annotated[Text, Field(min_length=1, max_length=255)] = ""
    client_secret: Hidden | None = None
    scopes: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    groups_claim: Annotated[Text, Field(min_length=1, max_length=255)] = ""
    roles: Groups
    default_role: Role | None = None
    domains: Annotated[tuple[Domain, ...], Field(max_length=100)] = ()
    creates_users: bool = True
    is_active: bool = True


class Sso(Answer):
    """An identity provider, without its secret."""

    id: str
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: list[str]
    groups_claim: str
    roles: dict[str, str]
    default_role: str | None
    domains: list[str]
    creates_users: bool
    is_active: bool
    start: str
    """The path at which people begin to sign in."""
    callback: str
    """The path that they come back to: its whole URL is to be known at the provider."""
    created_at: UtcTime
    updated_at: UtcTime


class SsoPage(PageOf[Sso]):
    """A page of identity providers."""


async def _made(asked: Asked, body: NewSso) -> SsoRow:
    to = entrance(asked.to)
    await to.web.allow(body.issuer, "issuer")
    await _may(asked, body.roles, body.default_role, body.domains)
    id = new_id()
    given = body.model_dump(exclude={"client_secret", "roles"})
    return SsoRow(
        id=id,
        tenant_id=asked.who.tenant_id,
        sealed_secret=await _sealed(to, asked.who.tenant_id, id, body.client_secret),
        roles=msgspec.json.encode(body.roles).decode(),
        created_at=now(),
        updated_at=now(),
        **stored(given) | {"scopes": " ".join(body.scopes)},
    )


async def _changed(asked: Asked, row: SsoRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    await _touched(asked, row)
    roles = fields.get("roles", {})
    await _may(asked, roles, fields.get("default_role"), fields.get("domains", ()))
    columns = stored(
        {name: value for name, value in fields.items() if name not in ("roles", "scopes", "client_secret")}
    )
    if "roles" in fields:
        columns["roles"] = msgspec.json.encode(roles).decode()
    if "scopes" in fields:
        columns["scopes"] = " ".join(fields["scopes"])
    if "client_secret" in fields:
        columns["sealed_secret"] = await _sealed(entrance(asked.to), row.tenant_id, row.id, fields["client_secret"])
    return columns


async def _may(asked: Asked, roles: Mapping[str, str], default: str | None, domains: Collection[str]) -> None:
    """Nobody lets others come in as more than himself. A provider of a domain can open every account that is in it."""
    if domains:
        may_give(asked.who, ROLES["tenant-admin"], "tenant", "domains")
    for role in {*roles.values(), *([default] if default is not None else [])}:
        may_give(asked.who, await permissions_of(asked.to, asked.who.tenant_id, role, "roles"), "tenant", "roles")


async def _touched(asked: Asked, row: SsoRow) -> None:
    """Refuse who may do less than those whom the provider lets in now: by another claim or secret he could be one."""
    may_touch(asked.who, (("tenant", ROLES["tenant-admin"] if msgspec.json.decode(row.domains) else frozenset()),))
    for role in {*msgspec.json.decode(row.roles, type=dict[str, str]).values(), row.default_role}:
        own = None if role is None else await _permissions(asked.to, row.tenant_id, role)
        may_touch(asked.who, (("tenant", own or frozenset()),))


async def permissions_of(to: AdminParts, tenant_id: str, role: str, param: str) -> frozenset[str]:
    """Return what a role allows; raise ``BadRequest`` where there is none of that name or id."""
    if role == "platform-admin":
        what = "Who reaches beyond a tenant is named here, and by no identity provider."
        raise BadRequest(what, code="invalid_parameter", param=param)
    found = await _permissions(to, tenant_id, role)
    if found is None:
        raise BadRequest(f"There is no role {role!r}.", code="invalid_parameter", param=param)
    return found


async def _permissions(to: AdminParts, tenant_id: str, role: str) -> frozenset[str] | None:
    """Return what a role allows, ``None`` where there is none of that name or id."""
    if role in ROLES:
        return ROLES[role]
    found = await SqlRoles(entrance(to).engine).find(tenant_id, role)
    return None if found is None else msgspec.json.decode(found.permissions, type=frozenset[str])


def entrance(to: AdminParts) -> Entrance:
    """Return what signing in takes; raise ``Unavailable`` where this process does not have it."""
    if to.entrance is None:
        raise Unavailable("Signing in is not possible here.", code="auth_unavailable")
    return to.entrance


def secret_about(tenant_id: str, id: str) -> bytes:
    """Return what is authenticated with a sealed client secret."""
    return about(tenant_id, "sso", id)


async def _sealed(to: Entrance, tenant_id: str, id: str, secret: str | None) -> bytes | None:
    if secret is None:
        return None
    return await waited(lambda: to.sealer.seal(secret.encode(), secret_about(tenant_id, id)))


def _shown(row: SsoRow) -> Sso:
    return Sso(
        id=row.id,
        name=row.name,
        issuer=row.issuer,
        client_id=row.client_id,
        has_secret=row.sealed_secret is not None,
        scopes=row.scopes.split(),
        groups_claim=row.groups_claim,
        roles=msgspec.json.decode(row.roles),
        default_role=row.default_role,
        domains=msgspec.json.decode(row.domains),
        creates_users=row.creates_users,
        is_active=row.is_active,
        start=f"/api/v1/auth/sso/{row.id}/start",
        callback=f"/api/v1/auth/sso/{row.id}/callback",
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


ROUTES = routes_of(
    Kind(
        word="sso",
        things="sso",
        store=lambda to: entrance(to).sso,
        shown=_shown,
        answer=Sso,
        page=SsoPage,
        new=NewSso,
        changes=SsoChanges,
        made=_made,
        changed=_changed,
        removing=_touched,
    )
)
