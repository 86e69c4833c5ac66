"""The first start: a tenant, an admin key and a virtual key, so that a fresh gateway can be used at once."""

import fcntl
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Literal

import msgspec

from headgate.access.home import Home
from headgate.access.keys import mint, new_row
from headgate.access.permissions import PLATFORM_TENANT, ROLES
from headgate.access.types import Principal
from headgate.core.secret import Secret
from headgate.storage.sqlite import connect
from headgate.storage.types import KeyRow, StorageRefused

TENANT = PLATFORM_TENANT
KINDS: tuple[Literal["admin"], Literal["key"]] = ("admin", "key")
ADMIN_ID = "admin"
"""Id of the principal that HEADGATE_ADMIN_KEY stands for: it is in no table."""


class FirstKeys(msgspec.Struct, frozen=True):
    """What a first start made; ``None`` for what was there already. To be printed once, then forgotten."""

    admin: Secret | None = None
    key: Secret | None = None


async def ensure_keys(
    home: Home, database: Path, create: Callable[[str, KeyRow], Awaitable[None]], *, has_admin_key: bool
) -> FirstKeys:
    """Make the first admin key (unless *has_admin_key*: the environment sets one) and the first virtual key.

    *create* is ``KeyStore.create``. Several processes may do this at once: one of them makes the keys.
    """
    if not _missing(database, has_admin_key):
        return FirstKeys()
    made: dict[Literal["admin", "key"], Secret] = {}
    with _lock(home.path / "first.lock"):
        for kind in _missing(database, has_admin_key):
            made[kind] = mint(kind, home.derived)
            name = "first admin key" if kind == "admin" else "first key"
            row = new_row(made[kind], home.derived, name=name, now=time_ns() // 1000, kind=kind, tenant_id=TENANT)
            await create(TENANT, row)
    return FirstKeys(made.get("admin"), made.get("key"))


def admin_principal() -> Principal:
    """Return whom HEADGATE_ADMIN_KEY stands for."""
    return Principal(
        kind="admin",
        id=ADMIN_ID,
        tenant_id=TENANT,
        name="HEADGATE_ADMIN_KEY",
        permissions=ROLES["platform-admin"],
        scope="platform",
    )


def _missing(database: Path, has_admin_key: bool) -> list[Literal["admin", "key"]]:
    """Plain SQL, because the key store's libraries take longer to import than a start may take."""
    try:
        con = connect(database)
        try:
            there = [k for k in KINDS if con.execute("SELECT 1 FROM keys WHERE kind = ? LIMIT 1", (k,)).fetchone()]
        finally:
            con.close()
    except sqlite3.Error as error:
        raise StorageRefused(str(database), f"cannot be read ({error}).") from None
    return [kind for kind in KINDS if kind not in there and not (kind == "admin" and has_admin_key)]


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
