"""Some deployments, or providers, before others."""

from collections.abc import Sequence
from typing import ClassVar

from headgate.routing.types import Option, Sight, Standing, Strategy


class Prefer(Strategy, frozen=True):
    """What ``targets`` names comes first, in that order; with ``only`` nothing else remains."""

    removes: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = ("targets",)

    targets: list[str]
    """``provider/model``, or a provider for all of its models here."""
    only: bool = False
    """Remove the others."""

    def weigh(
        self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float
    ) -> Sequence[float | None]:
        """See ``Strategy``."""
        places = {name: float(place) for place, name in enumerate(self.targets)}
        other = None if self.only else float(len(places))
        return [places.get(option.name, places.get(option.provider, other)) for option in options]

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.only

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "preferred" if score < len(self.targets) else "not among the preferred"
