"""``/config/virtual-keys``: making, showing, revoking and rotating keys. Its secret is shown once, when it is made."""

from time import time_ns
from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Query
from pydantic import Field, field_validator, model_validator

from headgate.access.keys import Grant, mint, new_row, principal_of, stored_secret
from headgate.access.types import Budget, Limits, Principal, Window
from headgate.admin.fields import (
    Answer,
    Body,
    Instant,
    Text,
    Usd,
    UsdText,
    UtcTime,
    instant,
    micros,
    object_id,
    optional_instant,
)
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts
from headgate.core.errors import BadRequest, Conflict, NotFound
from headgate.core.money import nano_from_usd, usd
from headgate.storage.keys import Secretless
from headgate.storage.types import KeyRow

PATH = "/config/virtual-keys"
MAX_PAGE = 1000
MAX_OVERLAP = 90 * 86_400

Name = Annotated[Text, Field(min_length=1, max_length=100)]
ModelName = Annotated[Text, Field(min_length=1, max_length=200)]
Tag = Annotated[Text, Field(min_length=1, max_length=64)]
Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]
Status = Literal["active", "off", "expired", "revoked"]


class LimitsBody(Body):
    """Rate limits; what is absent has no limit."""

    rps: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    rpm: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    tpm: Annotated[int, Field(ge=1, le=1_000_000_000_000)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class BudgetBody(Body):
    """Money that may be spent in one calendar window (UTC, weeks from Monday)."""

    usd: Usd
    window: Window


class NewKey(Body):
    """A key to be made."""

    name: Name
    kind: Literal["key", "admin"] = "key"
    models: Annotated[tuple[ModelName, ...], Field(max_length=500)] = ()
    """Routes, aliases, ``provider/model`` or ``provider/*``; none allows all."""
    limits: LimitsBody = LimitsBody()
    budgets: Annotated[tuple[BudgetBody, ...], Field(max_length=4)] = ()
    tags: Annotated[tuple[Tag, ...], Field(max_length=20)] = ()
    user_id: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    expires_at: Instant | None = None

    @field_validator("budgets")
    @classmethod
    def _one_for_each_window(cls, budgets: tuple[BudgetBody, ...]) -> tuple[BudgetBody, ...]:
        if len({budget.window for budget in budgets}) < len(budgets):
            raise ValueError("may have one budget for each window")
        return budgets

    @model_validator(mode="after")
    def _sensible(self) -> "NewKey":
        if self.kind == "admin" and (self.models or self.budgets or self.limits != LimitsBody()):
            raise ValueError("is for an admin key, which calls no models: it takes no models, limits or budgets")
        return self


class Rotation(Body):
    """How a key is to change its secret."""

    overlap: Annotated[float, Field(ge=0, le=MAX_OVERLAP)] = 0
    """Seconds for which the present secret stays good beside the new one."""


class BudgetAnswer(Answer):
    """A budget."""

    usd: UsdText
    window: Window


class LimitsAnswer(Answer):
    """Rate limits; ``null`` is none."""

    rps: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


class Key(Answer):
    """A key, without its secret."""

    id: str
    name: str
    kind: Literal["key", "admin"]
    prefix: str
    last4: str
    status: Status
    models: list[str]
    limits: LimitsAnswer
    budgets: list[BudgetAnswer]
    tags: list[str]
    user_id: str | None
    created_at: UtcTime
    updated_at: UtcTime
    expires_at: UtcTime | None
    revoked_at: UtcTime | None
    rotated_at: UtcTime | None
    overlap_until: UtcTime | None


class MadeKey(Key):
    """A key with its secret, shown this once."""

    key: str


class Keys(Answer):
    """A page of keys, oldest first; ``next`` is the ``after`` of the following page."""

    data: list[Key]
    has_more: bool
    next: str | None


async def list_keys(
    who: Who,
    to: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    after: Annotated[str, Query(max_length=64)] = "",
) -> Keys:
    """Return the tenant's keys, revoked ones too."""
    rows = await to.keys.list(who.tenant_id, after=object_id(after, "key") if after else "", limit=limit + 1)
    data = [_key(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Keys(data=data, has_more=more, next=data[-1].id if more else None)


async def create_key(body: NewKey, who: Who, to: Parts) -> MadeKey:
    """Make a key. It can be used within a second."""
    now = time_ns() // 1000
    expires_at = micros(body.expires_at) if body.expires_at else None
    if expires_at is not None and expires_at <= now:
        raise BadRequest("expires_at is in the past.", code="invalid_parameter", param="expires_at")
    grant = Grant(
        models=tuple(dict.fromkeys(body.models)),
        limits=Limits(**body.limits.model_dump()),
        budgets=tuple(Budget(nano_from_usd(str(b.usd)), b.window) for b in body.budgets),
        tags=tuple(dict.fromkeys(body.tags)),
        expires_at=expires_at,
        user_id=body.user_id,
    )
    key = mint(body.kind, to.derived)
    row = new_row(key, to.derived, name=body.name, now=now, kind=body.kind, tenant_id=who.tenant_id, grant=grant)
    await to.keys.create(who.tenant_id, row)
    return MadeKey(**_key(row).model_dump(), key=key.reveal())


async def get_key(id: str, who: Who, to: Parts) -> Key:
    """Return one key."""
    return _key(_found(await to.keys.get(who.tenant_id, object_id(id, "key"))))


async def revoke_key(id: str, who: Who, to: Parts) -> Key:
    """Turn a key off for ever, everywhere within a second. Doing it again changes nothing."""
    row = _found(await to.keys.get(who.tenant_id, object_id(id, "key")))
    if row.revoked_at is None:
        row = _found(await to.keys.revoke(who.tenant_id, row.id))
    return _key(row)


async def rotate_key(id: str, who: Who, to: Parts, body: Rotation | None = None) -> MadeKey:
    """Give a key a new secret. It keeps its id, so its limits and what it has spent go on."""
    row = _found(await to.keys.get(who.tenant_id, object_id(id, "key")))
    key = mint(row.kind, to.derived)
    stored = Secretless(**msgspec.structs.asdict(stored_secret(key, to.derived)))
    overlap = body.overlap if body else 0
    turned = await to.keys.rotate(who.tenant_id, row.id, stored, overlap=overlap)
    if turned is None:
        raise Conflict("The key is revoked: make a new one.", code="key_revoked")
    return MadeKey(**_key(turned).model_dump(), key=key.reveal())


def _found(row: KeyRow | None) -> KeyRow:
    if row is None:
        raise NotFound("There is no such key.")
    return row


def _key(row: KeyRow) -> Key:
    who = principal_of(row)
    return Key(
        id=row.id,
        name=row.name,
        kind=row.kind,
        prefix=row.key_prefix,
        last4=row.last4,
        status=_status(row),
        models=sorted(who.models),
        limits=LimitsAnswer(**msgspec.structs.asdict(who.limits)),
        budgets=[BudgetAnswer(usd=usd(b.amount), window=b.window) for b in who.budgets],
        tags=msgspec.json.decode(row.tags, type=list[str]),
        user_id=row.user_id,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
        expires_at=optional_instant(row.expires_at),
        revoked_at=optional_instant(row.revoked_at),
        rotated_at=optional_instant(row.rotated_at),
        overlap_until=optional_instant(row.overlap_until),
    )


def _status(row: KeyRow) -> Status:
    if row.revoked_at is not None:
        return "revoked"
    if not row.is_active:
        return "off"
    return "expired" if row.expires_at is not None and row.expires_at <= time_ns() // 1000 else "active"


ROUTES = (
    Route(method="GET", path=PATH, permission="api_keys:view", endpoint=list_keys, summary="Keys", tag="keys"),
    Route(
        method="POST",
        path=PATH,
        permission="api_keys:create",
        endpoint=create_key,
        summary="Make a key",
        tag="keys",
        status=201,
    ),
    Route(method="GET", path=PATH + "/{id}", permission="api_keys:view", endpoint=get_key, summary="A key", tag="keys"),
    Route(
        method="DELETE",
        path=PATH + "/{id}",
        permission="api_keys:delete",
        endpoint=revoke_key,
        summary="Revoke a key",
        tag="keys",
    ),
    Route(
        method="POST",
        path=PATH + "/{id}/rotate",
        permission="api_keys:create",
        endpoint=rotate_key,
        summary="Give a key a new secret",
        tag="keys",
    ),
)
