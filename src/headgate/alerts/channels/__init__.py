"""Kinds of channel: a file each, and what packages bring under the entry point ``headgate.channels``."""

from functools import cache
from importlib import import_module

from headgate.alerts.channels.types import Channel
from headgate.core.plugins import load

BUILTIN = {"webhook": "Webhook", "slack": "Slack", "pagerduty": "PagerDuty", "email": "Email"}
"""File -> class."""


@cache
def channels() -> dict[str, Channel]:
    """Return every kind by its name."""
    ours = {file: getattr(import_module(f"{__name__}.{file}"), name) for file, name in BUILTIN.items()}
    return {name: kind() for name, kind in load("channels", ours).items()}


def faults(kind: str, target: str, *, secret: bool) -> list[tuple[str, str]]:
    """Return what is wrong with the settings of a channel: field and words."""
    found = channels().get(kind)
    if found is None:
        return [("kind", f"is no kind of channel; there are {', '.join(channels())}")]
    told = [("target", words) for words in found.faults(target)]
    if found.secrets != secret:
        told.append(("secret", f"is needed by {kind}" if found.secrets else f"is not taken by {kind}"))
    return told
