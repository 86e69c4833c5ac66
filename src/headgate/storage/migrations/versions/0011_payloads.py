"""What calls said, by each tenant's logging policy; exports and archives of the request log.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "payloads",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.Text),
        sa.Column("end_user", sa.Text),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("text", sa.Text),
        sa.Index("payloads_id", "id", unique=True),
        sa.Index("payloads_at", "tenant_id", "at"),
        sa.Index("payloads_end_user", "tenant_id", "end_user", "at"),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("payloads", sa.Boolean, nullable=False),
        sa.Column("place", sa.Text),
        sa.Column("filter", sa.Text, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("author_kind", sa.Text, nullable=False),
        sa.Column("author_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Index("exports_tenant", "tenant_id", "created_at"),
        sa.Index("exports_state", "state", "created_at"),
    )
    op.create_table(
        "archives",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "hour"),
        sqlite_with_rowid=False,
    )
    for table in ("apps", "keys"):
        op.add_column(table, sa.Column("payload", sa.Text))


def downgrade() -> None:
    """Drop them."""
    for table in ("apps", "keys"):
        op.drop_column(table, "payload")
    for table in ("archives", "exports", "payloads"):
        op.drop_table(table)
