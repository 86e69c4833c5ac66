"""Deployments and providers that people have switched on or off by hand: for every process of every machine.

What serves calls reads them here; ``switches_sql`` is where they are set.
"""

from typing import Literal

from headgate.storage.sql import Sql

Hand = Literal["open", "closed"]
"""``open``: do not call it; ``closed``: call it, whatever is measured."""
CHANGE = "switch"
"""The kind of its entries in the change feed."""


def switched(sql: Sql) -> dict[str, Hand]:
    """Return what people have set, by ``provider/model`` or provider."""
    return dict(sql.execute("SELECT name, state FROM switches", ()).fetchall())
