"""How people and services sign in: sessions, identity providers, OAuth2 clients, trusted issuers.

Passwords, and whom an identity provider means by a subject, stand with the users.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text

from headgate.storage.schema.base import metadata

resets = Table(
    "resets",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of the token that sets a password once
    Column("expires_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # a browser's cookie, or a family of refresh tokens
    Column("digest", LargeBinary, nullable=False),  # of what the client holds now
    Column("stamp", Text, nullable=False),  # of the password and the roles: where they change, it is void
    Column("via", Text, nullable=False),
    Column("address", Text),
    Column("agent", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("sessions_digest", "digest", unique=True),
    Index("sessions_user", "tenant_id", "user_id", "id"),
    Index("sessions_end", "expires_at"),
)

sso_configs = Table(
    "sso_configs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("sealed_secret", LargeBinary),  # none for a public client
    Column("scopes", Text, nullable=False),
    Column("groups_claim", Text, nullable=False),
    Column("roles", Text, nullable=False),  # group -> role
    Column("default_role", Text),
    Column("domains", Text, nullable=False),
    Column("creates_users", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("sso_configs_tenant", "tenant_id", "id"),
)

used_once = Table(
    "used_once",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # of a state, which is good for one sign-in
    Column("expires_at", BigInteger, nullable=False),
)

failures = Table(
    "failures",
    metadata,
    Column("slot", Text, primary_key=True),  # what kind of name failed to sign in, and a part of its hash
    Column("since", BigInteger, nullable=False),  # when the window began in which it did
    Column("count", BigInteger, nullable=False),
    Index("failures_since", "since"),
)

clients = Table(
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("last4", Text, nullable=False),
    Column("former_hash", LargeBinary),
    Column("former_until", BigInteger),
    Column("scopes", Text, nullable=False),  # permissions
    Column("is_active", Boolean, nullable=False),
    Column("expires_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("clients_tenant", "tenant_id", "id"),
)

issuers = Table(
    "issuers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("jwks_url", Text),
    Column("keys", Text),  # a JWKS, where it is given and not fetched
    Column("mapping", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("issuers_tenant", "tenant_id", "id"),
    Index("issuers_name", "issuer", "audience", unique=True),  # whose token it is must be one answer
)
