"""How far journals are in the sums that everybody looks at.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it: until now all that was stored was counted."""
    op.add_column("journals", sa.Column("viewed", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE journals SET viewed = position")


def downgrade() -> None:
    """Drop it."""
    op.drop_column("journals", "viewed")
