"""``/apps``: the applications that keys belong to."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import Field

from headgate.admin.crud import Asked, Kind, Listing, PageOf, routes_of, unhindered
from headgate.admin.fields import UtcTime, instant
from headgate.admin.levels import (
    Id,
    Level,
    LevelAnswer,
    ModelName,
    Name,
    PayloadLevel,
    Word,
    level_of,
    stored,
    texts,
)
from headgate.core.errors import Forbidden
from headgate.core.ids import new_id, now
from headgate.storage.tenancy_rows import AppRow


class AppFields(Level):
    """What may be said of an app."""

    team_id: Id | None = None
    owner_id: Id | None = None
    """The user to ask about it."""
    default_model: ModelName | None = None
    """What is meant by a call of its keys that names no model."""
    default_provider: Word | None = None
    """Where that model is called, unless its name says so."""
    cost_optimize: bool = False
    """The cheapest deployment first, where a route does not say otherwise."""
    policies: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    """Names of policies that are to hold for its calls."""
    payload: PayloadLevel | None = None
    """The most that is kept of what its calls say; without it, what the tenant's policy says."""


class NewApp(AppFields):
    """An app to be made."""

    name: Name


class AppChanges(AppFields):
    """What is to change of an app."""

    name: Name = ""


class App(LevelAnswer):
    """An application."""

    team_id: str | None
    owner_id: str | None
    default_model: str | None
    default_provider: str | None
    cost_optimize: bool
    policies: list[str]
    payload: PayloadLevel | None
    created_at: UtcTime
    updated_at: UtcTime


class Apps(PageOf[App]):
    """A page of apps."""


class AppListing(Listing):
    """Which apps are wanted."""

    team_id: Annotated[str, Field(max_length=64)] | None = None
    owner_id: Annotated[str, Field(max_length=64)] | None = None
    is_active: bool | None = None


async def _made(asked: Asked, body: NewApp) -> AppRow:
    _of_own_teams(asked, body.team_id)
    at = now()
    return AppRow(id=new_id(), tenant_id=asked.who.tenant_id, **stored(dict(body)), created_at=at, updated_at=at)


async def _changed(asked: Asked, row: AppRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if "team_id" in fields:
        _of_own_teams(asked, fields["team_id"])
    return stored(fields)


def _of_own_teams(asked: Asked, team_id: str | None) -> None:
    if asked.within is not None and team_id not in asked.within.teams:
        raise Forbidden("You may make and keep apps of your own teams alone.", param="team_id")


def _shown(row: AppRow) -> App:
    return App(
        **level_of(row),
        team_id=row.team_id,
        owner_id=row.owner_id,
        default_model=row.default_model,
        default_provider=row.default_provider,
        cost_optimize=row.cost_optimize,
        policies=texts(row.policies),
        payload=cast(PayloadLevel | None, row.payload),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


KIND = Kind(
    word="app",
    things="apps",
    store=lambda to: to.tenancy.apps,
    shown=_shown,
    answer=App,
    page=Apps,
    listing=AppListing,
    new=NewApp,
    changes=AppChanges,
    made=_made,
    changed=_changed,
    removing=unhindered,
    narrows={"view": ("team", "own"), "create": ("team",), "update": ("team",), "delete": ("team",)},
)
ROUTES = routes_of(KIND)
