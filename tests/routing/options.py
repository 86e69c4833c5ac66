"""Candidates for tests of strategies."""

from typing import Any

from headgate.core.money import Price
from headgate.dialects.base import Abilities
from headgate.providers.base import Target, Timeouts
from headgate.routing.candidates import Candidates
from headgate.routing.policy import option
from headgate.routing.table import TargetConfig
from headgate.routing.types import Measured, Option, Sight

AT = 1_763_700_000_000_000  # Friday 2025-11-21 04:40 UTC


class Somewhere:
    """A provider that is only named."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = "openai-compatible"


def target(name: str, **given: Any) -> Target:
    provider, _, model = name.partition("/")
    facts: dict[str, Any] = {"price": Price(1_000_000, 2_000_000), "context": None, "max_output": None, **given}
    return Target(Somewhere(provider), model, name, abilities=Abilities(model, name), timeouts=Timeouts(), **facts)  # type: ignore[arg-type]


def candidate(name: str, place: int = 0, **given: Any) -> Option:
    of_target = {k: given.pop(k) for k in ("price", "context", "max_output", "capabilities") if k in given}
    use_cases = frozenset(given.pop("use_cases", ()))
    return option(target(name, **of_target), TargetConfig(name, **given), place, (frozenset(), frozenset(), use_cases))


def candidates(*names: str) -> Candidates:
    return Candidates(candidate(name, place) for place, name in enumerate(names))


def sight(**given: Any) -> Sight:
    return Sight(**{"route": "r", "model": "r", "operation": "chat", "prompt_bound": 400, "at": AT, **given})


class Stated:
    """What is measured, as a test says."""

    generation = 0

    def __init__(self, **measured: Measured) -> None:
        self.measured = {name.replace("_", "/"): one for name, one in measured.items()}

    def of(self, target: str) -> Measured:
        return self.measured.get(target, Measured())

    def shut(self, target: str) -> str | None:
        return None
