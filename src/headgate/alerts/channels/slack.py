"""Slack's incoming webhooks, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: URL and secret
are one."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from headgate.alerts.channels.types import Message, Out, Place

COLOURS = {"info": "#2f6fde", "warning": "#d97706", "critical": "#c62828"}
WELL = "#2e7d32"
MAX_TEXT = 2900
"""A section holds 3,000 characters."""


class Slack:
    """A channel of Slack, or of what takes the same (Mattermost, Rocket.Chat)."""

    secrets: ClassVar[bool] = True

    def faults(self, target: str) -> Iterator[str]:
        """See ``Channel``."""
        if target:
            yield "is not taken: the URL of the incoming webhook is the secret"

    def asks(self, place: Place) -> str | None:
        """See ``Channel``."""
        return place.secret.reveal() if place.secret is not None else None

    async def send(self, place: Place, message: Message, out: Out) -> None:
        """See ``Channel``."""
        await out.post(place, self.asks(place) or "", {}, msgspec.json.encode(said(message)))


def said(message: Message) -> dict[str, Any]:
    """Return the message in Slack's words."""
    data = message.told.get("data") or {}
    event, severity = data.get("event"), data.get("severity", "info")
    text = escaped(message.text)[:MAX_TEXT]
    linked = f"<{message.url}|{text}>" if message.url else text
    about = [escaped(str(data[name])) for name in ("rule", "severity", "subject") if data.get(name)]
    block = {"type": "section", "text": {"type": "mrkdwn", "text": linked}}
    under = {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(about)}]}
    colour = WELL if event == "resolved" else COLOURS.get(severity, COLOURS["info"])
    return {"text": text, "attachments": [{"color": colour, "blocks": [block, under] if about else [block]}]}


def escaped(text: str) -> str:
    """Return *text* without what Slack would take for its own marks."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
