"""Keys, the change feed, records, the ledger and what is shared between processes."""

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
    text,
)

from headgate.storage.schema.base import metadata

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("settings", Text, nullable=False),  # of its own: how calls are logged
    Column("email", Text),
    Column("zone", Text, nullable=False, server_default="UTC"),
    Column("limits", Text, nullable=False, server_default="{}"),
    Column("user_limits", Text, nullable=False, server_default="{}"),  # of each user without limits of its own
    Column("end_user_limits", Text, nullable=False, server_default="{}"),
    Column("models", Text, nullable=False, server_default="[]"),
    Column("providers", Text, nullable=False, server_default="[]"),
    Column("catalogue", Text, nullable=False, server_default="[]"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("limits", Text, nullable=False, server_default="{}"),
    Column("models", Text, nullable=False, server_default="[]"),
    Column("providers", Text, nullable=False, server_default="[]"),
    Column("password_hash", Text),  # argon2id
    Column("password_at", BigInteger),
    Column("sso_id", Text),  # the identity provider that vouches for it, and the name it has there
    Column("sso_subject", Text),
    Column("last_seen_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "email", name="users_email"),
    Index("users_sso", "tenant_id", "sso_id", "sso_subject", unique=True),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("key_prefix", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("user_id", Text),
    Column("app_id", Text),
    Column("team_id", Text),
    Column("models", Text, nullable=False),
    Column("providers", Text, nullable=False, server_default="[]"),
    Column("routes", Text, nullable=False, server_default="[]"),
    Column("addresses", Text, nullable=False, server_default="[]"),
    Column("default_model", Text),
    Column("mapped", Text, nullable=False, server_default="{}"),  # provider -> id of a sealed key in provider_keys
    Column("permissions", Text),  # of its own; none is what its kind has
    Column("limits", Text, nullable=False),
    Column("budgets", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("rotated_from", LargeBinary),
    Column("overlap_until", BigInteger),
    Column("rotated_at", BigInteger),
    Column("payload", Text),  # the most that is kept of what its calls say; none is what its tenant and app have
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("keys_hash", "key_hash", unique=True),
    Index("keys_former_hash", "rotated_from"),
    Index("keys_tenant", "tenant_id", "id"),
    Index("keys_app", "tenant_id", "app_id"),
    Index("keys_team", "tenant_id", "team_id"),
    Index("keys_user", "tenant_id", "user_id"),
)

provider_keys = Table(
    "provider_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("provider", Text, nullable=False),  # the name of the account
    Column("name", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # by access.vault; the key itself is nowhere
    Column("key_prefix", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("owner_id", Text),  # the virtual key whose calls alone are signed with it
    Index("provider_keys_tenant", "tenant_id", "provider", "id"),
    Index("provider_keys_owner", "tenant_id", "owner_id"),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, or a poller would miss a change
)

records = Table(
    "records",
    metadata,
    Column("id", Text, primary_key=True),
    Column("trace_id", Text),  # only where a caller brought his own: else it is the id without its dashes
    Column("tenant_id", Text, nullable=False),
    Column("key_id", Text),
    Column("at", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("model", Text),
    Column("provider", Text),
    Column("cost_nano", BigInteger),
    Column("detail", Text, nullable=False),  # the whole record, as the journal had it
    Column("team_id", Text),
    Column("user_id", Text),
    Column("app_id", Text),
    Column("end_user", Text),
    Column("asked", Text),  # the model that was asked for
    Column("route", Text),
    Column("surface", Text),
    Column("code", Text),
    Column("tags", Text),  # JSON
    Column("cache", Text),  # what became of it there; none where there was no cache
    Column("guard", Text),  # the strongest thing that a guardrail did; none where there was none
    Column("total_us", BigInteger),
    Index("records_at", "tenant_id", "at"),
    Index("records_key", "tenant_id", "key_id", "at"),
    Index(
        "records_failed",
        "tenant_id",
        "at",
        sqlite_where=text("code IS NOT NULL"),
        postgresql_where=text("code IS NOT NULL"),
    ),
    Index(
        "records_user",
        "tenant_id",
        "user_id",
        "at",
        sqlite_where=text("user_id IS NOT NULL"),
        postgresql_where=text("user_id IS NOT NULL"),
    ),
    Index(
        "records_trace",
        "trace_id",
        sqlite_where=text("trace_id IS NOT NULL"),
        postgresql_where=text("trace_id IS NOT NULL"),
    ),
)

ledger = Table(
    "ledger",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),  # when it was held: this decides the window
    Column("call_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("key_id", Text, nullable=False),  # who called: a key, or whoever came with another credential
    Column("user_id", Text),
    Column("app_id", Text),
    Column("team_id", Text),
    Column("end_user", Text),
    Column("tags", Text, nullable=False),  # JSON, empty where there are none
    Column("target", Text, nullable=False),
    Column("nano", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("billed", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "at", "call_id", "attempt", name="ledger_key"),
    sqlite_with_rowid=False,  # one tree, in the order in which it is read: a tenant's rows of a span of time
)

balances = Table(
    "balances",
    metadata,
    Column("scope", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),  # in the order of bytes
    Column("period", Text, nullable=False),  # see ledger.balances: a day, all days, or a note
    Column("start", BigInteger, nullable=False),  # of the day, in the tenant's zone
    Column("nano", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "period", "start", name="balances_key"),
    sqlite_with_rowid=False,
)

grants = Table(
    "grants",
    metadata,
    Column("owner", Text, nullable=False),  # the journal of the process that holds it
    Column("scope", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "period", "start", "owner"),
    Index("grants_owner", "owner"),
    sqlite_with_rowid=False,
)

rates = Table(
    "rates",
    metadata,
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("tat", Text, nullable=False),  # an integer beyond 64 bits
    PrimaryKeyConstraint("scope", "name"),
    sqlite_with_rowid=False,
)

journals = Table(
    "journals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),  # bytes of it that are in this database
    Column("viewed", BigInteger),  # bytes of it whose calls are in all sums; none says that all of these are
    Column("node", Text, nullable=False, server_default=""),  # whose disk it is on
    Column("closed", Boolean, nullable=False),  # its process is gone and its open holds are charged
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
