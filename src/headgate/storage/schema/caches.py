"""What caches of answers did, by hour."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from headgate.storage.schema.base import metadata
from headgate.storage.sums import CACHE_SUMS

cache_sums = Table(
    "cache_sums",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("cache", Text, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("node", Text, nullable=False),  # the home that drained them: who reads adds these up
    *(Column(name, BigInteger, nullable=False) for name in CACHE_SUMS),
    PrimaryKeyConstraint("tenant_id", "cache", "hour", "node", name="cache_sums_key"),
    Index("cache_sums_old", "hour"),
    sqlite_with_rowid=False,
)
