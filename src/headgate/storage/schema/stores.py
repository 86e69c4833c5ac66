"""What several homes that share a database leave in it for each other."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from headgate.storage.schema.base import metadata

nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),  # of a home: the machine whose journals it has
    Column("seen_at", BigInteger, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),  # provider/model, or provider
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

kept = Table(
    "kept",
    metadata,
    Column("id", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("ends", BigInteger, nullable=False),  # seconds since 1970
    Column("size", Integer, nullable=False),
    Column("provider", Text),  # who keeps it, where we do not
    Column("response", LargeBinary),
    Column("input", LargeBinary),
    PrimaryKeyConstraint("id", "tenant_id", "key_id"),
    Index("kept_ends", "ends", "size"),
    Index("kept_owner", "tenant_id", "key_id", "ends"),
)
