"""The fastest deployment, as measured."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from headgate.routing.candidates import Candidates
from headgate.routing.types import Measured, Sight, Standing, Strategy

EXPLORED = -1.0


class Performance(Strategy, frozen=True):
    """The least smoothed latency or time to first token, or the most tokens a second.

    A small share of the requests goes to the deployment that has been measured least, or it would never be known
    better; one that has not been measured at all comes first.
    """

    ranges: ClassVar = {"explore": (0, 1), "within": (0, 1)}
    reads: ClassVar[frozenset[str]] = frozenset(("chance",))

    by: Literal["latency", "first_token", "throughput"] = "latency"
    explore: float = 0.05
    """The share of the requests that explores."""
    within: float = 0.1
    """What differs by less than this share of itself counts as equal, and goes by the next strategy."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        scores: list[Any] = options.lately(id(self), sight.at, standing, self._scores)
        if chance < self.explore:
            samples = [one.samples for one in options.measured(standing)]
            scores = [*scores]
            scores[samples.index(min(samples))] = EXPLORED
        return scores

    def _scores(self, measured: Sequence[Measured]) -> list[float]:
        if self.by == "latency":
            scores = [one.latency_ms for one in measured]
        elif self.by == "first_token":
            scores = [one.first_token_ms for one in measured]
        else:
            scores = [1000 / one.tokens_per_second if one.tokens_per_second else 0.0 for one in measured]
        best = min(scores)
        if best and self.within:
            limit = best * (1 + self.within)
            scores = [best if score <= limit else score for score in scores]
        return scores

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        if score == EXPLORED:
            return "explored, as the least measured"
        if score == 0:
            return "not measured yet"
        return f"{score:.1f} ms a token" if self.by == "throughput" else f"{score:.0f} ms"
