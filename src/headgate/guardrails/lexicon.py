"""Lists of phrases and expressions that come with the package, each under a name."""

import re
from functools import cache
from importlib.resources import files

from headgate.guardrails.phrases import Phrases


@cache
def categories(name: str) -> dict[str, tuple[str, ...]]:
    """Return category -> phrases of the list *name*; a line of it is ``category: phrase, phrase``."""
    text = (files("headgate.guardrails") / "data" / f"{name}.txt").read_text("utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            category, _, said = line.partition(":")
            found[category] = (
                *found.get(category, ()),
                *(phrase.strip() for phrase in said.split(",") if phrase.strip()),
            )
    return found


@cache
def phrases(name: str, chosen: tuple[str, ...]) -> Phrases:
    """Return what finds the phrases of the *chosen* categories, all where none is chosen."""
    known = categories(name)
    return Phrases([(phrase, one) for one in (chosen or known) for phrase in known[one]])


@cache
def expressions(name: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the expressions of the list *name*; a line of it is ``name: expression``."""
    text = (files("headgate.guardrails") / "data" / f"{name}.txt").read_text("utf-8")
    lines = [line.partition(": ") for line in text.split("\n") if line and not line.startswith("#")]
    return tuple([(kind, re.compile(pattern, re.MULTILINE)) for kind, _, pattern in lines])
