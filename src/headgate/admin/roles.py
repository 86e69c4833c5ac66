"""``/roles`` and ``/bindings``: a tenant's own roles, and who has which. Nobody gives more than it has."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Request, Response
from pydantic import Field, field_validator

from headgate.access.assemble import grants_of
from headgate.access.permissions import PERMISSIONS, PLATFORM_TENANT, ROLES
from headgate.access.reach import TEAM
from headgate.access.types import Grants
from headgate.admin.crud import (
    Asked,
    By,
    Kind,
    Listing,
    PageOf,
    Parts,
    Who,
    Within,
    expected,
    found,
    page_of,
    paged,
    routes_of,
    tagged,
    told,
    wanted,
)
from headgate.admin.fields import Answer, Body, UtcTime, instant, object_id
from headgate.admin.grants import may_give, may_stand_for, may_touch
from headgate.admin.levels import Id, Name, Word, stored, texts
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route
from headgate.core.errors import BadRequest
from headgate.core.ids import new_id, now
from headgate.storage.tenancy_rows import BindingRow, HeldRole, RoleRow

SubjectKind = Literal["user", "client", "key"]
_names = msgspec.json.Decoder(frozenset[str])


class RoleFields(Body):
    """What may be said of a role."""

    permissions: Annotated[tuple[Word, ...], Field(max_length=200)] = ()

    @field_validator("permissions")
    @classmethod
    def _that_exist(cls, permissions: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(permissions) - PERMISSIONS.keys():
            raise ValueError(f"names what does not exist: {', '.join(sorted(unknown))}; GET /permissions lists all")
        return permissions


class NewRole(RoleFields):
    """A role to be made."""

    name: Name

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in ROLES:
            raise ValueError("is the name of a role that is always there")
        return name


class RoleChanges(RoleFields):
    """What is to change of a role."""

    name: Name = ""


class Role(Answer):
    """A role of the tenant's own."""

    id: str
    name: str
    permissions: list[str]
    created_at: UtcTime
    updated_at: UtcTime


class Roles(PageOf[Role]):
    """A page of roles."""


class Permissions(Answer):
    """All permissions with what each allows, and the roles that are always there."""

    permissions: dict[str, str]
    roles: dict[str, list[str]]


class NewBinding(Body):
    """A role to be given."""

    role: Id
    """The name of one that is always there, or the id of one of the tenant's own."""
    subject_kind: SubjectKind
    subject_id: Id
    scope: Id = "tenant"
    """``tenant``, ``team:ID``, ``own``, or ``platform``, which goes with the role ``platform-admin`` alone."""


class Binding(Answer):
    """A role that somebody has."""

    id: str
    role: str
    subject_kind: SubjectKind
    subject_id: str
    scope: str
    created_at: UtcTime


class Bindings(PageOf[Binding]):
    """A page of who has which role."""


class BindingListing(Listing):
    """Which are wanted."""

    subject_kind: SubjectKind | None = None
    subject_id: Annotated[str, Field(max_length=128)] | None = None
    role: Annotated[str, Field(max_length=128)] | None = None


async def _made(asked: Asked, body: NewRole) -> RoleRow:
    may_give(asked.who, body.permissions, "tenant", "permissions")
    at = now()
    fields = stored(body.model_dump())
    return RoleRow(id=new_id(), tenant_id=asked.who.tenant_id, **fields, created_at=at, updated_at=at)


