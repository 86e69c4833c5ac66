"""What is stored about signing in, as the management API writes it and as requests read it.

Instants are microseconds since 1970, UTC. Lists and objects are JSON text.
"""

from hashlib import sha256
from typing import Literal, Protocol

import msgspec

from headgate.storage.tenancy_rows import Found, HeldRole


class Binding(msgspec.Struct, frozen=True, order=True):
    """A role that somebody has."""

    role: str
    """The name of a built-in role, or the id of one of the tenant's own."""
    scope: str
    """``platform``, ``tenant``, ``own`` or ``team:ID``."""
    permissions: str | None = None
    """JSON list, for a role of the tenant's own."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user, with what decides whether and as whom he may come in."""

    id: str
    tenant_id: str
    email: str
    name: str
    is_active: bool
    """Both he and his tenant are on."""
    password_hash: str | None = None
    password_at: int | None = None
    """When it was chosen."""
    bindings: tuple[Binding, ...] = ()

    @property
    def stamp(self) -> str:
        """What his sessions carry: where password or roles change, it does, and they are void."""
        roles = sorted((binding.role, binding.scope) for binding in self.bindings)
        return sha256(msgspec.json.encode((self.id, self.password_at, roles))).hexdigest()[:32]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's being signed in: by a browser's cookie, or by a family of refresh tokens."""

    id: str
    tenant_id: str
    user_id: str
    kind: Literal["cookie", "token"]
    digest: bytes
    """Of what the client holds now."""
    stamp: str
    via: str
    """``password``, or the id of the identity provider."""
    address: str | None
    agent: str
    created_at: int
    seen_at: int
    expires_at: int


class SsoRow(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider of a tenant."""

    id: str
    tenant_id: str
    name: str
    issuer: str
    client_id: str
    sealed_secret: bytes | None
    scopes: str
    """Words, with spaces."""
    groups_claim: str
    roles: str
    """Group -> role."""
    default_role: str | None
    domains: str
    creates_users: bool
    is_active: bool
    created_at: int
    updated_at: int


class ClientRow(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth2 client: a service with an id and a secret."""

    id: str
    tenant_id: str
    name: str
    secret_hash: bytes
    last4: str
    former_hash: bytes | None = None
    former_until: int | None = None
    scopes: str
    is_active: bool = True
    expires_at: int | None = None
    created_at: int
    updated_at: int


class IssuerRow(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens the data plane takes, and what they mean."""

    id: str
    tenant_id: str
    name: str
    issuer: str
    audience: str
    jwks_url: str | None
    keys: str | None
    mapping: str
    is_active: bool
    created_at: int
    updated_at: int


class EntryReader(Protocol):
    """The request path's way to all this: reads only. Raises ``core.errors.Unavailable`` where the store is silent.

    These look over all tenants: who asks has an id or a secret that nobody else has, and no tenant yet.
    """

    async def person(self, id: str) -> Person | None:
        """Return a user, switched off or not."""
        ...

    async def people(self, email: str, tenant_id: str | None = None) -> list[Person]:
        """Return the users of this address, of *tenant_id* or in whichever tenants; at most 10, the oldest."""
        ...

    async def person_of(self, sso_id: str, subject: str) -> Person | None:
        """Return whom an identity provider means by *subject*."""
        ...

    async def user(self, tenant_id: str, id: str) -> Found | None:
        """Return a user with all that binds his calls."""
        ...

    async def client_roles(self, tenant_id: str, id: str) -> tuple[HeldRole, ...]:
        """Return the roles that a client has besides its scopes."""
        ...

    async def service(self, tenant_id: str, team_id: str | None, email: str | None) -> Found | None:
        """Return what binds the calls of a service of this tenant and, where these are said, of a team and a user."""
        ...

    async def session(self, id: str) -> SessionRow | None:
        """Return one session, expired or not."""
        ...

    async def session_of(self, digest: bytes) -> SessionRow | None:
        """Return the session whose client holds what has this digest."""
        ...

    async def client(self, id: str) -> ClientRow | None:
        """Return one client of a tenant that is on."""
        ...

    async def issuers(self, issuer: str) -> list[IssuerRow]:
        """Return who trusts *issuer*, of tenants that are on: at most 1,000, each for another audience."""
        ...

    async def sso(self, id: str) -> SsoRow | None:
        """Return one identity provider of a tenant that is on."""
        ...

    async def sso_of_tenant(self, tenant_id: str) -> list[SsoRow]:
        """Return the identity providers of a tenant that is on."""
        ...

    async def sso_of_domain(self, domain: str) -> list[SsoRow]:
        """Return the identity providers that are there for an e-mail domain; at most 10."""
        ...
