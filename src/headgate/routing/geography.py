"""Where the model runs."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import field

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class Geography(Strategy, frozen=True):
    """Deployments in ``regions``, the first named first; with ``require`` nothing else remains.

    A region stands for those within it: ``eu`` for ``eu-west-1``. With ``metadata``, the request's own region, where
    it states one there, goes before all.
    """

    removes: ClassVar[bool] = True
    confines: ClassVar[bool] = True

    regions: list[str] = field(default_factory=list)
    require: bool = False
    """Remove what runs elsewhere, or nobody knows where."""
    metadata: str | None = None
    """The name in the request's metadata under which the caller's region stands."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        wanted = self.regions
        if self.metadata is not None and isinstance(own := sight.metadata.get(self.metadata), str):
            wanted = [own] if self.require else [own, *wanted]
        other = None if self.require else float(len(wanted))
        key = (Geography, other, *wanted)
        return options.once(key, lambda: [_place(wanted, one.regions, other) for one in options])

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.require

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "in the first region" if score == 0 else f"{score:.0f} region(s) were named before"

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        if not self.regions and self.metadata is None:
            yield "regions", "must name a region, or `metadata` where the caller's stands"


def _place(wanted: Sequence[str], regions: frozenset[str], other: float | None) -> float | None:
    return next((float(place) for place, one in enumerate(wanted) if _in(one, regions)), other)


def _in(wanted: str, regions: frozenset[str]) -> bool:
    return any(region == wanted or region.startswith(f"{wanted}-") for region in regions)
