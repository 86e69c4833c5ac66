"""``/keys``, also ``/config/virtual-keys``: making, showing, changing, revoking and rotating keys.

A secret is shown once, when it is made.
"""

from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response

from headgate.access.keys import mint, new_row, stored_secret
from headgate.access.permissions import OWN_KEY
from headgate.access.types import Budget
from headgate.access.vault import sealed_row
from headgate.admin.crud import (
    Asked,
    By,
    Parts,
    Who,
    Within,
    expected,
    found,
    page_of,
    paged,
    tagged,
    told,
    wanted,
)
from headgate.admin.fields import (
    micros,
    object_id,
)
from headgate.admin.grants import may_give, may_stand_for, may_touch
from headgate.admin.key_fields import (
    Key,
    KeyChanges,
    KeyFields,
    KeyListing,
    Keys,
    MadeKey,
    NewKey,
    RoleOfKey,
    Rotation,
    shown,
)
from headgate.admin.levels import (
    stored,
)
from headgate.admin.roles import granted, grants_to, scope_of
from headgate.admin.route import Route
from headgate.admin.waiting import waited
from headgate.core.errors import BadRequest, Forbidden
from headgate.core.ids import now
from headgate.core.money import nano_from_usd
from headgate.core.secret import Secret
from headgate.storage.keys import Secretless
from headgate.storage.provider_keys import ProviderKeyRow
from headgate.storage.types import KeyRow

PATH = "/keys"
ALSO = "/config/virtual-keys"


async def list_keys(who: Who, to: Parts, inside: Within, query: Annotated[KeyListing, Query()]) -> Keys:
    """Return the keys that fit all filters."""
    rows = await to.keys.page(who.tenant_id, wanted(query, inside), page_of(query))
    used = await to.keys.used(who.tenant_id, [row.id for row in rows])
    return Keys(**paged(rows, query, lambda row: shown(row, used.get(row.id)), "name"))


async def create_key(body: NewKey, who: Who, to: Parts, by: By, inside: Within, response: Response) -> MadeKey:
    """Make a key. It can be used within a second."""
    asked = Asked(who, to, by, inside)
    fields = await columns(asked, {name: getattr(body, name) for name in KeyFields.model_fields}, None)
    roles = await _roles(asked, body)
    if body.kind == "key" and not OWN_KEY.issuperset(body.permissions or ()):
        raise _not_a_keys(body.permissions or ())
    if body.kind == "admin" and body.permissions is not None:
        may_give(who, body.permissions, "tenant", "permissions")
    may_stand_for(who, fields.get("user_id"), await granted(to, who.tenant_id, roles))
    await _inside(asked, fields)
    key = mint(body.kind, to.derived)
    row = new_row(key, to.derived, name=body.name, now=now(), kind=body.kind, tenant_id=who.tenant_id)
    sealed = await waited(lambda: _sealed(asked, row.id, body))
    mapped = [one for one in sealed.values() if one is not None]
    plain = {one.provider: one.id for one in mapped}
    row = msgspec.structs.replace(row, **fields, mapped=msgspec.json.encode(plain).decode())
    with told("key"):
        await to.keys.add_key(who.tenant_id, row, by, roles=roles, mapped=mapped)
    return MadeKey(**tagged(response, row, shown).model_dump(), key=key.reveal())


async def get_key(id: str, who: Who, to: Parts, inside: Within, response: Response) -> Key:
    """Return one key."""
    row: KeyRow = found(await to.keys.find(who.tenant_id, object_id(id, "key"), inside), "key")
    used = await to.keys.used(who.tenant_id, [row.id])
    return tagged(response, row, lambda row: shown(row, used.get(row.id)))


async def update_key(  # what the framework hands over
    id: str, body: KeyChanges, request: Request, who: Who, to: Parts, by: By, inside: Within, response: Response
) -> Key:
    """Change what is said of a key; it is obeyed everywhere within a second."""
    asked = Asked(who, to, by, inside, expected(request))
    row = await _touched(asked, id)
    fields = await columns(asked, {name: getattr(body, name) for name in body.model_fields_set}, row)
    if "permissions" in body.model_fields_set:
        if row.kind == "key" and not OWN_KEY.issuperset(body.permissions or ()):
            raise _not_a_keys(body.permissions or ())
        if row.kind == "admin":
            may_give(who, body.permissions or (), "tenant", "permissions")
    if row.kind == "admin" and "user_id" in fields:
        may_stand_for(who, fields["user_id"], await grants_to(to, who.tenant_id, "key", row.id))
    await _inside(asked, fields)
    given = "provider_keys" in body.model_fields_set
    mapped = await waited(lambda: _sealed(asked, row.id, body)) if given else {}
    with told("key"):
        changed = await to.keys.set_key(
            who.tenant_id, row.id, fields, by, mapped=mapped, expect=asked.expect, within=inside
        )
    return tagged(response, found(changed, "key"), shown)


async def revoke_key(id: str, request: Request, who: Who, to: Parts, by: By, inside: Within) -> Key:
    """Turn a key off for ever, everywhere within a second. Doing it again changes nothing."""
    asked = Asked(who, to, by, inside, expected(request))
    row = await _touched(asked, id)
    with told("key"):
        gone = await to.keys.revoke(who.tenant_id, row.id, by, expect=asked.expect, within=inside)
    return shown(found(gone, "key"))


