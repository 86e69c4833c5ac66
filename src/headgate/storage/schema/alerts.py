"""Alerts as they stand, what befell them, and what each home tells of itself; and what people think of answers."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from headgate.storage.schema.base import metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),  # what it is about among all that the rule looks at
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text, nullable=False),  # to the records behind it
    Column("channels", Text, nullable=False),  # JSON: who was told, and is told how it ends
    Column("since", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("fired_at", BigInteger),
    Column("told_at", BigInteger),
    Column("resolved_at", BigInteger),
    Column("acked_at", BigInteger),
    Column("acked_by", Text),
    Column("silenced_until", BigInteger),
    Column("fired", Integer, nullable=False),  # how often
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "rule", "subject", name="alerts_once"),
    Index("alerts_tenant", "tenant_id", "updated_at", "id"),
    Index("alerts_state", "state", "updated_at"),
)

alert_events = Table(
    "alert_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", Text, nullable=False),  # kind and id of who did it; empty for what happened by itself
    Column("at", BigInteger, nullable=False),
    Index("alert_events_alert", "tenant_id", "alert_id", "id"),
    Index("alert_events_at", "at"),
)

alert_signals = Table(
    "alert_signals",
    metadata,
    Column("node", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("grown_at", BigInteger, nullable=False),  # when it was last more than before
    Column("text", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("node", "name", "subject"),
    Index("alert_signals_seen", "seen_at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("rater", Text, nullable=False),  # kind and id of who said it, and for whom
    Column("score", Double),  # from 0 to 1
    Column("thumbs", Integer),  # 1 up, -1 down
    Column("comment", Text),
    Column("correction", Text),
    Column("record_at", BigInteger, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("key_id", Text),
    Column("user_id", Text),
    Column("app_id", Text),
    Column("team_id", Text),
    Column("route", Text),
    Column("model", Text),
    Column("prompt", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "record_id", "rater", name="feedback_once"),
    Index("feedback_tenant", "tenant_id", "updated_at", "id"),
    Index("feedback_record_at", "tenant_id", "record_at"),
)
