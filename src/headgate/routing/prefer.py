"""Some deployments, or providers, before others."""

from collections.abc import Sequence
from typing import ClassVar

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class Prefer(Strategy, frozen=True):
    """What ``targets`` names comes first, in that order; with ``only`` nothing else remains."""

    removes: ClassVar[bool] = True
    confines: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = ("targets",)

    targets: list[str]
    """``provider/model``, or a provider for all of its models here."""
    only: bool = False
    """Remove the others."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        return preferred(self.targets, options, None if self.only else float(len(self.targets)))

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.only

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "preferred" if score < len(self.targets) else "not among the preferred"


def preferred(names: Sequence[str], options: Candidates, other: float | None) -> Sequence[float | None]:
    """Return the place among *names* of each option, or of its provider; *other* where neither is."""

    def make() -> list[float | None]:
        places = {name: float(place) for place, name in enumerate(names)}
        return [places.get(option.name, places.get(option.provider, other)) for option in options]

    return options.once((preferred, other, *names), make)
