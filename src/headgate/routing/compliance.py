"""Regulated data goes only where it may."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from headgate.routing.candidates import columns
from headgate.routing.types import Option, Sight, Standing, Strategy


class Compliance(Strategy, frozen=True):
    """Deployments that have every tag in ``require``; of one without tags nothing is known, so it is removed.

    A deployment's tags are those of the route's list, and what the registry says of its provider. Give ``when`` to
    ask it only of some requests.
    """

    removes: ClassVar[bool] = True
    confines: ClassVar[bool] = True

    require: list[str]
    """Tags that a deployment must have, all of them: ``hipaa``, ``gdpr`` ..."""

    def weigh(
        self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float
    ) -> Sequence[float | None]:
        """See ``Strategy``."""
        needed, all_ = frozenset(self.require), columns(options)
        return all_.once((Compliance, needed), lambda: [0.0 if needed <= option.tags else None for option in all_])

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"has {', '.join(self.require)}"

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        if not self.require:
            yield "require", "must name a tag"
