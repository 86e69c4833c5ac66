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
    """Add it: empty where all that is stored is counted, as by gateways of before, which may still run beside."""
    op.add_column("journals", sa.Column("viewed", sa.BigInteger))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("journals", "viewed")
