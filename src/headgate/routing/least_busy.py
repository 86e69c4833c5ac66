"""The deployment with the fewest calls in flight."""

from collections.abc import Sequence

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class LeastBusy(Strategy, frozen=True):
    """The fewest calls in flight for its weight, as this process of the gateway has them."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        measured = options.measured(standing)
        return [one.inflight * share for one, share in zip(measured, options.shares, strict=True)]

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"{score:g} in flight"
