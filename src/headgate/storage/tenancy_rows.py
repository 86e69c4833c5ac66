"""What is stored of tenants, teams, apps, users, roles and who has them; and all that a credential stands for at once.

Instants are microseconds since 1970, UTC. Lists and objects are JSON text; a list of names that is empty allows all.
"""

import msgspec

from headgate.storage.budget_rows import BudgetRow
from headgate.storage.provider_keys import ProviderKeyRow
from headgate.storage.types import KeyRow


class TenantRow(msgspec.Struct, frozen=True, kw_only=True):
    """An organization."""

    id: str
    name: str
    email: str | None = None
    """Where reports go."""
    is_active: bool = True
    zone: str = "UTC"
    """IANA name of the time zone that its calendar windows follow."""
    limits: str = "{}"
    user_limits: str = "{}"
    """Of each user that has none of its own."""
    end_user_limits: str = "{}"
    models: str = "[]"
    providers: str = "[]"
    catalogue: str = "[]"
    """What is not in it does not exist for the tenant."""
    settings: str = "{}"
    created_at: int
    updated_at: int

    @property
    def tenant_id(self) -> str:
        """Itself: whose it is."""
        return self.id


class TeamRow(msgspec.Struct, frozen=True, kw_only=True):
    """People who work on something together."""

    id: str
    tenant_id: str
    name: str
    is_active: bool = True
    limits: str = "{}"
    models: str = "[]"
    providers: str = "[]"
    created_at: int
    updated_at: int


class AppRow(msgspec.Struct, frozen=True, kw_only=True):
    """What keys belong to: one application."""

    id: str
    tenant_id: str
    name: str
    team_id: str | None = None
    owner_id: str | None = None
    is_active: bool = True
    limits: str = "{}"
    models: str = "[]"
    providers: str = "[]"
    default_model: str | None = None
    default_provider: str | None = None
    cost_optimize: bool = False
    policies: str = "[]"
    payload: str | None = None
    """The most that is kept of what its calls say; ``None`` is what its tenant has."""
    created_at: int
    updated_at: int


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A person; how it signs in stands beside it, and is not read here."""

    id: str
    tenant_id: str
    email: str
    name: str
    is_active: bool = True
    limits: str = "{}"
    models: str = "[]"
    providers: str = "[]"
    last_seen_at: int | None = None
    created_at: int
    updated_at: int


class RoleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's own role."""

    id: str
    tenant_id: str
    name: str
    permissions: str
    created_at: int
    updated_at: int


class BindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A role that a user, an OAuth2 client or an admin key has."""

    id: str
    tenant_id: str
    role: str
    """The name of a built-in role, or the id of one of the tenant's own."""
    subject_kind: str
    subject_id: str
    scope: str
    created_at: int

    @property
    def updated_at(self) -> int:
        """It never changes."""
        return self.created_at


class HeldRole(msgspec.Struct, frozen=True):
    """A role as its holder has it; *permissions* is JSON text, ``None`` for a built-in one."""

    role: str
    scope: str
    permissions: str | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A key or a person with everything above it that a call of its is bound by."""

    tenant: TenantRow
    key: KeyRow | None = None
    team: TeamRow | None = None
    app: AppRow | None = None
    user: UserRow | None = None
    roles: tuple[HeldRole, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    """Those of its tenant; which of them bind it is decided by what it is."""
    mapped: tuple[ProviderKeyRow, ...] = ()
    """The sealed provider keys that its calls are signed with."""
