"""What several homes share: their names, whose a journal is, responses that are kept.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "kept",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("provider", sa.Text),
        sa.Column("response", sa.LargeBinary),
        sa.Column("input", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", "tenant_id", "key_id"),
        sa.Index("kept_ends", "ends", "size"),
        sa.Index("kept_owner", "tenant_id", "key_id", "ends"),
    )
    op.add_column("journals", sa.Column("node", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("journals", "node")
    for table in ("kept", "nodes"):
        op.drop_table(table)
