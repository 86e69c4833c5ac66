"""The part of the client that is about tenants, teams, apps, users, roles and who has them."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from headgate.access.types import Limits
from headgate.client.routes import Calls

T = TypeVar("T")


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What tenants, teams, apps and users have in common. Instants are RFC 3339 in UTC."""

    id: str
    name: str
    is_active: bool
    limits: Limits
    models: list[str]
    providers: list[str]
    created_at: str
    updated_at: str


class Tenant(Level, frozen=True, kw_only=True):
    """An organization."""

    email: str | None
    zone: str
    user_limits: Limits
    end_user_limits: Limits
    catalogue: list[str]
    logging: dict[str, Any]


class Team(Level, frozen=True, kw_only=True):
    """People who work on something together."""


class App(Level, frozen=True, kw_only=True):
    """What keys belong to."""

    team_id: str | None
    owner_id: str | None
    default_model: str | None
    default_provider: str | None
    cost_optimize: bool
    policies: list[str]


class User(Level, frozen=True, kw_only=True):
    """A person."""

    email: str
    last_seen_at: str | None


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role of a tenant's own."""

    id: str
    name: str
    permissions: list[str]
    created_at: str
    updated_at: str


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A role that somebody has."""

    id: str
    role: str
    subject_kind: str
    subject_id: str
    scope: str
    created_at: str


class Permissions(msgspec.Struct, frozen=True):
    """All permissions with what each allows, and the roles that are always there."""

    permissions: dict[str, str]
    roles: dict[str, list[str]]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list; ``next`` is where the following page begins."""

    data: list[T]
    has_more: bool
    next: str | None


class Resource(Generic[T]):
    """One kind of object: listed, shown, made, changed and removed. Every method raises ``ApiError``."""

    def __init__(self, calls: Calls, path: str, kind: type[T]) -> None:
        self._calls = calls
        self._path = path
        self._kind: Any = kind

    def page(self, *, limit: int = 100, after: str | None = None, **filters: Any) -> Page[T]:
        """Return a page. *filters* are the API's: ``search``, ``sort``, ``is_active`` and those of the kind."""
        page: Any = Page
        found: Page[T] = self._calls._get(self._path, page[self._kind], limit=limit, after=after, **filters)
        return found

    def all(self, **filters: Any) -> Iterator[T]:
        """Yield every one, page by page."""
        after = None
        while True:
            page = self.page(limit=1000, after=after, **filters)
            yield from page.data
            if not page.has_more:
                return
            after = page.next

    def get(self, id: str) -> T:
        """Return one."""
        one: T = self._calls._get(self._at(id), self._kind)
        return one

    def create(self, **fields: Any) -> T:
        """Make one. *fields* are the API's."""
        one: T = self._calls._send("POST", self._path, self._kind, fields)
        return one

    def update(self, id: str, *, if_match: str | None = None, **fields: Any) -> T:
        """Change one; with *if_match*, an ETag, only while it is what that ETag was given for."""
        headers = {"if-match": if_match} if if_match is not None else None
        one: T = self._calls._send("PATCH", self._at(id), self._kind, fields, headers)
        return one

    def delete(self, id: str) -> T:
        """Remove one with all that is its, and return what it was."""
        one: T = self._calls._send("DELETE", self._at(id), self._kind)
        return one

    def _at(self, id: str) -> str:
        return f"{self._path}/{quote(id, safe='')}"


class TenancyCalls:
    """Properties and methods of ``Admin``."""

    @property
    def tenants(self: Calls) -> Resource[Tenant]:
        """Organizations."""
        return Resource(self, "/tenants", Tenant)

    @property
    def teams(self: Calls) -> Resource[Team]:
        """Teams."""
        return Resource(self, "/teams", Team)

    @property
    def apps(self: Calls) -> Resource[App]:
        """Applications."""
        return Resource(self, "/apps", App)

    @property
    def users(self: Calls) -> Resource[User]:
        """People."""
        return Resource(self, "/users", User)

    @property
    def roles(self: Calls) -> Resource[Role]:
        """Roles of the tenant's own."""
        return Resource(self, "/roles", Role)

    @property
    def bindings(self: Calls) -> Resource[Binding]:
        """Who has which role; they are made and removed, not changed."""
        return Resource(self, "/bindings", Binding)

    def permissions(self: Calls) -> Permissions:
        """Return all permissions, and the roles that are always there."""
        return self._get("/permissions", Permissions)

    def members(self: Calls, team_id: str) -> list[User]:
        """Return who is in a team."""
        return self._get(f"/teams/{quote(team_id, safe='')}/members", dict[str, list[User]])["data"]

    def add_member(self: Calls, team_id: str, user_id: str) -> list[User]:
        """Put a user into a team; return who is in it."""
        path = f"/teams/{quote(team_id, safe='')}/members/{quote(user_id, safe='')}"
        return self._send("PUT", path, dict[str, list[User]])["data"]

    def remove_member(self: Calls, team_id: str, user_id: str) -> list[User]:
        """Take a user out of a team; return who is in it."""
        path = f"/teams/{quote(team_id, safe='')}/members/{quote(user_id, safe='')}"
        return self._send("DELETE", path, dict[str, list[User]])["data"]
