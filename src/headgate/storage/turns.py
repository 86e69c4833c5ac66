"""Administrative changes happen one after another, so that their numbers become visible in their order."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.storage.audit_now import FEED


async def take_turn(con: AsyncConnection) -> None:
    """Wait until no other transaction appends to the feed or the audit log; held until this one ends.

    One lock for both: who appends to one and then to the other can never wait for who does it the other way round.
    SQLite has one writer anyhow.
    """
    if con.dialect.name == "postgresql":
        await con.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": FEED})
