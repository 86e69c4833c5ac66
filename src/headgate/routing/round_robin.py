"""One after the other."""

from collections.abc import Sequence
from typing import ClassVar

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class RoundRobin(Strategy, frozen=True):
    """Deployments in turn, each process of the gateway with a turn of its own; weights do not count."""

    reads: ClassVar[frozenset[str]] = frozenset(("turn",))

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        count = len(options)
        first = sight.turn % count
        return [float((place - first) % count) for place in range(count)]

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "its turn" if score == 0 else f"its turn in {score:.0f}"
