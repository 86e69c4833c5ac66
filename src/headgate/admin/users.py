"""``/users``: people. How they sign in is told beside it; what they may, by roles."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from headgate.admin.crud import Asked, Kind, Listing, PageOf, routes_of
from headgate.admin.fields import Text, UtcTime, instant, optional_instant
from headgate.admin.grants import may_touch
from headgate.admin.levels import Level, LevelAnswer, level_of, stored
from headgate.admin.roles import grants_to
from headgate.core.ids import new_id, now
from headgate.storage.tenancy_rows import UserRow

ADDRESS = re.compile(r"[^@\s\"<>(),:;\\\[\]]+@[^@\s\"<>(),:;\\\[\]]+")


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("must be an e-mail address")
    return text.lower()


Email = Annotated[Text, Field(min_length=3, max_length=254), AfterValidator(_address)]
FullName = Annotated[Text, Field(max_length=100)]


class UserFields(Level):
    """What may be said of a user."""

    name: FullName = ""


class NewUser(UserFields):
    """A user to be made."""

    email: Email


class UserChanges(UserFields):
    """What is to change of a user."""

    email: Email = ""


class User(LevelAnswer):
    """A person."""

    email: str
    last_seen_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class Users(PageOf[User]):
    """A page of users."""


class UserListing(Listing):
    """Which users are wanted; ``search`` and ``sort`` go by the e-mail address."""

    email: Annotated[str, Field(max_length=254)] | None = None
    is_active: bool | None = None


async def _made(asked: Asked, body: NewUser) -> UserRow:
    at = now()
    return UserRow(id=new_id(), tenant_id=asked.who.tenant_id, **stored(dict(body)), created_at=at, updated_at=at)


async def _changed(asked: Asked, row: UserRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    await _removing(asked, row)
    return stored(fields)


async def _removing(asked: Asked, row: UserRow) -> None:
    """Refuse who may do less than the user: with the address it could sign in as the user."""
    may_touch(asked.who, await grants_to(asked.to, row.tenant_id, "user", row.id))


def user_of(row: UserRow) -> User:
    """Return a user as it is shown."""
    return User(
        **level_of(row),
        email=row.email,
        last_seen_at=optional_instant(row.last_seen_at),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


KIND = Kind(
    word="user",
    things="users",
    store=lambda to: to.tenancy.users,
    shown=user_of,
    answer=User,
    page=Users,
    listing=UserListing,
    new=NewUser,
    changes=UserChanges,
    made=_made,
    changed=_changed,
    removing=_removing,
    narrows={"view": ("team", "own")},
)
ROUTES = routes_of(KIND)
