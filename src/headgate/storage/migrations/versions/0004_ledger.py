"""The ledger says who was charged; balances are kept by day and for every subject.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DAY = 86_400_000_000
HOUR = 3_600_000_000
SUMS = "CAST(SUM(nano) AS BIGINT), CAST(SUM(tokens) AS BIGINT)"


def upgrade() -> None:
    """Make both anew, and take over what was charged so far."""
    op.rename_table("ledger", "ledger_before")
    op.drop_table("balances")
    op.create_table(
        "ledger",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("app_id", sa.Text),
        sa.Column("team_id", sa.Text),
        sa.Column("end_user", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("billed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "at", "call_id", "attempt", name="ledger_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "balances",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "period", "start", name="balances_key"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO ledger (key_id, at, call_id, attempt, tenant_id, target, nano, tokens, billed, tags)"
        " SELECT scope, at, call_id, attempt, tenant_id, target, nano, tokens, billed, '' FROM ledger_before"
    )
    for scope in ("key_id", "'tenant:' || tenant_id"):
        day = f"(at / {DAY}) * {DAY}"
        op.execute(f"INSERT INTO balances SELECT {scope}, 'd', {day}, {SUMS} FROM ledger GROUP BY {scope}, {day}")  # noqa: S608
        op.execute(f"INSERT INTO balances SELECT {scope}, 't', 0, {SUMS} FROM ledger GROUP BY {scope}")  # noqa: S608
    op.drop_table("ledger_before")


def downgrade() -> None:
    """Make both as they were, with what was charged."""
    op.rename_table("ledger", "ledger_after")
    op.drop_table("balances")
    op.create_table(
        "ledger",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("billed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("scope", "at", "call_id", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "balances",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "hour"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO ledger SELECT key_id, at, call_id, attempt, tenant_id, target, nano, tokens, billed"
        " FROM ledger_after"
    )
    op.execute(f"INSERT INTO balances SELECT scope, at / {HOUR}, {SUMS} FROM ledger GROUP BY 1, 2")  # noqa: S608
    op.drop_table("ledger_after")
