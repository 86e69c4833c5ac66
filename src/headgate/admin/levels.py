"""What tenants, teams, apps, users and keys have in common: limits, and lists of what is allowed."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from headgate.access.types import Limits
from headgate.admin.fields import Answer, Body, Text

Name = Annotated[Text, Field(min_length=1, max_length=100)]
ModelName = Annotated[Text, Field(min_length=1, max_length=200)]
Id = Annotated[Text, Field(min_length=1, max_length=128)]
Word = Annotated[Text, Field(min_length=1, max_length=64)]
ModelNames = Annotated[tuple[ModelName, ...], Field(max_length=500)]
"""Routes, aliases, ``provider/model`` or ``provider/*``; none allows all."""
PayloadLevel = Literal["none", "metadata", "redacted", "full"]
ProviderNames = Annotated[tuple[Word, ...], Field(max_length=100)]
"""Names of accounts; none allows all."""

_limits = msgspec.json.Decoder(Limits)
_texts = msgspec.json.Decoder(list[str])


class LimitsBody(Body):
    """Rate limits; what is absent has no limit."""

    rps: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    rpm: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    tpm: Annotated[int, Field(ge=1, le=1_000_000_000_000)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class LimitsAnswer(Answer):
    """Rate limits; ``null`` is none."""

    rps: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


class Level(Body):
    """What may be said of a team, an app or a user: it narrows what is above, and binds all that is below."""

    is_active: bool = True
    """Off, nobody below gets in."""
    limits: LimitsBody = LimitsBody()
    models: ModelNames = ()
    providers: ProviderNames = ()


class LevelAnswer(Answer):
    """A team, an app or a user as it is."""

    id: str
    name: str
    is_active: bool
    limits: LimitsAnswer
    models: list[str]
    providers: list[str]


def stored(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a body as columns have them: lists (each value once) and objects as JSON text."""
    return {name: _column(value) for name, value in fields.items()}


def limits_of(text: str) -> LimitsAnswer:
    """Return stored limits."""
    return LimitsAnswer(**msgspec.structs.asdict(_limits.decode(text)))


def texts(text: str) -> list[str]:
    """Return a stored list."""
    return _texts.decode(text)


def level_of(row: Any) -> dict[str, Any]:
    """Return what a tenant, a team, an app and a user have in common, as it is shown."""
    return {
        "id": row.id,
        "name": row.name,
        "is_active": row.is_active,
        "limits": limits_of(row.limits),
        "models": texts(row.models),
        "providers": texts(row.providers),
    }


def _column(value: Any) -> Any:
    if isinstance(value, LimitsBody):
        return msgspec.json.encode(Limits(**value.model_dump())).decode()
    if isinstance(value, Body):
        return value.model_dump_json(exclude_none=True)
    if isinstance(value, tuple | list):
        return msgspec.json.encode(list(dict.fromkeys(value))).decode()
    return value


Sort = Literal["created_at", "-created_at", "name", "-name"]
