"""The audit log, whose entries are chained, and the seals of the request log."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from headgate.storage.schema.base import metadata

audit = Table(
    "audit",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),  # 1, 2, 3 ... without a gap, for each tenant
    Column("at", BigInteger, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("action", Text, nullable=False),  # thing:verb
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("before", Text),  # JSON, redacted
    Column("after", Text),
    Column("address", Text),
    Column("request_id", Text),
    Column("outcome", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 over the one before and this row
    Column("seal", LargeBinary, nullable=False),  # HMAC of it: who has the database alone cannot make one
    PrimaryKeyConstraint("tenant_id", "seq"),
    Index("audit_at", "tenant_id", "at"),
    Index("audit_object", "tenant_id", "object_kind", "object_id", "seq"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

seals = Table(
    "seals",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("chained", BigInteger, nullable=False),  # how many of them the audit log vouches for
    *(Column(f"s{lane}", BigInteger, nullable=False) for lane in range(8)),  # sums of 32 bits of each keyed digest
    PrimaryKeyConstraint("tenant_id", "hour"),
    Index(
        "seals_open",
        "hour",
        sqlite_where=text("chained < records"),
        postgresql_where=text("chained < records"),
    ),
    sqlite_with_rowid=False,
)
