"""What calls said, kept as each tenant's logging policy has it, and what was taken elsewhere of the request log."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from headgate.storage.schema.base import metadata

payloads = Table(
    "payloads",
    metadata,
    # a number that stays what it is: an index of words can name a row by it
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),  # of the call
    Column("tenant_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),  # that of the call
    Column("key_id", Text),
    Column("end_user", Text),
    Column("level", Text, nullable=False),  # redacted or full
    Column("size", BigInteger, nullable=False),  # bytes of body
    Column("body", LargeBinary, nullable=False),  # see observe.payload: compressed, then sealed
    Column("text", Text),  # what a search looks in: the masked text; none where the level is full
    Index("payloads_id", "id", unique=True),
    Index("payloads_at", "tenant_id", "at"),
    Index("payloads_end_user", "tenant_id", "end_user", "at"),
)

exports = Table(
    "exports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, running, done, failed, cancelled
    Column("format", Text, nullable=False),
    Column("payloads", Boolean, nullable=False),
    Column("place", Text),  # the store of the configuration that it goes to; without it, it is fetched
    Column("filter", Text, nullable=False),  # JSON: observe.log.LogFilter
    Column("cursor", Text),  # JSON: instant and id of the last call that is in a part
    Column("rows", BigInteger, nullable=False),
    Column("since", BigInteger),  # the instants between which calls are, for the share that is done
    Column("until", BigInteger, nullable=False),
    Column("parts", Text, nullable=False),  # JSON: name, rows, bytes, SHA-256 of each
    Column("error", Text),
    Column("node", Text, nullable=False),  # the home on whose disk the parts are; empty before the first
    Column("author_kind", Text, nullable=False),
    Column("author_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("exports_tenant", "tenant_id", "created_at"),
    Index("exports_state", "state", "created_at"),
)

archives = Table(
    "archives",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # records or payloads
    Column("hour", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),  # 0 where the hour had none: then there is no file
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("at", BigInteger, nullable=False),  # when it was written
    PrimaryKeyConstraint("tenant_id", "kind", "hour"),
    sqlite_with_rowid=False,
)
