"""What misses its goals comes last, or goes."""

from collections.abc import Sequence
from math import inf
from typing import Any, ClassVar

from headgate.routing.candidates import Candidates
from headgate.routing.types import Measured, Sight, Standing, Strategy

SAMPLES = 20
SMALL = 1e-6  # in place of a goal of no errors at all


class Slo(Strategy, frozen=True):
    """Deployments that miss a goal come after those that meet all, the worst last; with ``remove`` they go.

    One that has been measured less than ``samples`` times is taken to meet them, and so are all where none does.
    """

    removes: ClassVar[bool] = True
    ranges: ClassVar = {"error_rate": (0, 1), "samples": (1, 1_000_000)}

    p95_ms: float | None = 2000.0
    """To the last byte, at the 95th percentile."""
    first_token_p95_ms: float | None = None
    tokens_per_second: float | None = None
    """At least."""
    error_rate: float | None = None
    """0 to 1."""
    samples: int = SAMPLES
    remove: bool = False

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        return options.lately(id(self), sight.at, standing, self._scores)

    def _scores(self, measured: Sequence[Measured]) -> list[float | None]:
        least, goal = self.samples, self.p95_ms or inf
        scores: Any
        if self.first_token_p95_ms is None and self.error_rate is None and not self.tokens_per_second:
            scores = [
                round(one.p95_ms / goal, 3) if one.p95_ms > goal and one.samples >= least else 0.0 for one in measured
            ]
        else:
            scores = self._worst(measured, 1 / goal)
        if not self.remove or all(scores):
            return list(scores)
        return [None if score else 0.0 for score in scores]

    def _worst(self, measured: Sequence[Measured], whole: float) -> list[float]:
        """Return how many times each misses the goal that it misses most; in one pass, since there may be hundreds."""
        first = 1 / (self.first_token_p95_ms or inf)
        errors = 0.0 if self.error_rate is None else 1 / max(self.error_rate, SMALL)
        speed, least = self.tokens_per_second or 0.0, self.samples
        return [
            worst if worst > 1 and one.samples >= least else 0.0
            for one in measured
            for worst in (one.p95_ms * whole,)
            for other in (one.first_token_p95_ms * first,)
            for worst in (other if other > worst else worst,)
            for other in (one.error_rate * errors,)
            for worst in (other if other > worst else worst,)
            for other in (speed / (one.tokens_per_second or inf),)
            for worst in (other if other > worst else worst,)
        ]

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.remove

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "meets its goals" if score == 0 else f"misses a goal {score:.2f} times over"
