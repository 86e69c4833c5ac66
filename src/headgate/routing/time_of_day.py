"""One order by day, another by night."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import field

from headgate.routing.candidates import Candidates
from headgate.routing.prefer import preferred
from headgate.routing.types import Sight, Standing, Strategy, clock_faults, within


class TimeOfDay(Strategy, frozen=True):
    """Within ``hours`` of ``days``, by the clock of ``zone``, ``targets`` come first; else ``otherwise``."""

    names: ClassVar[tuple[str, ...]] = ("targets", "otherwise")

    hours: str
    """A part of the day, ``09:00-17:30``; it may pass midnight, and then belongs to the day it began."""
    targets: list[str]
    """``provider/model``, or a provider for all of its models here."""
    otherwise: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    """``mon`` to ``sun``; every day without."""
    zone: str = "UTC"

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        names = self.targets if within(sight.at, self.hours, self.days, self.zone) else self.otherwise
        return preferred(names, options, float(len(names)))

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"number {score + 1:.0f} at this hour"

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        yield from clock_faults(self.hours, self.days, self.zone)
