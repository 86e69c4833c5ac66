"""Budgets, requests for more, prices of tenants, bills and reports, and who is told of them.

Lists and objects are JSON text. A ``day`` is a date of the tenant's own calendar, as ``2026-11-21``.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from headgate.storage.schema.base import metadata
from headgate.storage.schema.first import ledger

budgets = Table(
    "budgets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("conditions", Text, nullable=False),  # [[kind, id], ...], all of which must hold
    Column("each", Text),  # every one of this kind has the amount for itself
    Column("unit", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("period", Text, nullable=False),
    Column("hard", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("platform", Boolean, nullable=False, server_default=false()),  # who administers the platform changes it
    UniqueConstraint("tenant_id", "name", name="budgets_name"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("ask", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_by_kind", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # undecided until then
    Column("lasts", BigInteger),  # seconds for which it is wanted; without, for good
    Column("decided_by_kind", Text),
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Column("answer", Text),
    Column("until", BigInteger),  # when what was granted goes back
    Column("effect", Text),  # what it was, and what it became
    Column("behind", Text),  # who was behind who asked
    Index("approvals_tenant", "tenant_id", "state", "id"),
    Index("approvals_open", "state", "expires_at"),
    Index("approvals_until", "state", "until"),
)

prices = Table(
    "prices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("model", Text, nullable=False),  # provider/model, provider/* or *
    Column("price", Text),  # what is billed instead of the provider's price
    Column("markup_ppm", BigInteger),  # what is billed on top of it, in millionths
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "model", name="prices_model"),
)

bill_days = Table(
    "bill_days",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("team_id", Text, nullable=False),  # nobody is the empty text
    Column("app_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("unpriced", BigInteger, nullable=False),
    Column("uncertain", BigInteger, nullable=False),
    Column("input", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("billed_nano", BigInteger, nullable=False),
    PrimaryKeyConstraint(
        "tenant_id", "day", "team_id", "app_id", "user_id", "key_id", "provider", "model", "tags", name="bill_days_pkey"
    ),
    sqlite_with_rowid=False,
)

bill_marks = Table(
    "bill_marks",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("prices", Text, nullable=False),  # a digest of those it was worked out with
    Column("records", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "day"),
    sqlite_with_rowid=False,
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),  # the app of a weekly report
    Column("starts", Text, nullable=False),  # the first day, and the one after the last
    Column("ends", Text, nullable=False),
    Column("total_nano", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the content, which the audit log has too
    Column("issued_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "kind", "subject_id", "starts", name="invoices_once"),
    UniqueConstraint("tenant_id", "number", name="invoices_number"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("app_ids", Text, nullable=False),  # of a weekly report; none is every app
    Column("channel_ids", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("schedules_tenant", "tenant_id", "id"),
    Index("schedules_due", "is_active", "next_at"),
)

channels = Table(
    "channels",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),  # a URL or an e-mail address
    Column("sealed", LargeBinary),  # what a webhook's signature is made with
    Column("events", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "name", name="channels_name"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Index("outbox_due", "state", "next_at"),
    Index("outbox_tenant", "tenant_id", "id"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),  # a user's or key's id, or the permission that makes it one's business
    Column("event", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("read_at", BigInteger),
    Index("notifications_recipient", "tenant_id", "recipient", "id"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of the file: the same one twice is one import
    Column("lines", Text, nullable=False),  # what the provider says, by UTC day, model and kind
    Column("made_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "provider", "digest", name="imports_once"),
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),  # of the charge that it corrects
    Column("call_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("import_id", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("nano", BigInteger, nullable=False),  # what is added to the charge; below zero as a rule
    Column("made_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "at", "call_id", "attempt"),
    Index("adjustments_made", "tenant_id", "made_at"),
)

agenda = Table(
    "agenda",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

Index(
    "ledger_uncertain",
    ledger.c.tenant_id,
    ledger.c.at,
    sqlite_where=text("billed = 'uncertain'"),
    postgresql_where=text("billed = 'uncertain'"),
)
