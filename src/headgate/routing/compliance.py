"""Regulated data goes only where it may."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from headgate.routing.candidates import Candidates
from headgate.routing.types import Sight, Standing, Strategy


class Compliance(Strategy, frozen=True):
    """Deployments that have every tag in ``require``; of one without tags nothing is known, so it is removed.

    A deployment's tags are those of the route's list, and what the registry says of its provider. Give ``when`` to
    ask it only of some requests.
    """

    removes: ClassVar[bool] = True
    confines: ClassVar[bool] = True

    require: list[str]
    """Tags that a deployment must have, all of them: ``hipaa``, ``gdpr`` ..."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        needed = frozenset(self.require)
        return options.once((Compliance, needed), lambda: [0.0 if needed <= one.tags else None for one in options])

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"has {', '.join(self.require)}"

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        if not self.require:
            yield "require", "must name a tag"
