"""The order of the configuration."""

from collections.abc import Sequence

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class Priority(Strategy, frozen=True):
    """Deployments in the order of the route's list."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        return [option.place for option in options]

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"number {score + 1:.0f} of the list"
