"""What misses its goals comes last, or goes."""

from collections.abc import Sequence
from typing import ClassVar

from headgate.routing.types import Measured, Option, Sight, Standing, Strategy

SAMPLES = 20


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

    def weigh(
        self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float
    ) -> Sequence[float | None]:
        """See ``Strategy``."""
        of = standing.of
        scores = [self._missed(of(option.name)) for option in options]
        if not self.remove or all(scores):
            return scores
        return [None if score else 0.0 for score in scores]

    def _missed(self, measured: Measured) -> float:
        """How many times the worst goal is missed; 0 where all are met."""
        if measured.samples < self.samples:
            return 0.0
        worst = 0.0
        for goal, had in (
            (self.p95_ms, measured.p95_ms),
            (self.first_token_p95_ms, measured.first_token_p95_ms),
            (self.error_rate, measured.error_rate),
        ):
            if goal is not None and had > goal:
                worst = max(worst, had / max(goal, 1e-6))
        if self.tokens_per_second and 0 < measured.tokens_per_second < self.tokens_per_second:
            worst = max(worst, self.tokens_per_second / measured.tokens_per_second)
        return worst

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "meets its goals" if score == 0 else f"misses a goal {score:.2f} times over"
