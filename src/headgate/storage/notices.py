"""Telling people: a line in the dashboard, and a message for every channel that wants to know.

Both are written in the transaction of what they tell of. Sending is ``billing.deliver``'s.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import new_id, now
from headgate.storage.billing_rows import ChannelRow, MessageRow, NotificationRow
from headgate.storage.schema.billing import channels, notifications, outbox

MAX_CHANNELS = 50
LINES_KEPT = 90 * 86_400_000_000
MESSAGES_KEPT = 30 * 86_400_000_000


async def notify(
    con: AsyncConnection,
    tenant_id: str,
    event: str,
    text: str,
    *,
    recipients: Iterable[str],
    link: str,
    data: Mapping[str, Any],
) -> None:
    """Tell *recipients* (ids, or permissions) and every channel that listens to *event*, in this transaction."""
    at = now()
    for recipient in recipients:
        row = NotificationRow(
            id=new_id(), tenant_id=tenant_id, recipient=recipient, event=event, text=text, link=link, created_at=at
        )
        await con.execute(insert(notifications).values(msgspec.structs.asdict(row)))
    query = select(channels).where(channels.c.tenant_id == tenant_id, channels.c.is_active).limit(MAX_CHANNELS)
    payload = {"event": event, "text": text, "link": link, "data": data}
    for found in await con.execute(query):
        channel = ChannelRow(**found._mapping)
        if event.partition(":")[0] in msgspec.json.decode(channel.events):
            await post(con, tenant_id, channel.id, event, payload)


async def post(con: AsyncConnection, tenant_id: str, channel_id: str, event: str, payload: Mapping[str, Any]) -> str:
    """Put a message for one channel on its way, in this transaction; return its id."""
    at = now()
    row = MessageRow(
        id=new_id(),
        tenant_id=tenant_id,
        channel_id=channel_id,
        event=event,
        payload=msgspec.json.encode(payload).decode(),
        next_at=at,
        created_at=at,
    )
    await con.execute(insert(outbox).values(msgspec.structs.asdict(row)))
    return row.id


class SqlNotices:
    """What is told to the people of one tenant, and what became of messages."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, tenant_id: str, recipients: Iterable[str], *, before: str = "", limit: int = 50, unread: bool = False
    ) -> list[NotificationRow]:
        """Return lines for any of *recipients*, latest first, whose ids come before *before*."""
        c = notifications.c
        query = select(notifications).where(c.tenant_id == tenant_id, c.recipient.in_(list(recipients)))
        if before:
            query = query.where(c.id < before)
        if unread:
            query = query.where(c.read_at.is_(None))
        async with self._engine.connect() as con:
            found = await con.execute(query.order_by(c.id.desc()).limit(limit))
            return [NotificationRow(**row._mapping) for row in found]

    async def read(self, tenant_id: str, recipients: Iterable[str], id: str) -> bool:
        """Mark a line as read; return whether there is one."""
        c = notifications.c
        mine = (c.tenant_id == tenant_id, c.id == id, c.recipient.in_(list(recipients)))
        async with self._engine.begin() as con:
            done = await con.execute(update(notifications).where(*mine, c.read_at.is_(None)).values(read_at=now()))
            return bool(done.rowcount or (await con.execute(select(c.id).where(*mine))).first())

    async def messages(self, tenant_id: str, *, before: str = "", limit: int = 50) -> list[MessageRow]:
        """Return messages and what became of them, latest first."""
        c = outbox.c
        query = select(outbox).where(c.tenant_id == tenant_id)
        if before:
            query = query.where(c.id < before)
        async with self._engine.connect() as con:
            found = await con.execute(query.order_by(c.id.desc()).limit(limit))
            return [MessageRow(**row._mapping) for row in found]

    async def prune(self) -> None:
        """Delete old lines, and messages that were sent or have failed, of all tenants: the timer's."""
        at = now()
        async with self._engine.begin() as con:
            await con.execute(delete(notifications).where(notifications.c.created_at < at - LINES_KEPT))
            over = (outbox.c.state != "waiting", outbox.c.created_at < at - MESSAGES_KEPT)
            await con.execute(delete(outbox).where(*over))
