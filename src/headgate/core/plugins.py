"""One mechanism for every kind of extension: a visible list of built-ins, then entry points."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any


def load(kind: str, builtin: Mapping[str, Any]) -> dict[str, Any]:
    """Return name -> extension of one *kind*: ours, then those installed under ``headgate.<kind>``.

    A third-party name that repeats a built-in raises ``ValueError``: nobody replaces ours by installing a package.
    """
    found = dict(builtin)
    for entry in entry_points(group=f"headgate.{kind}"):
        if entry.name in found:
            raise ValueError(f"{kind} {entry.name!r} of {entry.value} is already defined")
        found[entry.name] = entry.load()
    return found
