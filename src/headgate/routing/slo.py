"""What misses its goals comes last, or goes."""

from collections.abc import Sequence
from typing import ClassVar

from headgate.routing.candidates import columns
from headgate.routing.types import Measured, Option, Sight, Standing, Strategy

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

    def weigh(
        self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float
    ) -> Sequence[float | None]:
        """See ``Strategy``."""
        least, measured = self.samples, columns(options).measured(standing)
        scores = [0.0] * len(options)
        if (goal := self.p95_ms) is not None:
            scores = [one.p95_ms / goal if one.p95_ms > goal and one.samples >= least else 0.0 for one in measured]
        if (goal := self.first_token_p95_ms) is not None:
            scores = _worse(scores, [one.first_token_p95_ms / goal for one in measured], measured, least)
        if (goal := self.error_rate) is not None:
            scores = _worse(scores, [one.error_rate / max(goal, SMALL) for one in measured], measured, least)
        if goal := self.tokens_per_second:
            scores = _worse(scores, [goal / (one.tokens_per_second or goal) for one in measured], measured, least)
        if not self.remove or all(scores):
            return scores
        return [None if score else 0.0 for score in scores]

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.remove

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "meets its goals" if score == 0 else f"misses a goal {score:.2f} times over"


def _worse(scores: list[float], times: list[float], measured: Sequence[Measured], least: int) -> list[float]:
    """Return *scores*, with how many *times* a goal was missed where that is more."""
    return [
        many if many > 1 and many > score and one.samples >= least else score
        for score, many, one in zip(scores, times, measured, strict=True)
    ]
