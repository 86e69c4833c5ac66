"""The feed of changes, as those who change something write it."""

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.core.ids import now
from headgate.storage.schema import changes
from headgate.storage.turns import take_turn
from headgate.storage.wake import CHANNEL

CHANGES_KEPT = 24 * 3600 * 1_000_000  # a poller asks every 250 ms; who was away longer than a day starts anew


async def tell(con: AsyncConnection, object_id: str, tenant_id: str, kind: str = "key") -> None:
    """Append to the feed. Numbers must become visible in their order, or a poller would pass one over."""
    await take_turn(con)
    at = now()
    await con.execute(insert(changes).values(kind=kind, object_id=object_id, tenant_id=tenant_id, at=at))
    if con.dialect.name == "postgresql":
        await con.execute(text(f"NOTIFY {CHANNEL}"))  # heard when this is committed
    await con.execute(delete(changes).where(changes.c.at < at - CHANGES_KEPT))