async def rotate_key(id: str, who: Who, to: Parts, by: By, inside: Within, body: Rotation | None = None) -> MadeKey:
    """Give a key a new secret. It keeps its id, so its limits and what it has spent go on."""
    row = await _touched(Asked(who, to, by, inside), id)
    key = mint(row.kind, to.derived)
    secret = Secretless(**msgspec.structs.asdict(stored_secret(key, to.derived)))
    overlap = body.overlap if body else 0
    with told("key"):
        turned = await to.keys.rotate(who.tenant_id, row.id, secret, by, overlap=overlap, within=inside)
    return MadeKey(**shown(found(turned, "key")).model_dump(), key=key.reveal())


async def columns(asked: Asked, fields: dict[str, Any], row: KeyRow | None) -> dict[str, Any]:
    """Return the columns that fields of a body mean; raise ``BadRequest`` for what makes no sense."""
    fields = {name: value for name, value in fields.items() if name != "provider_keys"}
    if row is not None and row.kind == "admin" and (said := ADMIN_HAS_NONE & fields.keys()):
        raise BadRequest(
            "An admin key calls no models: it takes no models, limits or budgets.",
            code="invalid_parameter",
            param=min(said),
        )
    if (end := fields.get("expires_at")) is not None:
        fields["expires_at"] = micros(end)
        if fields["expires_at"] <= now():
            raise BadRequest("expires_at is in the past.", code="invalid_parameter", param="expires_at")
    if "budgets" in fields:
        plain = [Budget(nano_from_usd(str(b.usd)), b.window) for b in fields["budgets"]]
        fields["budgets"] = msgspec.json.encode(plain).decode()
    if "@" in (fields.get("user_id") or ""):
        user = await asked.to.tenancy.users.by_email(asked.who.tenant_id, fields["user_id"].lower())
        fields["user_id"] = user.id if user is not None else fields["user_id"]
    return stored(fields)


ADMIN_HAS_NONE = frozenset({"models", "routes", "providers", "default_model", "limits", "budgets"})


async def _touched(asked: Asked, id: str) -> KeyRow:
    """Return the key to be changed; whoever can do less than it cannot have it."""
    store, tenant_id = asked.to.keys, asked.who.tenant_id
    row: KeyRow = found(await store.find(tenant_id, object_id(id, "key"), asked.within), "key")
    if row.kind == "admin":
        held = await grants_to(asked.to, tenant_id, "key", row.id, row.permissions)
        may_touch(asked.who, held)
        may_stand_for(asked.who, row.user_id, held)
    return row


async def _roles(asked: Asked, body: NewKey) -> list[tuple[str, str]]:
    if body.kind != "admin":
        return []
    given = body.roles
    if not given and body.permissions is None:
        given = (RoleOfKey(role="tenant-admin"),)
    return [await scope_of(asked, one.role, one.scope) for one in given]


async def _inside(asked: Asked, fields: dict[str, Any]) -> None:
    """Raise ``Forbidden`` where a key would not belong to what its maker may speak for."""
    narrow = asked.within
    if narrow is None or not fields.keys() & {"team_id", "app_id", "user_id"}:
        return
    team = fields.get("team_id")
    mine = narrow.user_id is not None and fields.get("user_id") == narrow.user_id
    if mine and team is None and fields.get("app_id") is None:
        return
    if team is None and fields.get("app_id") is not None:
        app = await asked.to.tenancy.apps.find(asked.who.tenant_id, fields["app_id"], narrow)
        team = app.team_id if app is not None else None
    if team not in narrow.teams:
        raise Forbidden("You may make and keep keys of your own teams, or of yourself, alone.", param="team_id")


def _sealed(asked: Asked, key_id: str, body: KeyFields) -> dict[str, ProviderKeyRow | None]:
    made: dict[str, ProviderKeyRow | None] = {}
    for provider, secret in body.provider_keys.items():
        if secret is None:
            made[provider] = None
            continue
        row = sealed_row(Secret(secret.get_secret_value()), provider, "", asked.who.tenant_id, asked.to.ring.envelope)
        made[provider] = msgspec.structs.replace(row, owner_id=key_id)
    return made


def _not_a_keys(permissions: tuple[str, ...]) -> BadRequest:
    more = ", ".join(sorted(set(permissions) - OWN_KEY))
    return BadRequest(f"A virtual key cannot do this: {more}.", code="invalid_parameter", param="permissions")


_route = partial(Route, object="key", tag="keys", narrows=("team", "own"))
_ONE, _ALSO_ONE = PATH + "/{id}", (ALSO + "/{id}",)
ROUTES = (
    _route(
        method="GET",
        path=PATH,
        also=(ALSO,),
        permission="api_keys:view",
        endpoint=list_keys,
        summary="Keys",
    ),
    _route(
        method="POST",
        path=PATH,
        also=(ALSO,),
        permission="api_keys:create",
        endpoint=create_key,
        summary="Make a key",
        status=201,
        writes=tuple(NewKey.model_fields),
    ),
    _route(
        method="GET",
        path=_ONE,
        also=_ALSO_ONE,
        permission="api_keys:view",
        endpoint=get_key,
        summary="A key",
    ),
    _route(
        method="PATCH",
        path=_ONE,
        also=_ALSO_ONE,
        permission="api_keys:update",
        endpoint=update_key,
        summary="Change a key",
        writes=tuple(KeyChanges.model_fields),
    ),
    _route(
        method="DELETE",
        path=_ONE,
        also=_ALSO_ONE,
        permission="api_keys:delete",
        endpoint=revoke_key,
        summary="Revoke a key",
    ),
    _route(
        method="POST",
        path=_ONE + "/rotate",
        also=(ALSO + "/{id}/rotate",),
        permission="api_keys:create",
        endpoint=rotate_key,
        summary="Give a key a new secret",
        writes=tuple(Rotation.model_fields),
    ),
)
