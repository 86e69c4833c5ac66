"""Sealed keys of providers, as the request path's processes read them: once at a start or a change."""

from pathlib import Path

import msgspec

from headgate.storage.sql import TableMissing, open_sql
from headgate.storage.sqlite import path_of

CHANGE = "provider_key"
"""The kind of their entries in the change feed."""


class ProviderKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a provider. The secret is not here: only what it was sealed into, and what may be shown of it."""

    id: str
    tenant_id: str
    provider: str
    """The name of the account."""
    name: str
    """What people call the key."""
    sealed: bytes
    key_prefix: str
    last4: str
    created_at: int
    """Microseconds since 1970, UTC."""
    owner_id: str | None = None
    """The virtual key whose calls alone are signed with it; ``None``: it is one of the account's."""


FIELDS = ProviderKeyRow.__struct_fields__
EVERY = f"SELECT {', '.join(FIELDS)} FROM provider_keys WHERE owner_id IS NULL"  # noqa: S608
STORED = f"{EVERY} AND tenant_id = ?"


def stored(where: str | Path, tenant_id: str | None) -> list[ProviderKeyRow]:
    """Return the keys of a tenant's accounts, of all tenants' for ``None``, oldest first; none where the database or
    its table is not made yet.

    *where* is a path or a database URL. Raise ``SqlError`` where it cannot be read.
    """
    path = where if isinstance(where, Path) else path_of(where)
    if path is not None and not path.exists():
        return []
    sql = open_sql(where)
    try:
        found = (
            sql.execute(f"{EVERY} ORDER BY id")
            if tenant_id is None
            else (sql.execute(f"{STORED} ORDER BY id", (tenant_id,)))
        )
        return [ProviderKeyRow(**dict(zip(FIELDS, row, strict=True))) for row in found]
    except TableMissing:
        return []
    finally:
        sql.close()
