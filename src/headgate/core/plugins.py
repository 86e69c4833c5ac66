"""One mechanism for every kind of extension: a visible list of built-ins, then entry points."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def load(kind: str, builtin: Mapping[str, Any]) -> dict[str, Any]:
    """Return name -> extension of one *kind*: ours, then those installed under ``headgate.<kind>``.

    A third-party name that repeats a built-in raises ``ValueError``: nobody replaces ours by installing a package.
    """
    found = dict(builtin)
    for entry in installed(kind):
        if entry.name in found:
            raise ValueError(f"{kind} {entry.name!r} of {entry.value} is already defined")
        found[entry.name] = entry.load()
    return found


@cache
def installed(kind: str) -> tuple[EntryPoint, ...]:
    """Return what is installed under ``headgate.<kind>``: looked up once, as it takes a look at every package."""
    return tuple(entry_points(group=f"headgate.{kind}"))
