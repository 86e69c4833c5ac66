"""Rules by who asks and what the request carries."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import field

from headgate.routing.candidates import Candidates
from headgate.routing.prefer import preferred
from headgate.routing.types import Sight, Standing, Strategy, When


class Condition(Strategy, frozen=True):
    """For requests that meet ``match`` (tenants, keys, users, tags, metadata ...), what ``targets`` names comes first.

    For the others ``otherwise`` does, where it names any.
    """

    removes: ClassVar[bool] = True
    confines: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = ("targets", "otherwise")

    match: When
    targets: list[str]
    """``provider/model``, or a provider for all of its models here."""
    otherwise: list[str] = field(default_factory=list)
    only: bool = False
    """Remove the others."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        names = self.targets if self.match.met(sight) else self.otherwise
        if not names:
            return [0.0] * len(options)
        return preferred(names, options, None if self.only else float(len(names)))

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.only

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        yield from self.match.faults()
