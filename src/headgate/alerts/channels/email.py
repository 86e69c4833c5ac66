"""Sends e-mail by the operator's SMTP server."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from headgate.alerts.channels.types import Failed, Message, Out, Place

ADDRESS = re.compile(r"[^@\s<>\"',;]+@[A-Za-z0-9.-]+\.?[A-Za-z0-9]")
PATIENCE = 30.0


class Email:
    """Somebody's address."""

    secrets: ClassVar[bool] = False

    def faults(self, target: str) -> Iterator[str]:
        """See ``Channel``."""
        if not ADDRESS.fullmatch(target):
            yield "names no e-mail address"

    def asks(self, place: Place) -> str | None:
        """See ``Channel``."""
        return None

    async def send(self, place: Place, message: Message, out: Out) -> None:
        """See ``Channel``."""
        if out.smtp is None:
            raise Failed("No mail server is set: HEADGATE_SMTP_URL names one.")
        server = urlsplit(out.smtp.reveal())
        sender = parse_qs(server.query).get("from", [unquote(server.username or "")])[0]
        try:
            mail = letter(sender or "headgate@localhost", place.target, message)
            await asyncio.to_thread(_send, server, mail)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Failed(f"{type(error).__name__}: {error}") from None


def _send(server: Any, mail: EmailMessage) -> None:
    secure = ssl.create_default_context()
    host, user = server.hostname or "localhost", unquote(server.username or "")
    if server.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, server.port or 465, timeout=PATIENCE, context=secure)
    else:
        smtp = smtplib.SMTP(host, server.port or 587, timeout=PATIENCE)
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


def letter(sender: str, to: str, message: Message) -> EmailMessage:
    """Return the e-mail that says *message*: with its page and its files, where it has any."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, message.text[:200]
    mail["Message-ID"] = make_msgid(message.id, domain="headgate")
    mail.set_content(f"{message.told['text']}\n{message.url or message.told['link']}\n")
    if "html" in message.told:
        mail.add_alternative(message.told["html"], subtype="html")
    for name, data in message.told.get("files", {}).items():
        mail.add_attachment(data, subtype=name.rpartition(".")[2], filename=name)
    return mail
