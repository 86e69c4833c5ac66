"""Every kind of strategy, ours and those that are installed; each is imported when a route first names it."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from headgate.routing.types import Strategy

BUILTIN = {
    "budget_aware": "BudgetAware",
    "capability": "Capability",
    "complexity": "Complexity",
    "compliance": "Compliance",
    "condition": "Condition",
    "cost": "Cost",
    "geography": "Geography",
    "hybrid": "Hybrid",
    "least_busy": "LeastBusy",
    "performance": "Performance",
    "prefer": "Prefer",
    "priority": "Priority",
    "remote": "Remote",
    "round_robin": "RoundRobin",
    "slo": "Slo",
    "sticky": "Sticky",
    "time_of_day": "TimeOfDay",
    "use_case": "UseCaseFit",
    "weighted": "Weighted",
}
"""Kind, which is the name of its file in ``routing``, -> class."""
GROUP = "headgate.strategies"


class Kinds(Mapping[str, type[Strategy]]):
    """Kind -> class; looking one up imports it."""

    def __getitem__(self, kind: str) -> type[Strategy]:
        found = BUILTIN.get(kind)
        if found is not None:
            one: type[Strategy] = getattr(import_module(f"headgate.routing.{kind}"), found)
            return one
        installed: type[Strategy] = _installed()[kind].load()
        return installed

    def __iter__(self) -> Iterator[str]:
        yield from BUILTIN
        yield from _installed()

    def __len__(self) -> int:
        return len(BUILTIN) + len(_installed())

    def __contains__(self, kind: object) -> bool:
        return kind in BUILTIN or kind in _installed()


KINDS = Kinds()


def made(entry: Mapping[str, Any]) -> Strategy:
    """Return the strategy of a checked entry: its kind, and its settings beside it."""
    settings = {name: value for name, value in entry.items() if name != "kind"}
    return msgspec.convert(settings, KINDS[entry["kind"]])


@cache
def _installed() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in BUILTIN or entry.name in found:
            raise ValueError(f"strategy {entry.name!r} of {entry.value} is already defined")
        found[entry.name] = entry
    return found
