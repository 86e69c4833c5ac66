"""Teams, apps, roles and who has them; and requests that may be made twice. Tenants, users and keys are in ``first``.

Lists and objects are JSON text. ``limits`` is an object of the limits that are set; ``models`` and ``providers`` are
lists of names, of which the empty one allows all.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from headgate.storage.schema.base import metadata

teams = Table(
    "teams",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("limits", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("providers", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "name", name="teams_name"),
)

team_members = Table(
    "team_members",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("team_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("team_id", "user_id"),
    Index("team_members_user", "tenant_id", "user_id"),
)

apps = Table(
    "apps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("team_id", Text),
    Column("owner_id", Text),  # the user to ask about it
    Column("is_active", Boolean, nullable=False),
    Column("limits", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("providers", Text, nullable=False),
    Column("default_model", Text),
    Column("default_provider", Text),
    Column("cost_optimize", Boolean, nullable=False),
    Column("policies", Text, nullable=False),
    Column("payload", Text),  # the most that is kept of what its calls say; none is what its tenant has
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "name", name="apps_name"),
    Index("apps_team", "tenant_id", "team_id"),
)

roles = Table(
    "roles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("permissions", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "name", name="roles_name"),
)

bindings = Table(
    "bindings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("role", Text, nullable=False),  # the name of a built-in role, or the id of one of the tenant's own
    Column("subject_kind", Text, nullable=False),  # user, client or key
    Column("subject_id", Text, nullable=False),
    Column("scope", Text, nullable=False),  # platform, tenant, own or team:ID
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "subject_kind", "subject_id", "role", "scope", name="bindings_once"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("key", Text, nullable=False),  # who asked, and the word that came with the request
    Column("request", LargeBinary, nullable=False),  # digest of method, path and body
    Column("status", Integer),  # of the answer; none while it is being worked on
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed: it may hold a secret that is shown once
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "key"),
    Index("idempotency_age", "tenant_id", "created_at"),
)
