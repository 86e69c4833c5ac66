"""``/teams``: teams, and who is in them. What belongs to a team is bound by it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from headgate.admin.crud import Asked, By, Kind, Listing, PageOf, Parts, Who, Within, found, routes_of, told, unhindered
from headgate.admin.fields import Answer, UtcTime, instant, object_id
from headgate.admin.levels import Level, LevelAnswer, Name, level_of, stored
from headgate.admin.route import Route
from headgate.admin.users import User, user_of
from headgate.core.errors import Forbidden, NotFound
from headgate.core.ids import new_id, now
from headgate.storage.tenancy_rows import TeamRow


class NewTeam(Level):
    """A team to be made."""

    name: Name


class TeamChanges(Level):
    """What is to change of a team."""

    name: Name = ""


class Team(LevelAnswer):
    """A team."""

    created_at: UtcTime
    updated_at: UtcTime


class Teams(PageOf[Team]):
    """A page of teams."""


class TeamListing(Listing):
    """Which teams are wanted."""

    is_active: bool | None = None


class Members(Answer):
    """Who is in a team."""

    data: list[User]


async def _made(asked: Asked, body: NewTeam) -> TeamRow:
    at = now()
    return TeamRow(id=new_id(), tenant_id=asked.who.tenant_id, **stored(dict(body)), created_at=at, updated_at=at)


async def _changed(asked: Asked, row: TeamRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if asked.within is not None and fields.keys() - {"name"}:
        raise Forbidden("What binds your own team is changed by who administers the tenant.", code="beyond_your_own")
    return stored(fields)


def _shown(row: TeamRow) -> Team:
    return Team(**level_of(row), created_at=instant(row.created_at), updated_at=instant(row.updated_at))


async def list_members(id: str, who: Who, to: Parts, inside: Within) -> Members:
    """Return who is in a team."""
    row = found(await to.tenancy.teams.find(who.tenant_id, object_id(id, "team"), inside), "team")
    return Members(data=[user_of(user) for user in await to.tenancy.teams.members(who.tenant_id, row.id)])


async def add_member(id: str, user_id: str, who: Who, to: Parts, by: By, inside: Within) -> Members:
    """Put a user into a team. Doing it again changes nothing."""
    row = found(await to.tenancy.teams.find(who.tenant_id, object_id(id, "team"), inside), "team")
    user = found(await to.tenancy.users.find(who.tenant_id, object_id(user_id, "user")), "user")
    with told("team"):
        await to.tenancy.teams.join(who.tenant_id, row.id, user.id, by)
    return await list_members(id, who, to, inside)


async def remove_member(id: str, user_id: str, who: Who, to: Parts, by: By, inside: Within) -> Members:
    """Take a user out of a team."""
    row = found(await to.tenancy.teams.find(who.tenant_id, object_id(id, "team"), inside), "team")
    if not await to.tenancy.teams.leave(who.tenant_id, row.id, object_id(user_id, "user"), by):
        raise NotFound("There is no such user in the team.", param="user_id")
    return await list_members(id, who, to, inside)


KIND = Kind(
    word="team",
    things="teams",
    store=lambda to: to.tenancy.teams,
    shown=_shown,
    answer=Team,
    page=Teams,
    listing=TeamListing,
    new=NewTeam,
    changes=TeamChanges,
    made=_made,
    changed=_changed,
    removing=unhindered,
    narrows={"view": ("team", "own"), "update": ("team",)},
)
_members = partial(Route, object="team", tag="teams")
MEMBER = "/teams/{id}/members/{user_id}"
ROUTES = (
    *routes_of(KIND),
    _members(
        method="GET",
        path="/teams/{id}/members",
        permission="teams:view",
        endpoint=list_members,
        summary="Who is in a team",
        narrows=("team", "own"),
    ),
    _members(
        method="PUT",
        path=MEMBER,
        permission="teams:update",
        endpoint=add_member,
        summary="Put a user into a team",
        narrows=("team",),
    ),
    _members(
        method="DELETE",
        path=MEMBER,
        permission="teams:update",
        endpoint=remove_member,
        summary="Take a user out of a team",
        narrows=("team",),
    ),
)
