"""``/tenants``: organizations. A tenant sees itself; who administers the platform sees, makes and removes them all."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator, Field

from headgate.access.keeping import MOST_BYTES
from headgate.access.reach import Reach
from headgate.admin.crud import By, Listing, PageOf, Parts, Who, expected, found, page_of, paged, tagged, told, wanted
from headgate.admin.fields import Body, Text, UtcTime, instant, object_id
from headgate.admin.levels import (
    LevelAnswer,
    LimitsAnswer,
    LimitsBody,
    ModelNames,
    Name,
    PayloadLevel,
    ProviderNames,
    level_of,
    limits_of,
    stored,
    texts,
)
from headgate.admin.route import Route, reached
from headgate.admin.users import Email
from headgate.core.errors import Forbidden, NotFound
from headgate.core.ids import new_id, now
from headgate.storage.tenancy_rows import TenantRow

PLATFORM = frozenset({"is_active", "zone", "limits", "models", "providers", "catalogue"})
"""What binds the tenant itself: who administers the platform says it. In another zone budgets' days begin anew."""

Far = Annotated[Reach, Depends(reached)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be the name of a time zone, as Europe/Berlin") from None
    return name


class Logging(Body):
    """What is kept of calls."""

    payload: PayloadLevel | None = None
    """How much of what is said; without it, what the installation's own setting says."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Without it they are kept."""
    payload_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """What was said goes sooner, where this is less."""
    minute_days: Annotated[int, Field(ge=3, le=3650)] | None = None
    """Sums by minute are kept so long; without these three it is as the configuration's `observe.retention` says."""
    hour_days: Annotated[int, Field(ge=92, le=3650)] | None = None
    day_days: Annotated[int, Field(ge=400, le=36500)] | None = None
    max_bytes: Annotated[int, Field(ge=1024, le=MOST_BYTES)] | None = None
    """Of a request and of an answer; without it 262,144, or 20,000,000 where all is kept."""
    audit_reads: bool = False
    """The audit log says who has read what was said."""


class TenantFields(Body):
    """What may be said of a tenant."""

    email: Email | None = None
    """Where reports go."""
    is_active: bool = True
    """Off, nobody of it gets in."""
    zone: Annotated[Text, Field(max_length=64), AfterValidator(_zone)] = "UTC"
    """Whose days, weeks and months budgets and reports go by."""
    limits: LimitsBody = LimitsBody()
    user_limits: LimitsBody = LimitsBody()
    """Of each user that has none of its own."""
    end_user_limits: LimitsBody = LimitsBody()
    """Of each end user."""
    models: ModelNames = ()
    providers: ProviderNames = ()
    catalogue: ModelNames = ()
    """Routes, ``provider/model`` or ``provider/*``: what is not among them does not exist for the tenant."""
    logging: Logging = Logging()
    self_approval: bool = False
    """Who may decide on requests for more may decide on his own."""


class NewTenant(TenantFields):
    """A tenant to be made."""

    name: Name
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] | None = None
    """Its id, where it is to have one that people know."""


class TenantChanges(TenantFields):
    """What is to change of a tenant."""

    name: Name = ""


class Tenant(LevelAnswer):
    """An organization."""

    email: str | None
    zone: str
    user_limits: LimitsAnswer
    end_user_limits: LimitsAnswer
    catalogue: list[str]
    logging: Logging
    self_approval: bool
    created_at: UtcTime
    updated_at: UtcTime


class Tenants(PageOf[Tenant]):
    """A page of tenants."""


class TenantListing(Listing):
    """Which tenants are wanted."""

    is_active: bool | None = None


async def list_tenants(who: Who, to: Parts, far: Far, query: Annotated[TenantListing, Query()]) -> Tenants:
    """Return all tenants to who administers the platform, and to others their own."""
    store, where, page = to.tenancy.tenants, wanted(query, None), page_of(query)
    rows = await (store.of_the_platform(where, page) if far.platform else store.page(who.tenant_id, where, page))
    return Tenants(**paged(rows, query, _shown, store.named))


