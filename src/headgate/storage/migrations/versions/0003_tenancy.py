"""Tenants, teams, apps, roles.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = (
    ("users_sso", "users", ["tenant_id", "sso_id", "sso_subject"], True),
    ("keys_app", "keys", ["tenant_id", "app_id"], False),
    ("keys_team", "keys", ["tenant_id", "team_id"], False),
    ("keys_user", "keys", ["tenant_id", "user_id"], False),
    ("provider_keys_owner", "provider_keys", ["tenant_id", "owner_id"], False),
)


def columns() -> dict[str, list[sa.Column]]:
    def text(name: str, default: str) -> sa.Column:
        return sa.Column(name, sa.Text, nullable=False, server_default=default)

    return {
        "tenants": [
            sa.Column("email", sa.Text),
            text("zone", "UTC"),
            text("limits", "{}"),
            text("user_limits", "{}"),
            text("end_user_limits", "{}"),
            text("models", "[]"),
            text("providers", "[]"),
            text("catalogue", "[]"),
        ],
        "users": [
            text("limits", "{}"),
            text("models", "[]"),
            text("providers", "[]"),
            sa.Column("password_hash", sa.Text),
            sa.Column("password_at", sa.BigInteger),
            sa.Column("sso_id", sa.Text),
            sa.Column("sso_subject", sa.Text),
            sa.Column("last_seen_at", sa.BigInteger),
        ],
        "keys": [
            sa.Column("team_id", sa.Text),
            text("providers", "[]"),
            text("routes", "[]"),
            text("addresses", "[]"),
            sa.Column("default_model", sa.Text),
            text("mapped", "{}"),
            sa.Column("permissions", sa.Text),
        ],
        "provider_keys": [sa.Column("owner_id", sa.Text)],
    }


def upgrade() -> None:
    """Create the tables, add columns, and let the admin keys that exist do what they could."""
    for table, added in columns().items():
        for column in added:
            op.add_column(table, column)
    for name, table, on, unique in INDEXES:
        op.create_index(name, table, on, unique=unique)
    op.create_table(
        "teams",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("limits", sa.Text, nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("providers", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "name", name="teams_name"),
    )
    op.create_table(
        "team_members",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("team_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("team_id", "user_id"),
        sa.Index("team_members_user", "tenant_id", "user_id"),
    )
    op.create_table(
        "apps",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("team_id", sa.Text),
        sa.Column("owner_id", sa.Text),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("limits", sa.Text, nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("providers", sa.Text, nullable=False),
        sa.Column("default_model", sa.Text),
        sa.Column("default_provider", sa.Text),
        sa.Column("cost_optimize", sa.Boolean, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "name", name="apps_name"),
        sa.Index("apps_team", "tenant_id", "team_id"),
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("permissions", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "name", name="roles_name"),
    )
    op.create_table(
        "bindings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("subject_kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "subject_kind", "subject_id", "role", "scope", name="bindings_once"),
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key"),
        sa.Index("idempotency_age", "tenant_id", "created_at"),
    )
    op.execute(
        "INSERT INTO bindings (id, tenant_id, role, subject_kind, subject_id, scope, created_at) "
        "SELECT id, tenant_id, 'platform-admin', 'key', id, 'platform', created_at FROM keys WHERE kind = 'admin'"
    )


def downgrade() -> None:
    """Drop them again."""
    for table in ("idempotency", "bindings", "roles", "apps", "team_members", "teams"):
        op.drop_table(table)
    for name, table, _, _ in reversed(INDEXES):
        op.drop_index(name, table)
    for table, added in columns().items():
        for column in reversed(added):
            op.drop_column(table, column.name)
