"""Deployments that can do what the request asks for."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from msgspec import field

from headgate.routing.candidates import Candidates
from headgate.routing.types import Option, Sight, Standing, Strategy


class Capability(Strategy, frozen=True):
    """What the request shows it needs (``tools``, ``vision``, ``json_schema`` ...) and what ``require`` names besides.

    A deployment that is known not to have it is removed; one of which nothing is known comes last, or is removed too
    with ``strict``. One whose window is too short for the prompt is removed as well.
    """

    removes: ClassVar[bool] = True
    reads: ClassVar[frozenset[str]] = frozenset(("needs",))

    require: list[str] = field(default_factory=list)
    """Capabilities in the registry's words."""
    strict: bool = False
    """Remove a deployment of which nothing is known."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        needs = sight.needs.union(self.require) if self.require else sight.needs
        unknown = None if self.strict else 1.0
        answer = sight.max_output or 0
        bound = sight.prompt_bound // 8 + answer  # no language is known to have more bytes to a token, on the whole
        short = bisect_left(options.windows, bound)  # so many kinds of window are too short for it
        key = (Capability, needs, unknown, short)
        return options.made.get(key) or options.once(key, partial(_scores, options, needs, bound, unknown))

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "can do it" if score == 0 else "may be able to"


def _scores(options: Candidates, needs: frozenset[str], bound: int, unknown: float | None) -> list[float | None]:
    return [_can(option, needs, bound, unknown) for option in options]


def _can(option: Option, needs: frozenset[str], bound: int, unknown: float | None) -> float | None:
    target = option.target
    if target.context is not None and target.context < bound:
        return None
    if not needs:
        return 0.0
    if target.capabilities is None:
        return unknown
    return 0.0 if needs.issubset(target.capabilities) else None
