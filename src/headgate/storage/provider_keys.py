"""Sealed keys of providers, as the request path's processes read them: plain sqlite3, once at a start or a change."""

import sqlite3
from pathlib import Path

import msgspec

from headgate.storage.sqlite import connect

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
STORED = f"SELECT {', '.join(FIELDS)} FROM provider_keys WHERE tenant_id = ? AND owner_id IS NULL ORDER BY id"  # noqa: S608


def stored(path: Path, tenant_id: str) -> list[ProviderKeyRow]:
    """Return the keys of a tenant's accounts, oldest first; none where the database or its table is not made yet.

    Raise ``sqlite3.Error`` where it cannot be read.
    """
    if not path.exists():
        return []
    con = connect(path)
    try:
        return [ProviderKeyRow(**dict(zip(FIELDS, row, strict=True))) for row in con.execute(STORED, (tenant_id,))]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        con.close()
