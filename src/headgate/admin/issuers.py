"""``/issuers``: whose tokens the data plane takes, and whom they stand for."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from pydantic import Field

from headgate.access.jwt import BadToken, import_keys
from headgate.access.permissions import PERMISSIONS, ROLES
from headgate.access.resolve import Meaning
from headgate.access.types import Grants
from headgate.admin.clients import Scopes
from headgate.admin.crud import Asked, Kind, PageOf, routes_of
from headgate.admin.fields import Answer, Body, Text, UtcTime, instant
from headgate.admin.grants import may_give, may_touch
from headgate.admin.levels import Name
from headgate.admin.sso import Groups, Url, entrance
from headgate.core.errors import BadRequest
from headgate.core.ids import new_id, now
from headgate.storage.entry_rows import IssuerRow

Claim = Annotated[Text, Field(min_length=1, max_length=255)]
Keys = Annotated[dict[str, Any], Field(max_length=10)]


class MeaningBody(Body):
    """What claims mean. One is named by its path: ``realm_access.roles``."""

    tenant: Claim | None = None
    """The claim with the tenant's id. For who administers the whole installation; else it is the issuer's tenant."""
    team: Claim | None = None
    """The claim with the id of a team, whose limits and lists then bind."""
    user: Claim | None = None
    """The claim with the e-mail address of a user, whose limits and lists then bind."""
    roles: Claim | None = None
    """The claim with the words that ``role_map`` translates."""
    role_map: Groups
    """Word -> built-in role."""
    permissions: Scopes = ("gateway:use",)
    """What every token of the issuer may."""


class NewIssuer(Body):
    """An issuer to be trusted: by its key set's address, or by the keys themselves."""

    name: Name
    issuer: Annotated[Text, Field(min_length=1, max_length=512)]
    """As its tokens say it in ``iss``."""
    audience: Annotated[Text, Field(min_length=1, max_length=512)]
    """As its tokens say it in ``aud``."""
    jwks_url: Url | None = None
    keys: Keys | None = None
    """A JWKS: ``{"keys": [...]}``."""
    mapping: MeaningBody = Field(default_factory=MeaningBody.model_construct)
    is_active: bool = True


class IssuerChanges(Body):
    """What is to be otherwise."""

    name: Name = ""
    jwks_url: Url | None = None
    keys: Keys | None = None
    mapping: MeaningBody = Field(default_factory=MeaningBody.model_construct)
    is_active: bool = True


class Issuer(Answer):
    """A trusted issuer."""

    id: str
    name: str
    issuer: str
    audience: str
    jwks_url: str | None
    keys: dict[str, Any] | None
    mapping: dict[str, Any]
    is_active: bool
    created_at: UtcTime
    updated_at: UtcTime


class IssuerPage(PageOf[Issuer]):
    """A page of trusted issuers."""


async def _made(asked: Asked, body: NewIssuer) -> IssuerRow:
    mapping = _meant(asked, body.mapping)
    url, keys = await _source(asked, body.jwks_url, body.keys)
    return IssuerRow(
        id=new_id(),
        tenant_id=asked.who.tenant_id,
        name=body.name,
        issuer=body.issuer,
        audience=body.audience,
        jwks_url=url,
        keys=keys,
        mapping=mapping,
        is_active=body.is_active,
        created_at=now(),
        updated_at=now(),
    )


async def _changed(asked: Asked, row: IssuerRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    await _touched(asked, row)
    columns = {name: value for name, value in fields.items() if name in ("name", "is_active")}
    if "mapping" in fields:
        columns["mapping"] = _meant(asked, fields["mapping"])
    if {"jwks_url", "keys"} & fields.keys():
        url, keys = await _source(asked, fields.get("jwks_url"), fields.get("keys"))
        columns |= {"jwks_url": url, "keys": keys}
    return columns


async def _touched(asked: Asked, row: IssuerRow) -> None:
    """Refuse who may do less than tokens of the issuer do now: with keys of his own he could make them."""
    meaning = msgspec.json.decode(row.mapping, type=Meaning)
    roles = [ROLES.get(role, frozenset()) for role in meaning.role_map.values()]
    allowed = frozenset(meaning.permissions).union(*roles) & PERMISSIONS.keys()
    held: Grants = (("tenant" if meaning.tenant is None else "platform", allowed),)
    may_touch(asked.who, held)


def _meant(asked: Asked, body: MeaningBody) -> str:
    """Return a mapping as it is stored. Nobody lets tokens do more than he may himself."""
    scope = "tenant" if body.tenant is None else "platform"
    for role in body.role_map.values():
        if role not in ROLES:
            raise BadRequest(f"There is no built-in role {role!r}.", code="invalid_parameter", param="mapping.role_map")
        may_give(asked.who, ROLES[role], scope, "mapping.role_map")
    for permission in body.permissions:
        if permission not in PERMISSIONS:
            what = f"There is no permission {permission!r}."
            raise BadRequest(what, code="invalid_parameter", param="mapping.permissions")
    may_give(asked.who, body.permissions or ("gateway:use",), scope, "mapping.permissions")
    return msgspec.json.encode(Meaning(**body.model_dump())).decode()


async def _source(asked: Asked, url: str | None, keys: dict[str, Any] | None) -> tuple[str | None, str | None]:
    if (url is None) == (keys is None):
        raise BadRequest("Give jwks_url, or keys, and not both.", code="invalid_parameter", param="jwks_url")
    if url is not None:
        await entrance(asked.to).web.allow(url, "jwks_url")
        return url, None
    try:
        public = [key.as_dict(private=False) for key in import_keys(keys)]
        if not public:
            raise BadToken("it holds no key that is strong enough")
    except BadToken as error:
        raise BadRequest(f"keys cannot be used: {error}.", code="invalid_parameter", param="keys") from None
    return None, msgspec.json.encode({"keys": public}).decode()


def _shown(row: IssuerRow) -> Issuer:
    return Issuer(
        id=row.id,
        name=row.name,
        issuer=row.issuer,
        audience=row.audience,
        jwks_url=row.jwks_url,
        keys=msgspec.json.decode(row.keys) if row.keys is not None else None,
        mapping=msgspec.json.decode(row.mapping),
        is_active=row.is_active,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


ROUTES = routes_of(
    Kind(
        word="issuer",
        things="issuers",
        store=lambda to: entrance(to).issuers,
        shown=_shown,
        answer=Issuer,
        page=IssuerPage,
        new=NewIssuer,
        changes=IssuerChanges,
        made=_made,
        changed=_changed,
        removing=_touched,
    )
)
