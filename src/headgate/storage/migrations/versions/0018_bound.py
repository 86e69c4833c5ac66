"""What binds: budgets that who administers the platform alone changes, and who was behind a request for more.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them: off and empty in rows of before, and in those that gateways of before make beside."""
    op.add_column("budgets", sa.Column("platform", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("approvals", sa.Column("behind", sa.Text))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("approvals", "behind")
    op.drop_column("budgets", "platform")
