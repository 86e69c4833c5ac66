"""What caches of answers did, by hour.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SUMS = ("hits", "near", "joined", "misses", "stored", "refused", "passed", "saved_nano", "saved_ms", "saved_tokens")


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "cache_sums",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("cache", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("tenant_id", "cache", "hour", "node", name="cache_sums_key"),
        sa.Index("cache_sums_old", "hour"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("cache_sums")
