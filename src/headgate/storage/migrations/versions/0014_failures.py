"""Failed sign-ins, counted for all gateways that share a database.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "failures",
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Index("failures_since", "since"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("failures")