async def _changed(asked: Asked, row: RoleRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Who changes a role gives it to all who have it, so it must have what was in it as well."""
    may_give(asked.who, {*_names.decode(row.permissions), *fields.get("permissions", ())}, "tenant", "permissions")
    return stored(fields)


async def _removing(asked: Asked, row: RoleRow) -> None:
    may_give(asked.who, _names.decode(row.permissions), "tenant")


def _role(row: RoleRow) -> Role:
    return Role(
        id=row.id,
        name=row.name,
        permissions=sorted(texts(row.permissions)),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


async def list_permissions() -> Permissions:
    """Return all permissions, and the roles that are always there."""
    return Permissions(permissions=dict(PERMISSIONS), roles={name: sorted(has) for name, has in ROLES.items()})


async def list_bindings(who: Who, to: Parts, inside: Within, query: Annotated[BindingListing, Query()]) -> Bindings:
    """Return who has which role."""
    store = to.tenancy.bindings
    rows = await store.page(who.tenant_id, wanted(query, inside), page_of(query))
    return Bindings(**paged(rows, query, _binding, store.named))


async def create_binding(body: NewBinding, who: Who, to: Parts, by: By, inside: Within, response: Response) -> Binding:
    """Give a role. It counts everywhere within a second."""
    asked = Asked(who, to, by, inside)
    role, scope = await scope_of(asked, body.role, body.scope)
    if body.subject_kind == "key":
        key = await to.keys.find(who.tenant_id, body.subject_id)
        if key is None or key.kind != "admin":
            raise BadRequest("Roles are for admin keys.", code="invalid_parameter", param="subject_id")
        may_stand_for(asked.who, key.user_id, await granted(to, who.tenant_id, [(role, scope)]))
    row = BindingRow(
        id=new_id(),
        tenant_id=who.tenant_id,
        role=role,
        subject_kind=body.subject_kind,
        subject_id=body.subject_id,
        scope=scope,
        created_at=now(),
    )
    with told("binding"):
        await to.tenancy.bindings.add(who.tenant_id, row, by)
    return tagged(response, row, _binding)


async def get_binding(id: str, who: Who, to: Parts, inside: Within, response: Response) -> Binding:
    """Return one."""
    row = await to.tenancy.bindings.find(who.tenant_id, object_id(id, "binding"), inside)
    return tagged(response, found(row, "binding"), _binding)


async def delete_binding(id: str, request: Request, who: Who, to: Parts, by: By, inside: Within) -> Binding:
    """Take a role away. It counts no more, everywhere, within a second."""
    store = to.tenancy.bindings
    row: BindingRow = found(await store.find(who.tenant_id, object_id(id, "binding"), inside), "binding")
    may_touch(who, await granted(to, who.tenant_id, [(row.role, row.scope)]))
    with told("binding"):
        return _binding(found(await store.drop(who.tenant_id, row.id, by, expect=expected(request)), "binding"))


async def scope_of(asked: Asked, role: str, scope: str) -> tuple[str, str]:
    """Return a role and how far it is to reach, as they are stored; refuse what the giver does not have."""
    who = asked.who
    if (role == "platform-admin") != (scope == "platform"):
        raise BadRequest(
            "The scope platform and the role platform-admin go together.", code="invalid_parameter", param="scope"
        )
    if scope == "platform" and who.tenant_id != PLATFORM_TENANT:
        raise BadRequest(
            "Only who belongs to the installation's own tenant can administer it.",
            code="invalid_parameter",
            param="scope",
        )
    if scope not in ("platform", "tenant", "own") and not scope.startswith(TEAM):
        raise BadRequest("scope must be tenant, team:ID, own or platform.", code="invalid_parameter", param="scope")
    permissions = await _permissions(asked.to, who.tenant_id, role)
    given = ROLES.get(role, frozenset()) if permissions is None else _names.decode(permissions)
    if permissions is None and role not in ROLES:
        raise BadRequest("There is no such role.", code="invalid_parameter", param="role")
    may_give(who, given, scope, "role")
    return role, scope


async def grants_to(to: AdminParts, tenant_id: str, kind: str, id: str, permissions: str | None = None) -> Grants:
    """Return what a user, a client or an admin key may; *permissions* are those of the key itself."""
    grants = grants_of(await to.tenancy.bindings.held(tenant_id, kind, id), tenant_id)
    return grants if permissions is None else (*grants, ("tenant", _names.decode(permissions) & PERMISSIONS.keys()))


async def granted(to: AdminParts, tenant_id: str, roles: Iterable[tuple[str, str]]) -> Grants:
    """Return what roles allow, each as far as the scope that stands beside it."""
    held = [HeldRole(role, scope, await _permissions(to, tenant_id, role)) for role, scope in roles]
    return grants_of(held, tenant_id)


async def _permissions(to: AdminParts, tenant_id: str, role: str) -> str | None:
    if role in ROLES:
        return None
    row = await to.tenancy.roles.find(tenant_id, role)
    return None if row is None else row.permissions


def _binding(row: BindingRow) -> Binding:
    return Binding(
        id=row.id,
        role=row.role,
        subject_kind=row.subject_kind,  # type: ignore[arg-type]  # checked when it was made
        subject_id=row.subject_id,
        scope=row.scope,
        created_at=instant(row.created_at),
    )


KIND = Kind(
    word="role",
    things="roles",
    store=lambda to: to.tenancy.roles,
    shown=_role,
    answer=Role,
    page=Roles,
    new=NewRole,
    changes=RoleChanges,
    made=_made,
    changed=_changed,
    removing=_removing,
)
_binding_route = partial(Route, object="binding", tag="roles", narrows=("team",))
ROUTES = (
    *routes_of(KIND),
    Route(
        method="GET",
        path="/permissions",
        permission="roles:view",
        endpoint=list_permissions,
        summary="All permissions, and the roles that are always there",
        object="role",
        tag="roles",
        narrows=("team", "own"),
    ),
    _binding_route(
        method="GET",
        path="/bindings",
        permission="roles:view",
        endpoint=list_bindings,
        summary="Who has which role",
    ),
    _binding_route(
        method="POST",
        path="/bindings",
        permission="roles:update",
        endpoint=create_binding,
        summary="Give a role",
        status=201,
        writes=tuple(NewBinding.model_fields),
    ),
    _binding_route(
        method="GET",
        path="/bindings/{id}",
        permission="roles:view",
        endpoint=get_binding,
        summary="Who has a role",
    ),
    _binding_route(
        method="DELETE",
        path="/bindings/{id}",
        permission="roles:update",
        endpoint=delete_binding,
        summary="Take a role away",
    ),
)
