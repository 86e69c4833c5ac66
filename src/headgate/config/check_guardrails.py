"""What is wrong with the settings of one guardrail, together."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from headgate.config.shape import ABSENT, Shape
from headgate.config.types import Known
from headgate.config.words import Path, nearest, shown
from headgate.guardrails.kinds import made
from headgate.guardrails.remote.base import Remote

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def guardrail_faults(
    name: str, entry: Any, shape: Shape, known: Known, routes: Collection[str], shared: Collection[str] = ()
) -> None:
    """Note what is wrong with an entry whose types and ranges were looked at.

    *shared* are the names of those that a tenant's own come on top of: it adds to them, and takes the place of none.
    """
    path: Path = ("guardrails", name)
    if name in shared:
        shape.note(path, f"{shown(name)} is the name of a guardrail that all tenants share: choose another")
    if not NAME.fullmatch(name):
        shape.note(path, "a guardrail's name is 1 to 64 letters, digits, dots, dashes and underscores")
    if entry is ABSENT or not isinstance(entry, Mapping):
        return
    if path in shape.owned and issubclass(known.guardrails[entry["kind"]], Remote):
        shape.note((*path, "kind"), f"{shown(entry['kind'])} calls another server, and so can stand in the file alone")
        return
    to = entry.get("to")
    if isinstance(to, str) and to not in routes:
        shape.note((*path, "to"), f"no route {shown(to)}{nearest(to, sorted(routes))}")
    if any(value is ABSENT for value in entry.values()):
        return
    try:
        guardrail = made(entry)
    except msgspec.ValidationError:
        return  # a field that is missing or wrong was noted where it is
    faults = list(guardrail.faults())
    if not faults and path in shape.owned:
        faults += guardrail.excess()
    for field, message in faults:
        shape.note((*path, field) if (*path, field) in shape.places else path, message)
