"""Objects that are configured through the API, and how a process that only reads takes them up.

``read`` is anything with ``execute(sql, parameters)``: a ``sqlite3`` connection or a ``storage.sql.Sql``.
"""

from typing import Any, Protocol

import msgspec

from headgate.storage.sql import TableMissing, open_sql
from headgate.storage.sqlite import path_of

SHARED = ""
"""Whose objects are all tenants'."""
CHANGE = "object"
"""The kind of their entries in the change feed."""


class ObjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One object as it is."""

    id: str
    tenant_id: str
    """``SHARED``, or whose alone it is."""
    kind: str
    """``route``, ``alias``, ``use_case`` ..."""
    name: str
    version: int
    """From 1; its ETag is made of it."""
    body: str | None
    """JSON; ``None`` where it was removed."""
    created_at: int
    """Microseconds since 1970, UTC."""
    updated_at: int
    platform: bool = False
    """It binds its tenant: who administers the platform alone changes it. Not read for compiling."""

    @property
    def etag(self) -> str:
        """What tells this version from every other of this name."""
        return f'"{self.version}-{self.id[-12:]}"'


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version that an object had."""

    object_id: str
    version: int
    body: str | None
    author_kind: str
    author_id: str
    note: str
    created_at: int


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a change, for the version and for the audit log."""

    kind: str
    id: str
    tenant_id: str
    """In whose audit log a change of what all share is noted."""
    address: str | None = None
    request_id: str | None = None


class Reads(Protocol):
    """Runs a statement and returns its rows."""

    def execute(self, sql: str, params: Any = (), /) -> Any:
        """Return something with ``fetchall``."""
        ...


FIELDS = tuple(name for name in ObjectRow.__struct_fields__ if name != "platform")
NOW = f"SELECT {', '.join(FIELDS)} FROM objects WHERE body IS NOT NULL ORDER BY tenant_id, kind, name"  # noqa: S608 - our own names


def stored_objects(url: str) -> list[ObjectRow]:
    """Return the objects in the database at *url*, none where it is not made yet. Raise ``SqlError``."""
    path = path_of(url)
    if path is not None and not path.exists():
        return []
    sql = open_sql(url)
    try:
        return every_object(sql)
    except TableMissing:
        return []
    finally:
        sql.close()


def every_object(read: Reads) -> list[ObjectRow]:
    """Return the objects of the whole installation, all tenants', as they are: for compiling them."""
    return [ObjectRow(**dict(zip(FIELDS, row, strict=True))) for row in read.execute(NOW).fetchall()]
