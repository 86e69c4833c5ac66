"""Several rankings at once, each with its share of the say."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar

from headgate.routing.types import Option, Sight, Standing, Strategy


class Hybrid(Strategy, frozen=True, dict=True):
    """The sum of several strategies, each brought to 0 for its best and 1 for its worst, times its factor."""

    removes: ClassVar[bool] = True

    factors: dict[str, float]
    """Kind of a strategy, with its default settings, to its share: ``{cost: 0.7, performance: 0.3}``."""

    def weigh(
        self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float
    ) -> Sequence[float | None]:
        """See ``Strategy``."""
        total: list[float | None] = [0.0] * len(options)
        for strategy, factor in zip(self._inner, self.factors.values(), strict=True):
            scores = strategy.weigh(sight, options, standing, chance)
            known = [score for score in scores if score is not None]
            low = min(known, default=0.0)
            wide = max(known, default=0.0) - low or 1.0
            total = [
                None if sum_ is None or score is None else sum_ + factor * (score - low) / wide
                for sum_, score in zip(total, scores, strict=True)
            ]
        return total

    def inner(self) -> Sequence[Strategy]:
        """See ``Strategy``."""
        return self._inner

    @cached_property
    def _inner(self) -> tuple[Strategy, ...]:
        from headgate.routing.kinds import made  # it finds this class by its name

        return tuple(made({"kind": kind}) for kind in self.factors)

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        from headgate.routing.kinds import KINDS

        for kind, factor in self.factors.items():
            if kind not in KINDS or kind == "hybrid":
                yield "factors", f"knows no strategy `{kind[:80]}`"
            elif factor <= 0:
                yield "factors", f"must give `{kind}` more than 0"
            else:
                try:
                    KINDS[kind]()
                except TypeError:
                    yield "factors", f"cannot hold `{kind}`, which needs settings"
        if not self.factors:
            yield "factors", "must name a strategy"
