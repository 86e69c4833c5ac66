"""Who is behind a credential: the user whose it is, and whoever made it, by the audit log."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.storage.schema import keys, users
from headgate.storage.schema.entry import clients
from headgate.storage.schema.proofs import audit

DEPTH = 8
"""Makers of makers that are looked for."""
TABLES: dict[str, tuple[Table, str]] = {
    "key": (keys, "key"), "admin": (keys, "key"), "client": (clients, "client"), "user": (users, "user"),
}  # fmt: skip
"""Kind of actor -> where it is stored, and what the log calls it."""


class Behind(msgspec.Struct, frozen=True):
    """Whom a request is to be put down to."""

    person: str
    """The user; of what belongs to none, who made it."""
    chain: frozenset[str]
    """It, its user, who made it, who made that."""

    def same(self, other: "Behind") -> bool:
        """Whether it may be one person who is behind both."""
        return self.person == other.person or self.person in other.chain or other.person in self.chain


async def behind(con: AsyncConnection, tenants: Collection[str], kind: str, id: str, user: str | None = None) -> Behind:
    """Return who is behind an actor that is stored under one of *tenants*; *user* is whom its token names.

    A virtual key is its user's. An admin key and a client are their maker's as well, who knows their secret; what the
    owner of the installation makes belongs to who gets it.
    """
    chain, person = [id], user
    for _ in range(DEPTH):
        row = await _stored(con, tenants, kind, id)
        if row is None or kind == "user":
            break
        owner: str | None = getattr(row, "user_id", None)
        if owner is not None:
            chain.append(owner)
            person = person or owner
        if getattr(row, "kind", None) == "key":
            break
        c = audit.c
        made = (c.tenant_id == row.tenant_id, c.object_kind == TABLES[kind][1], c.object_id == id)
        query = select(c.actor_kind, c.actor_id).where(*made, c.action.endswith(":create"), c.outcome == "done")
        maker = (await con.execute(query.order_by(c.seq).limit(1))).one_or_none()
        if maker is None or await _stored(con, tenants, maker.actor_kind, maker.actor_id) is None:
            break
        kind, id = maker.actor_kind, maker.actor_id
        chain.append(id)
    more = [] if user is None else [user]
    return Behind(person or id, frozenset([*chain, *more]))


async def _stored(con: AsyncConnection, tenants: Collection[str], kind: str, id: str) -> Any:
    if kind not in TABLES:
        return None
    table = TABLES[kind][0]
    found = await con.execute(select(table).where(table.c.id == id, table.c.tenant_id.in_(tenants)))
    return found.one_or_none()
