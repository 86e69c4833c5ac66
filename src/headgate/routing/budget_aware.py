"""Cheaper models when a budget nears its end."""

from collections.abc import Sequence
from typing import ClassVar

from headgate.routing.candidates import Candidates
from headgate.routing.cost import Cost
from headgate.routing.types import Sight, Standing, Strategy


class BudgetAware(Strategy, frozen=True):
    """Once the caller's tightest budget is used past ``above``, the cheapest deployments come first."""

    ranges: ClassVar = {"above": (0, 1)}
    reads: ClassVar[frozenset[str]] = frozenset(("spent_share",))

    above: float = 0.8
    """The share of the budget that is used, 0 to 1. A caller without a budget never reaches it."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        if sight.spent_share is None or sight.spent_share <= self.above:
            return [0.0] * len(options)
        return Cost().weigh(sight, options, standing, chance)

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "the budget has room" if score == 0 else Cost().tell(score)
