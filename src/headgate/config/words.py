"""The words in which faults of a configuration are told. What may be a credential is in none of them."""

import difflib
import re
from collections.abc import Collection

import yaml
from msgspec import inspect

SECRET_LIKE = re.compile(r"^((sk|hg|hga|pk|gsk|xai|ghp)[-_]|AIza|AKIA)|[A-Za-z0-9+]{32,}")
WORDS = {"str": "text", "int": "a number", "float": "a number", "bool": "on or off", "null": "nothing"}

Path = tuple[str | int, ...]
"""Where something stands: names of sections and fields, places in lists."""


def show_path(path: Path) -> str:
    """Return ``routes.fast.targets[0]`` for its parts; a part that looks like a credential is masked."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:80] if not SECRET_LIKE.search(part) else '***'}"
    return text.removeprefix(".")


def nearest(name: str, valid: Collection[str], *, listed: bool = True) -> str:
    """Return words that name the valid name most like *name*, or (if *listed*) all of a short list; else nothing."""
    close = difflib.get_close_matches(name[:80], valid, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known are {', '.join(sorted(valid))}" if listed and 0 < len(valid) <= 32 else ""


def shown(text: str) -> str:
    """Return *text* in quotes for a message, unless it may be a credential that slipped into the wrong place."""
    return "***" if SECRET_LIKE.search(text) or len(text) > 80 else f"`{text}`"


def wanted_as(kind: inspect.Type) -> str:
    """Return what a plain value of *kind* is called."""
    words = {inspect.BoolType: "on or off", inspect.IntType: "a number", inspect.FloatType: "a number"}
    return words.get(type(kind), "text")


def what_is(node: yaml.Node) -> str:
    """Return what a node is called, and nothing of what it says."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return WORDS.get(node.tag.rpartition(":")[2], "text")
