"""What is wrong with the settings of a rule of alerts, or of a channel, together."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from headgate.alerts.kinds import made
from headgate.config.shape import ABSENT, Shape
from headgate.config.words import Path, nearest, shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_CHANNELS = 10
"""Of one rule."""


def alert_faults(name: str, entry: Any, shape: Shape, channels: Collection[str]) -> None:
    """Note what is wrong with a rule whose types and ranges were looked at; *channels* are those of the file."""
    path: Path = ("alerts", name)
    _named(path, "a rule", shape)
    if entry is ABSENT or not isinstance(entry, Mapping) or any(value is ABSENT for value in entry.values()):
        return
    for index, channel in enumerate(entry.get("channels", ())):
        if index >= MAX_CHANNELS:
            shape.note((*path, "channels"), f"names more than {MAX_CHANNELS} channels")
            break
        if path not in shape.owned and channel not in channels:  # the database's are looked up when they are made
            hint = nearest(str(channel), sorted(channels))
            shape.note((*path, "channels", index), f"no channel {shown(str(channel))}{hint}")
    try:
        rule = made(entry)
    except msgspec.ValidationError:
        return  # a field that is missing or wrong was noted where it is
    for field, message in rule.faults():
        shape.note((*path, field) if (*path, field) in shape.places else path, message)


def channel_faults(name: str, entry: Any, shape: Shape) -> None:
    """Note what is wrong with a channel."""
    from headgate.alerts.channels import faults

    path: Path = ("channels", name)
    _named(path, "a channel", shape)
    if not isinstance(entry, Mapping) or any(value is ABSENT for value in entry.values()) or "kind" not in entry:
        return
    for field, words in faults(entry["kind"], entry.get("target", ""), secret=bool(entry.get("secret"))):
        shape.note((*path, field) if (*path, field) in shape.places else path, f"`{field}` {words}")


def _named(path: Path, what: str, shape: Shape) -> None:
    if not NAME.fullmatch(str(path[1])):
        shape.note(path, f"{what}'s name is 1 to 64 letters, digits, dots, dashes and underscores")
