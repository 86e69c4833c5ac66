"""Sending what waits in the outbox, each message by the kind of its channel.

A message is tried eight times over a day and a half, then it has failed and says so. One whose process died while it
was sent may be sent twice, under the same id. What is said of one alert goes through a channel in its order; what
failed, and has been followed by something newer of the same alert, is not said any more.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.access.vault import Sealer, Unsealable
from headgate.alerts.channels.types import Channel, ChannelConfig, Failed, Message, Out, Place
from headgate.billing.invoice import sheet
from headgate.core.ids import now
from headgate.core.redact import redact
from headgate.core.secret import Secret
from headgate.storage.billing_rows import ALERTS, OF_FILE, ChannelRow, InvoiceRow, MessageRow
from headgate.storage.schema.billing import channels, invoices, outbox

TRIES = 8
FIRST_PAUSE = 10_000_000
FACTOR = 6
LONGEST_PAUSE = 12 * 3_600_000_000
CLAIM = 120_000_000
"""Microseconds for which a message is one process's."""
AT_ONCE = 20
MAX_ERROR = 500
OVERTAKEN = "something newer was said of the same alert meanwhile"


def about(tenant_id: str, channel_id: str) -> bytes:
    """Return what a channel's secret is sealed with."""
    return "\0".join(("channel", tenant_id, channel_id)).encode()


class Deliverer:
    """Sends. Several may run: each message is claimed by one."""

    def __init__(
        self,
        engine: AsyncEngine,
        channels: Mapping[str, Channel],
        out: Out,
        sealer: Sealer,
        configured: Callable[[str], ChannelConfig | None] = lambda name: None,
        public_url: str | None = None,
    ) -> None:
        """*channels* are the kinds, *configured* finds a channel of the configuration by its name; *public_url* is
        where people reach the gateway."""
        self._engine = engine
        self._channels = channels
        self._out = out
        self._sealer = sealer
        self._configured = configured
        self._public_url = (public_url or "").rstrip("/")

    async def run(self) -> int:
        """Try what is due; return how many messages that was."""
        c = outbox.c
        query = select(outbox).where(c.state == "waiting", c.next_at <= now()).order_by(c.next_at).limit(AT_ONCE)
        async with self._engine.connect() as con:
            due = [MessageRow(**row._mapping) for row in await con.execute(query)]
        lines: dict[tuple[str, str], list[MessageRow]] = {}
        for message in sorted(due, key=lambda one: (one.created_at, one.id)):
            if await self._claim(message):
                lines.setdefault((message.channel_id, message.event), []).append(message)
        await asyncio.gather(*map(self._try_all, lines.values()))
        return sum(map(len, lines.values()))

    async def _try_all(self, line: list[MessageRow]) -> None:
        for message in line:
            if message.attempts and await self._overtaken(message):
                await self._end(message, {"state": "failed", "done_at": now(), "error": OVERTAKEN})
            else:
                await self._try(message)

    async def _overtaken(self, message: MessageRow) -> bool:
        """Whether something newer was said of the same alert: what *message* says is not true any more."""
        c = outbox.c
        same = (c.tenant_id == message.tenant_id, c.channel_id == message.channel_id, c.event == message.event)
        if not message.event.startswith(ALERTS):
            return False
        async with self._engine.connect() as con:
            return (
                await con.execute(select(c.id).where(*same, c.created_at > message.created_at).limit(1))
            ).first() is not None

    async def _claim(self, message: MessageRow) -> bool:
        c = outbox.c
        mine = (c.id == message.id, c.state == "waiting", c.next_at == message.next_at)
        values = {"next_at": now() + CLAIM, "attempts": c.attempts + 1}
        async with self._engine.begin() as con:
            return bool((await con.execute(update(outbox).where(*mine).values(values))).rowcount)

    async def _try(self, message: MessageRow) -> None:
        try:
            place = await self._place(message)
            told = await self._told(message)
            url = self._public_url + told["link"] if self._public_url and "link" in told else None
            said = Message(id=message.id, tenant_id=message.tenant_id, told=told, url=url)
            await self._channels[place.kind].send(place, said, self._out)
        except Failed as error:
            await self._failed(message, str(error))
        except Exception as error:  # one message that cannot be sent must not hold up the others
            await self._failed(message, f"{type(error).__name__}: {error}")
        else:
            await self._end(message, {"state": "sent", "done_at": now(), "error": None})

    async def _failed(self, message: MessageRow, why: str) -> None:
        tries = message.attempts + 1
        values: dict[str, Any] = {"error": redact(why)[:MAX_ERROR]}
        if tries >= TRIES:
            values |= {"state": "failed", "done_at": now()}
        else:
            values["next_at"] = now() + min(FIRST_PAUSE * FACTOR ** (tries - 1), LONGEST_PAUSE)
        await self._end(message, values)

    async def _end(self, message: MessageRow, values: dict[str, Any]) -> None:
        async with self._engine.begin() as con:
            await con.execute(update(outbox).where(outbox.c.id == message.id).values(values))

    async def _place(self, message: MessageRow) -> Place:
        if message.channel_id.startswith(OF_FILE):
            found = self._configured(message.channel_id.removeprefix(OF_FILE))
            if found is None:
                raise Failed("There is no such channel in the configuration any more.")
            return Place(kind=found.kind, target=found.target, secret=found.secret, trusted=True)
        c = channels.c
        query = select(channels).where(c.tenant_id == message.tenant_id, c.id == message.channel_id)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        if row is None or not row.is_active:
            raise Failed("The channel is off, or there is none.")
        return await asyncio.to_thread(opened, ChannelRow(**row._mapping), self._sealer)

    async def _told(self, message: MessageRow) -> dict[str, Any]:
        """Return what is to be said; an invoice is taken from where it stands."""
        told: dict[str, Any] = msgspec.json.decode(message.payload)
        if "invoice" not in told:
            return told
        c = invoices.c
        query = select(invoices).where(c.tenant_id == message.tenant_id, c.id == told["invoice"])
        async with self._engine.connect() as con:
            row = InvoiceRow(**(await con.execute(query)).one()._mapping)
        content = msgspec.json.decode(row.content)
        return told | {
            "text": f"{row.kind.capitalize()} {row.number}", "link": f"/invoices?id={row.id}", "html": row.html,
            "content": content,
            "files": {f"{row.number}.csv": sheet(content), f"{row.number}.json": row.content},
        }  # fmt: skip


def opened(row: ChannelRow, sealer: Sealer) -> Place:
    """Return a stored channel with its secret; raise :class:`Failed` where that cannot be opened."""
    try:
        secret = Secret(sealer.open(row.sealed, about(row.tenant_id, row.id)).decode()) if row.sealed else None
    except Unsealable as error:
        raise Failed(str(error)) from None
    return Place(kind=row.kind, target=row.target, secret=secret)
