"""The deployment with the fewest calls in flight."""

from collections.abc import Sequence

from headgate.routing.candidates import columns
from headgate.routing.types import Option, Sight, Standing, Strategy


class LeastBusy(Strategy, frozen=True):
    """The fewest calls in flight for its weight, as this process of the gateway has them."""

    def weigh(self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        found = columns(options)
        return [one.inflight * share for one, share in zip(found.measured(standing), found.shares, strict=True)]

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"{score:g} in flight"
