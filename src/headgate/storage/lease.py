"""Who of several homes does what only one may do at a time: a row of ``agenda``, held for a while."""

from headgate.core.ids import now
from headgate.storage.sql import Sql

LEASE = 60_000_000
"""Microseconds that it is held without a word of its holder."""
TAKE = """INSERT INTO agenda (name, owner, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
    SET owner = excluded.owner, until = excluded.until WHERE agenda.until < ? OR agenda.owner = excluded.owner"""


def take(sql: Sql, name: str, owner: str) -> bool:
    """Return whether *owner* may do what is called *name* for the next minute; inside a transaction."""
    at = now()
    return bool(sql.execute(TAKE, (name, owner, at + LEASE, at)).rowcount)
