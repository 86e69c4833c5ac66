"""Sending what waits in the outbox: webhooks signed (https://www.standardwebhooks.com), e-mail by the operator's SMTP.

A message is tried eight times over a day and a half, then it has failed and says so. One whose process died while it
was sent may be sent twice, under the same id.
"""

import asyncio
import hmac
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from email.utils import make_msgid
from time import time
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.access.vault import Sealer, Unsealable
from headgate.billing.invoice import sheet
from headgate.core.call import now
from headgate.core.errors import HeadgateError
from headgate.core.redact import redact
from headgate.core.secret import Secret
from headgate.storage.billing_rows import ChannelRow, InvoiceRow, MessageRow
from headgate.storage.schema.billing import channels, invoices, outbox
from headgate.transport.base import Outbound, Sender
from headgate.transport.egress import Destination

TRIES = 8
FIRST_PAUSE = 10_000_000
FACTOR = 6
LONGEST_PAUSE = 12 * 3_600_000_000
CLAIM = 120_000_000
"""Microseconds for which a message is one process's."""
AT_ONCE = 20
PATIENCE = 15.0
MAIL_PATIENCE = 30.0
MAX_ERROR = 500


class Failed(Exception):
    """It was not taken; the words are for administrators."""


class Post(Protocol):
    """Takes a message away."""

    async def __call__(self, channel: ChannelRow, message: MessageRow, told: dict[str, Any]) -> None:
        """Send *told*; raise :class:`Failed`."""
        ...


def about(tenant_id: str, channel_id: str) -> bytes:
    """Return what a channel's secret is sealed with."""
    return "\0".join(("channel", tenant_id, channel_id)).encode()


class Deliverer:
    """Sends. Several may run: each message is claimed by one."""

    def __init__(self, engine: AsyncEngine, posts: Mapping[str, Post]) -> None:
        """*posts* are the ways out by the kind of channel."""
        self._engine = engine
        self._posts = posts

    async def run(self) -> int:
        """Try what is due; return how many messages that was."""
        c = outbox.c
        query = select(outbox).where(c.state == "waiting", c.next_at <= now()).order_by(c.next_at).limit(AT_ONCE)
        async with self._engine.connect() as con:
            due = [MessageRow(**row._mapping) for row in await con.execute(query)]
        claimed = [message for message in due if await self._claim(message)]
        await asyncio.gather(*map(self._try, claimed))
        return len(claimed)

    async def _claim(self, message: MessageRow) -> bool:
        c = outbox.c
        mine = (c.id == message.id, c.state == "waiting", c.next_at == message.next_at)
        values = {"next_at": now() + CLAIM, "attempts": c.attempts + 1}
        async with self._engine.begin() as con:
            return bool((await con.execute(update(outbox).where(*mine).values(values))).rowcount)

    async def _try(self, message: MessageRow) -> None:
        try:
            channel = await self._channel(message)
            told = await self._told(message)
            await self._posts[channel.kind](channel, message, told)
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

    async def _channel(self, message: MessageRow) -> ChannelRow:
        c = channels.c
        query = select(channels).where(c.tenant_id == message.tenant_id, c.id == message.channel_id)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        if row is None or not row.is_active:
            raise Failed("The channel is off, or there is none.")
        return ChannelRow(**row._mapping)

    async def _told(self, message: MessageRow) -> dict[str, Any]:
        """Return what is to be said; an invoice is taken from where it stands."""
        told: dict[str, Any] = msgspec.json.decode(message.payload)
        if "invoice" not in told:
            return told
        c = invoices.c
        query = select(invoices).where(c.tenant_id == message.tenant_id, c.id == told["invoice"])
        async with self._engine.connect() as con:
            row = InvoiceRow(**(await con.execute(query)).one()._mapping)
        return told | {
            "text": f"{row.kind.capitalize()} {row.number}", "link": f"/invoices?id={row.id}", "html": row.html,
            "content": msgspec.json.decode(row.content),
        }  # fmt: skip


