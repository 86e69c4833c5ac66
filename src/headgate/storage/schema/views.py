"""What is worked out from records as they are stored: sums and kinds of errors."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from headgate.storage.schema.base import metadata
from headgate.storage.sums import SKETCHES, SUMS

rollups = Table(
    "rollups",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("grain", Integer, nullable=False),  # seconds: 60, 3600 or 86400
    Column("cut", Text, nullable=False),  # which dimensions a and b are; see observe.rollups
    Column("start", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("a", Text, nullable=False),
    Column("b", Text, nullable=False),
    Column("node", Text, nullable=False),  # the home that drained them: who reads adds these up
    *(Column(name, BigInteger, nullable=False) for name in SUMS),
    *(Column(name, LargeBinary, nullable=False) for name in SKETCHES),  # see observe.sketch
    PrimaryKeyConstraint("tenant_id", "grain", "cut", "start", "a", "b", "node", name="rollups_key"),
    Index("rollups_old", "grain", "start"),
    sqlite_with_rowid=False,
)

error_groups = Table(
    "error_groups",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("id", Text, nullable=False),  # of kind, provider, model and code
    Column("node", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("keys", Text, nullable=False),  # JSON: ids of keys that met it, as many as are kept
    Column("examples", Text, nullable=False),  # JSON: the latest calls
    PrimaryKeyConstraint("tenant_id", "id", "node", name="error_groups_key"),
    Index("error_groups_first", "first_at"),
    sqlite_with_rowid=False,
)
