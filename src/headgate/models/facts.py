"""What is said of models besides their figures: training cutoff, compliance, and what they are good for."""

import re
from functools import cache

import msgspec

from headgate.models.table import DATA, Model

CODERS = re.compile(r"cod(?:e|er|ex|estral)(?![a-z])|codestral|devstral|swe-|starcoder")


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hand-kept file ``data/facts.toml``."""

    cutoff: dict[str, str]
    compliance: dict[str, tuple[str, ...]]


@cache
def facts() -> Facts:
    """Return the file, read at the first call."""
    import tomllib  # here, because the request path never asks

    return msgspec.convert(tomllib.loads((DATA / "facts.toml").read_text("utf-8")), Facts)


def cutoff(model: str) -> str | None:
    """Return the month or day up to which *model* was trained, ``YYYY-MM`` or ``YYYY-MM-DD``."""
    name = model.lower()
    return next((day for pattern, day in facts().cutoff.items() if re.search(pattern, name)), None)


def compliance(kind: str) -> tuple[str, ...]:
    """Return the programmes that a *kind* of provider is under."""
    return facts().compliance.get(kind, ())


def use_cases(model: Model, *, reasons: bool) -> tuple[str, ...]:
    """Return what *model* is good for, by what it can do."""
    if model.kind == "embedding":
        return ("embedding",)
    if model.kind not in ("chat", "completion"):
        return ()
    can = model.can.split()
    found = ["chat", "summarization", "classification"]
    if "json_schema" in can or "tools" in can:
        found.append("extraction")
    if "web_search" in can or reasons or "reasoning" in can:
        found.append("research")
    if CODERS.search(model.name.lower()) or ("tools" in can and "reasoning" in can):
        found.append("code")
    return tuple(found)