async def create_tenant(body: NewTenant, to: Parts, by: By, response: Response) -> Tenant:
    """Make a tenant."""
    at = now()
    fields = _columns(dict(body))
    row = TenantRow(**{**fields, "id": body.id or new_id()}, created_at=at, updated_at=at)
    with told("tenant"):
        await to.tenancy.tenants.add(row.id, row, by)
    return tagged(response, row, _shown)


async def get_tenant(id: str, who: Who, to: Parts, far: Far, response: Response) -> Tenant:
    """Return one tenant."""
    id = _asked(id, who.tenant_id, far)
    return tagged(response, found(await to.tenancy.tenants.find(id, id), "tenant"), _shown)


async def update_tenant(  # what the framework hands over
    id: str, body: TenantChanges, request: Request, who: Who, to: Parts, by: By, far: Far, response: Response
) -> Tenant:
    """Change what is said of a tenant; it is obeyed everywhere within a second."""
    id = _asked(id, who.tenant_id, far)
    fields = {name: getattr(body, name) for name in body.model_fields_set}
    if not far.platform and (more := PLATFORM & fields.keys()):
        raise Forbidden(
            "What binds your own tenant is changed by who administers the platform.",
            code="beyond_your_own",
            param=min(more),
        )
    was = found(await to.tenancy.tenants.find(id, id), "tenant")
    with told("tenant"):
        row = await to.tenancy.tenants.set(id, id, _columns(fields, was.settings), by, expect=expected(request))
    return tagged(response, found(row, "tenant"), _shown)


async def delete_tenant(id: str, request: Request, who: Who, to: Parts, by: By, far: Far) -> Tenant:
    """Remove a tenant with all that is its; what it did and what that cost stays on record."""
    id = _asked(id, who.tenant_id, far)
    with told("tenant"):
        return _shown(found(await to.tenancy.tenants.drop(id, id, by, expect=expected(request)), "tenant"))


def _asked(id: str, own: str, far: Reach) -> str:
    """Return the tenant that is asked for; another's does not exist."""
    id = object_id(id, "tenant")
    if id != own and not far.platform:
        raise NotFound("There is no such tenant.")
    return id


def _columns(fields: Mapping[str, Any], settings: str = "{}") -> dict[str, Any]:
    """Return the columns that *fields* mean, where *settings* are what they were."""
    columns = stored({name: value for name, value in fields.items() if name not in ("id", *SETTINGS)})
    said = {name: fields[name] for name in SETTINGS if fields.get(name) is not None}
    if said:
        kept = msgspec.json.decode(settings, type=dict[str, Any])
        told = {name: value.model_dump() if isinstance(value, Logging) else value for name, value in said.items()}
        columns["settings"] = msgspec.json.encode({**kept, **told}).decode()
    return columns


SETTINGS = ("logging", "self_approval")
"""Fields that are kept together in one column."""


def _shown(row: TenantRow) -> Tenant:
    settings = msgspec.json.decode(row.settings, type=dict[str, Any])
    return Tenant(
        **level_of(row),
        email=row.email,
        zone=row.zone,
        user_limits=limits_of(row.user_limits),
        end_user_limits=limits_of(row.end_user_limits),
        catalogue=texts(row.catalogue),
        logging=Logging(**settings.get("logging", {})),
        self_approval=settings.get("self_approval", False),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


_route = partial(Route, object="tenant", tag="tenants")
ONE = "/tenants/{id}"
ROUTES = (
    _route(method="GET", path="/tenants", permission="tenants:view", endpoint=list_tenants, summary="Tenants"),
    _route(
        method="POST",
        path="/tenants",
        permission="tenants:create",
        endpoint=create_tenant,
        summary="Make a tenant",
        status=201,
        writes=tuple(NewTenant.model_fields),
    ),
    _route(method="GET", path=ONE, permission="tenants:view", endpoint=get_tenant, summary="A tenant"),
    _route(
        method="PATCH",
        path=ONE,
        permission="tenants:update",
        endpoint=update_tenant,
        summary="Change a tenant",
        writes=tuple(TenantChanges.model_fields),
    ),
    _route(
        method="DELETE",
        path=ONE,
        permission="tenants:delete",
        endpoint=delete_tenant,
        summary="Remove a tenant with all that is its",
    ),
)