class Webhook:
    """Posts JSON, signed with the channel's secret."""

    def __init__(self, sender: Sender, allow: Callable[[str], Awaitable[Destination]], sealer: Sealer) -> None:
        """*allow* returns where a URL leads, or raises ``BadRequest``: it is asked anew for every message."""
        self._sender = sender
        self._allow = allow
        self._sealer = sealer

    async def __call__(self, channel: ChannelRow, message: MessageRow, told: dict[str, Any]) -> None:
        """See :class:`Post`."""
        body = msgspec.json.encode({"id": message.id, "tenant_id": message.tenant_id, **without_page(told)})
        at = str(int(time()))
        try:
            secret = self._sealer.open(channel.sealed or b"", about(channel.tenant_id, channel.id))
            to = await self._allow(channel.target)
            out = Outbound(
                to.origin, self._head(to, message.id, at, signature(secret, message.id, at, body)), body=body
            )
            out.connect_timeout, out.headers_timeout = 5.0, PATIENCE
            answer = await self._sender.send(out)
        except (HeadgateError, Unsealable) as error:
            raise Failed(str(error)) from None
        answer.close()
        if not 200 <= answer.status < 300:
            raise Failed(f"{to.origin.host} answered {answer.status}")

    def _head(self, to: Destination, id: str, at: str, signed: str) -> bytes:
        host = f"[{to.origin.host}]" if ":" in to.origin.host else to.origin.host
        lines = {
            "host": f"{host}:{to.origin.port}", "user-agent": "headgate", "content-type": "application/json",
            "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signed,
        }  # fmt: skip
        head = f"POST {to.target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return head.encode("ascii")


def signature(secret: bytes, id: str, at: str, body: bytes) -> str:
    """Return what ``webhook-signature`` must be: HMAC-SHA-256 over id, time (seconds) and body, joined by dots."""
    signed = b".".join((id.encode(), at.encode(), body))
    return "v1," + b64encode(hmac.digest(secret, signed, "sha256")).decode()


class Mail:
    """Sends e-mail by the SMTP server of ``smtp://user:password@host:587?from=...``, or ``smtps://``."""

    def __init__(self, url: Secret | None) -> None:
        self._url = url

    async def __call__(self, channel: ChannelRow, message: MessageRow, told: dict[str, Any]) -> None:
        """See :class:`Post`."""
        if self._url is None:
            raise Failed("No mail server is set: HEADGATE_SMTP_URL names one.")
        server = urlsplit(self._url.reveal())
        sender = parse_qs(server.query).get("from", [unquote(server.username or "")])[0]
        try:
            mail = letter(sender or "headgate@localhost", channel.target, message.id, told)
            await asyncio.to_thread(self._send, server, mail)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Failed(f"{type(error).__name__}: {error}") from None

    def _send(self, server: Any, mail: EmailMessage) -> None:
        secure = ssl.create_default_context()
        host, user = server.hostname or "localhost", unquote(server.username or "")
        if server.scheme == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, server.port or 465, timeout=MAIL_PATIENCE, context=secure)
        else:
            smtp = smtplib.SMTP(host, server.port or 587, timeout=MAIL_PATIENCE)
        with smtp:
            smtp.ehlo()
            if server.scheme == "smtp" and smtp.has_extn("starttls"):
                smtp.starttls(context=secure)
                smtp.ehlo()
            elif user and server.scheme == "smtp":
                raise ValueError("the server takes no encryption, so no password is sent to it")
            if user:
                smtp.login(user, unquote(server.password or ""))
            smtp.send_message(mail)


def letter(sender: str, to: str, id: str, told: dict[str, Any]) -> EmailMessage:
    """Return the e-mail that says *told*: an invoice as a page, with its figures attached."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, " ".join(told["text"].split())[:200]
    mail["Message-ID"] = make_msgid(id, domain="headgate")
    mail.set_content(f"{told['text']}\n{told['link']}\n")
    if "html" in told:
        content = told["content"]
        mail.add_alternative(told["html"], subtype="html")
        for data, kind in ((sheet(content), "csv"), (msgspec.json.encode(content).decode(), "json")):
            mail.add_attachment(data, subtype=kind, filename=f"{content['number']}.{kind}")
    return mail


def without_page(told: dict[str, Any]) -> dict[str, Any]:
    """Return what programs are told: not the page."""
    return {name: value for name, value in told.items() if name != "html"}
