"""Scopes in the order of their bytes: an index finds all that begin alike, whatever language the database speaks.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say so; SQLite has no other order. Gateways of before, which may still run beside, notice nothing."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("balances", "scope", type_=sa.Text(collation="C"))


def downgrade() -> None:
    """Take it back."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("balances", "scope", type_=sa.Text(collation="default"))
