"""What is configured through the API: objects of any kind, and every version they had."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint, false

from headgate.storage.schema.base import metadata

objects = Table(
    "objects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),  # empty for what all tenants share
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),  # the last one; its numbers go on where a name is used again
    Column("body", Text),  # JSON; nothing where it was removed
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("platform", Boolean, nullable=False, server_default=false()),  # who administers the platform changes it
    UniqueConstraint("tenant_id", "kind", "name", name="objects_name"),
)

object_versions = Table(
    "object_versions",
    metadata,
    Column("object_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text),
    Column("author_kind", Text, nullable=False),
    Column("author_id", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("object_id", "version"),
)
