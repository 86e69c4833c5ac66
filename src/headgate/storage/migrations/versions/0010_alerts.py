"""Alerts, what each home tells of itself, and what people think of answers.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("channels", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("fired_at", sa.BigInteger),
        sa.Column("told_at", sa.BigInteger),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("acked_at", sa.BigInteger),
        sa.Column("acked_by", sa.Text),
        sa.Column("silenced_until", sa.BigInteger),
        sa.Column("fired", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "rule", "subject", name="alerts_once"),
        sa.Index("alerts_tenant", "tenant_id", "updated_at", "id"),
        sa.Index("alerts_state", "state", "updated_at"),
    )
    op.create_table(
        "alert_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("alert_events_alert", "tenant_id", "alert_id", "id"),
        sa.Index("alert_events_at", "at"),
    )
    op.create_table(
        "alert_signals",
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("grown_at", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("node", "name", "subject"),
        sa.Index("alert_signals_seen", "seen_at"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("rater", sa.Text, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("thumbs", sa.Integer),
        sa.Column("comment", sa.Text),
        sa.Column("correction", sa.Text),
        sa.Column("record_at", sa.BigInteger, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("app_id", sa.Text),
        sa.Column("team_id", sa.Text),
        sa.Column("route", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("prompt", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "record_id", "rater", name="feedback_once"),
        sa.Index("feedback_tenant", "tenant_id", "updated_at", "id"),
        sa.Index("feedback_record_at", "tenant_id", "record_at"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("feedback", "alert_signals", "alert_events", "alerts"):
        op.drop_table(table)
