"""Objects that bind a tenant: who administers the platform alone changes them.

Revision ID: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark: off for those of before, and for those that gateways of before make beside."""
    op.add_column("objects", sa.Column("platform", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("objects", "platform")
