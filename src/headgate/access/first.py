"""The first start: a tenant, an admin key and a virtual key, so that a fresh gateway can be used at once."""

import hmac
from collections.abc import Callable
from pathlib import Path
from time import time_ns
from typing import Literal

import msgspec

from headgate.access.home import Home
from headgate.access.keeping import Level, keeping_of
from headgate.access.keys import mint, new_row
from headgate.access.permissions import PLATFORM_TENANT, ROLES
from headgate.access.types import Principal
from headgate.core.secret import Secret
from headgate.storage.alone import alone
from headgate.storage.sql import Sql, SqlError, open_sql, without_password
from headgate.storage.types import KeyRow, StorageRefused

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


def agree(home: Home, where: str | Path) -> None:
    """Raise ``StorageRefused`` where another secret key made what the database *where* holds: nothing would fit."""
    mine = int.from_bytes(hmac.digest(home.derived.pepper, b"database", "sha256")[:7])
    sql = open_sql(where)

    def work(sql: Sql) -> int:
        sql.execute("INSERT INTO meta (name, value) VALUES ('secret', ?) ON CONFLICT (name) DO NOTHING", (mine,))
        return int(sql.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()[0])

    try:
        found = sql.transact(work)
    except SqlError as error:
        raise StorageRefused(without_password(where), f"cannot be written ({error}).") from None
    finally:
        sql.close()
    if found != mine:
        why = "was made with another secret key. Set HEADGATE_SECRET_KEY to the one that all its gateways share."
        raise StorageRefused(without_password(where), why)


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
