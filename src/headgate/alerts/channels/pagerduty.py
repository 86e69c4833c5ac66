"""PagerDuty's Events API v2, https://developer.pagerduty.com/docs/send-alert-event: one incident for each alert."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from headgate.alerts.channels.types import Message, Out, Place

EVENTS = "https://events.pagerduty.com/v2/enqueue"
ACTIONS = {"acknowledged": "acknowledge", "resolved": "resolve"}
MAX_SUMMARY = 1024
MAX_KEY = 255


class PagerDuty:
    """A service of PagerDuty, or of what takes the same events."""

    secrets: ClassVar[bool] = True

    def faults(self, target: str) -> Iterator[str]:
        """See ``Channel``."""
        if target and not target.startswith(("https://", "http://")):
            yield "is no URL"

    def asks(self, place: Place) -> str | None:
        """See ``Channel``."""
        return place.target or EVENTS

    async def send(self, place: Place, message: Message, out: Out) -> None:
        """See ``Channel``."""
        key = place.secret.reveal() if place.secret is not None else ""
        told = event(message)
        events = [told]
        if (message.told.get("data") or {}).get("event") == "test":  # it leaves no incident
            events.append({"event_action": "resolve", "dedup_key": told["dedup_key"]})
        for one in events:
            await out.post(place, place.target or EVENTS, {}, msgspec.json.encode({"routing_key": key, **one}))


def event(message: Message) -> dict[str, Any]:
    """Return the event that *message* is, without the routing key."""
    data = message.told.get("data") or {}
    action = ACTIONS.get(data.get("event", ""), "trigger")
    told: dict[str, Any] = {"event_action": action, "dedup_key": str(data.get("key", message.id))[:MAX_KEY]}
    if action != "trigger":
        return told
    told["payload"] = {
        "summary": message.text[:MAX_SUMMARY],
        "source": "headgate",
        "severity": data.get("severity", "info"),
        "component": data.get("subject") or "headgate",
        "group": message.tenant_id,
        "class": data.get("kind", message.told["event"]),
        "custom_details": dict(data),
    }
    if data.get("since"):
        told["payload"]["timestamp"] = data["since"]
    if message.url:
        told["links"] = [{"href": message.url, "text": "The records behind it"}]
        told["client"], told["client_url"] = "Headgate", message.url
    return told
