"""Deployments that are good for a use case."""

from collections.abc import Sequence

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class UseCaseFit(Strategy, frozen=True):
    """Deployments whose registry entry names the use case come before the others."""

    use_case: str
    """``summarization``, ``code`` ..., in the registry's words."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        wanted = self.use_case
        return options.once((UseCaseFit, wanted), lambda: [0.0 if wanted in one.use_cases else 1.0 for one in options])

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"good for {self.use_case}" if score == 0 else f"not known to be good for {self.use_case}"
