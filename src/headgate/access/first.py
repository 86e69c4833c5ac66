"""The first start: a tenant, an admin key and a virtual key, so that a fresh gateway can be used at once."""

import hmac
from collections.abc import Callable
from pathlib import Path
from time import time_ns
from typing import Literal

import msgspec

from headgate.access.home import SECRETS, Home
from headgate.access.keeping import Level, keeping_of
from headgate.access.keys import mint, new_row
from headgate.access.permissions import PLATFORM_TENANT, ROLES
from headgate.access.types import Principal
from headgate.core.secret import Secret
from headgate.storage.alone import alone
from headgate.storage.sql import SqlError, TableMissing, open_sql, without_password
from headgate.storage.sqlite import path_of
from headgate.storage.types import KeyRow, StorageRefused, StorageUnreachable

TENANT = PLATFORM_TENANT
KINDS: tuple[Literal["admin"], Literal["key"]] = ("admin", "key")
ADMIN_ID = "admin"
"""Id of the principal that HEADGATE_ADMIN_KEY stands for: it is in no table."""


class FirstKeys(msgspec.Struct, frozen=True):
    """What a first start made; ``None`` for what was there already. To be printed once, then forgotten."""

    admin: Secret | None = None
    key: Secret | None = None


def ensure_keys(
    home: Home, where: str | Path, create: Callable[[str, KeyRow], object], *, has_admin_key: bool
) -> FirstKeys:
    """Make the first admin key (unless *has_admin_key*: the environment sets one) and the first virtual key.

    *where* is a path or a database URL; *create* stores a key of a tenant. Several processes, also on several
    machines, may do this at once: one of them makes the keys. Raise ``StorageRefused`` where it cannot be read.
    """
    if not _missing(where, has_admin_key):
        return FirstKeys()
    made: dict[Literal["admin", "key"], Secret] = {}
    with alone(where, "first"):
        for kind in _missing(where, has_admin_key):
            made[kind] = mint(kind, home.derived)
            name = "first admin key" if kind == "admin" else "first key"
            row = new_row(made[kind], home.derived, name=name, now=time_ns() // 1000, kind=kind, tenant_id=TENANT)
            create(TENANT, row)
    return FirstKeys(made.get("admin"), made.get("key"))


def compare(home: Home, where: str | Path) -> bool:
    """Return whether the database *where* says that the secret key of *home* made it; one that is new says nothing.

    Nothing is written. Raise ``StorageRefused`` where another secret key made what it holds: nothing would fit.
    """
    found = _mark(where)
    if found is not None and found != _of(home):
        why = (
            f"was made with another secret key, which neither HEADGATE_SECRET_KEY nor {home.path / SECRETS} has. Set "
            "HEADGATE_SECRET_KEY to the one that all its gateways share, or put the secrets.json of the home that made "
            "it into this home."
        )
        raise StorageRefused(without_password(where), why)
    return found is not None


def agree(home: Home, where: str | Path) -> None:
    """Have the database *where* know the secret key of *home*; raise ``StorageRefused`` as :func:`compare` does."""
    if compare(home, where):
        return
    row = "INSERT INTO meta (name, value) VALUES ('secret', ?) ON CONFLICT (name) DO NOTHING"
    sql = open_sql(where)
    try:
        sql.transact(lambda sql: sql.execute(row, (_of(home),)))
    except SqlError as error:
        raise StorageRefused(without_password(where), f"cannot be written ({error}).") from None
    finally:
        sql.close()
    compare(home, where)  # another home may have been faster


def admin_principal(usual: Level = "metadata") -> Principal:
    """Return whom HEADGATE_ADMIN_KEY stands for; *usual* is what is kept of its calls."""
    return Principal(
        kind="admin",
        id=ADMIN_ID,
        tenant_id=TENANT,
        name="HEADGATE_ADMIN_KEY",
        permissions=ROLES["platform-admin"],
        scope="platform",
        keeping=keeping_of("{}", usual=usual),
    )


def _of(home: Home) -> int:
    """Return what a database keeps of the secret key of *home*: enough to tell it from others, and no more."""
    return int.from_bytes(hmac.digest(home.derived.pepper, b"database", "sha256")[:7])


def _mark(where: str | Path) -> int | None:
    """Return what the database keeps of the secret key that made it; ``None`` where there is no such thing yet."""
    path = where if isinstance(where, Path) else path_of(where)
    if path is not None and not path.exists():
        return None
    sql = open_sql(where)
    try:
        row = sql.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        return int(row[0]) if row else None
    except TableMissing:
        return None
    except SqlError as error:
        raise StorageUnreachable(without_password(where), f"cannot be read ({error}).") from None
    finally:
        sql.close()


def _missing(where: str | Path, has_admin_key: bool) -> list[Literal["admin", "key"]]:
    """Plain SQL, because the key store's libraries take longer to import than a start may take."""
    sql = open_sql(where)
    try:
        there = [k for k in KINDS if sql.execute("SELECT 1 FROM keys WHERE kind = ? LIMIT 1", (k,)).fetchone()]
    except SqlError as error:
        raise StorageRefused(without_password(where), f"cannot be read ({error}).") from None
    finally:
        sql.close()
    return [kind for kind in KINDS if kind not in there and not (kind == "admin" and has_admin_key)]
