"""Posts JSON, signed with the channel's secret as https://www.standardwebhooks.com says."""

import hmac
from base64 import b64encode
from collections.abc import Iterator
from time import time
from typing import ClassVar

import msgspec

from headgate.alerts.channels.types import Message, Out, Place


class Webhook:
    """A program of one's own."""

    secrets: ClassVar[bool] = True

    def faults(self, target: str) -> Iterator[str]:
        """See ``Channel``."""
        if not target.startswith(("https://", "http://")):
            yield "is no URL"

    def asks(self, place: Place) -> str | None:
        """See ``Channel``."""
        return place.target

    async def send(self, place: Place, message: Message, out: Out) -> None:
        """See ``Channel``."""
        told = {name: value for name, value in message.told.items() if name not in ("html", "files")}
        body = msgspec.json.encode({"id": message.id, "tenant_id": message.tenant_id, **told})
        at = str(int(time()))
        secret = place.secret.reveal().encode() if place.secret is not None else b""
        headers = {
            "webhook-id": message.id, "webhook-timestamp": at,
            "webhook-signature": signature(secret, message.id, at, body),
        }  # fmt: skip
        await out.post(place, place.target, headers, body)


def signature(secret: bytes, id: str, at: str, body: bytes) -> str:
    """Return what ``webhook-signature`` must be: HMAC-SHA-256 over id, time (seconds) and body, joined by dots."""
    signed = b".".join((id.encode(), at.encode(), body))
    return "v1," + b64encode(hmac.digest(secret, signed, "sha256")).decode()
