"""What may be said of a key, and how it is shown."""

from ipaddress import ip_network
from typing import Annotated, Literal, cast

import msgspec
from pydantic import Field, SecretStr, field_validator, model_validator

from headgate.access.permissions import PERMISSIONS
from headgate.access.types import Budget, Window
from headgate.admin.crud import Listing, PageOf
from headgate.admin.fields import Answer, Body, Instant, Usd, UsdText, UtcTime, instant, optional_instant
from headgate.admin.levels import (
    Id,
    LimitsAnswer,
    LimitsBody,
    ModelName,
    ModelNames,
    Name,
    PayloadLevel,
    ProviderNames,
    Word,
    limits_of,
    texts,
)
from headgate.core.ids import now
from headgate.core.money import usd
from headgate.storage.types import KeyRow

MAX_OVERLAP = 90 * 86_400

Kind = Literal["key", "admin"]
Status = Literal["active", "off", "expired", "revoked"]
_budgets = msgspec.json.Decoder(tuple[Budget, ...])
_mapped = msgspec.json.Decoder(dict[str, str])


class BudgetBody(Body):
    """Money that may be spent in one calendar window (weeks from Monday) of the tenant's zone."""

    usd: Usd
    window: Window


class RoleOfKey(Body):
    """A role of an admin key, and how far it reaches."""

    role: Id
    scope: Id = "tenant"


class KeyFields(Body):
    """What may be said of a key."""

    is_active: bool = True
    environment: Word = "live"
    models: ModelNames = ()
    """Routes, aliases, ``provider/model`` or ``provider/*``; none allows all."""
    routes: ModelNames = ()
    """Routes, beside the models."""
    providers: ProviderNames = ()
    addresses: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    """Networks that it may be used from, as ``10.0.0.0/8``; none is anywhere."""
    default_model: ModelName | None = None
    """What is meant by a call that names no model."""
    provider_keys: Annotated[dict[Word, SecretStr | None], Field(max_length=20, default_factory=dict)]
    """Provider -> the key that its calls are signed with there, instead of the account's own. Kept sealed."""
    permissions: Annotated[tuple[Word, ...], Field(max_length=100)] | None = None
    """What it may do; without it, what its kind may."""
    limits: LimitsBody = LimitsBody()
    budgets: Annotated[tuple[BudgetBody, ...], Field(max_length=4)] = ()
    tags: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    """Words that every call of its carries."""
    team_id: Id | None = None
    app_id: Id | None = None
    user_id: Id | None = None
    """The user whom it belongs to, by id or e-mail address."""
    expires_at: Instant | None = None
    payload: PayloadLevel | None = None
    """The most that is kept of what its calls say; without it, what the policies of its tenant and app say."""

    @field_validator("budgets")
    @classmethod
    def _one_for_each_window(cls, budgets: tuple[BudgetBody, ...]) -> tuple[BudgetBody, ...]:
        if len({budget.window for budget in budgets}) < len(budgets):
            raise ValueError("may have one budget for each window")
        return budgets

    @field_validator("addresses")
    @classmethod
    def _networks(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(one)) for one in addresses)

    @field_validator("permissions")
    @classmethod
    def _that_exist(cls, permissions: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if unknown := set(permissions or ()) - PERMISSIONS.keys():
            raise ValueError(f"names permissions that do not exist: {', '.join(sorted(unknown))}")
        return permissions

    @field_validator("provider_keys")
    @classmethod
    def _one_line(cls, keys: dict[str, SecretStr | None]) -> dict[str, SecretStr | None]:
        for key in keys.values():
            text = key.get_secret_value() if key is not None else "x"
            if not (0 < len(text) <= 16_384 and text.isascii() and text.isprintable() and text == text.strip()):
                raise ValueError("must be printable ASCII without blanks around it; is there a line break in it?")
        return keys


class NewKey(KeyFields):
    """A key to be made."""

    name: Name
    kind: Kind = "key"
    roles: Annotated[tuple[RoleOfKey, ...], Field(max_length=20)] = ()
    """Of an admin key; without any, and without permissions, it administers its tenant."""

    @model_validator(mode="after")
    def _sensible(self) -> "NewKey":
        calls = (self.models, self.routes, self.providers, self.budgets, self.provider_keys, self.default_model)
        if self.kind == "admin" and (any(calls) or self.limits != LimitsBody()):
            raise ValueError("is for an admin key, which calls no models: it takes no models, limits or budgets")
        if self.kind == "key" and self.roles:
            raise ValueError("is for a virtual key, which has no roles")
        return self


class KeyChanges(KeyFields):
    """What is to change of a key. A provider key that is ``null`` goes."""

    name: Name = ""


class Rotation(Body):
    """How a key is to change its secret."""

    overlap: Annotated[float, Field(ge=0, le=MAX_OVERLAP)] = 0
    """Seconds for which the present secret stays good beside the new one."""


class BudgetAnswer(Answer):
    """A budget."""

    usd: UsdText
    window: Window


class Key(Answer):
    """A key, without its secret."""

    id: str
    name: str
    kind: Kind
    prefix: str
    last4: str
    status: Status
    is_active: bool
    environment: str
    models: list[str]
    routes: list[str]
    providers: list[str]
    addresses: list[str]
    default_model: str | None
    provider_keys: list[str]
    """The providers where its calls are signed with a key of its own."""
    permissions: list[str] | None
    limits: LimitsAnswer
    budgets: list[BudgetAnswer]
    tags: list[str]
    team_id: str | None
    app_id: str | None
    user_id: str | None
    payload: PayloadLevel | None
    created_at: UtcTime
    updated_at: UtcTime
    last_used_at: UtcTime | None
    expires_at: UtcTime | None
    revoked_at: UtcTime | None
    rotated_at: UtcTime | None
    overlap_until: UtcTime | None


class MadeKey(Key):
    """A key with its secret, shown this once."""

    key: str


class Keys(PageOf[Key]):
    """A page of keys, revoked ones too."""


class KeyListing(Listing):
    """Which keys are wanted."""

    team_id: Annotated[str, Field(max_length=64)] | None = None
    app_id: Annotated[str, Field(max_length=64)] | None = None
    user_id: Annotated[str, Field(max_length=128)] | None = None
    environment: Annotated[str, Field(max_length=64)] | None = None
    kind: Kind | None = None
    is_active: bool | None = None


def shown(row: KeyRow, used: int | None = None) -> Key:
    """Return a key as it is shown; *used* is when it was last used."""
    return Key(
        id=row.id,
        name=row.name,
        kind=row.kind,
        prefix=row.key_prefix,
        last4=row.last4,
        status=_status(row),
        is_active=row.is_active,
        environment=row.environment,
        models=sorted(texts(row.models)),
        routes=texts(row.routes),
        providers=texts(row.providers),
        addresses=texts(row.addresses),
        default_model=row.default_model,
        provider_keys=sorted(_mapped.decode(row.mapped)),
        permissions=None if row.permissions is None else texts(row.permissions),
        limits=limits_of(row.limits),
        budgets=[BudgetAnswer(usd=usd(b.amount), window=b.window) for b in _budgets.decode(row.budgets)],
        tags=texts(row.tags),
        team_id=row.team_id,
        app_id=row.app_id,
        user_id=row.user_id,
        payload=cast(PayloadLevel | None, row.payload),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
        last_used_at=optional_instant(used),
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
    return "expired" if row.expires_at is not None and row.expires_at <= now() else "active"
