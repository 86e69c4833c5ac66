"""A small model for what is simple, a large one for what is not, one of its own for code."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import field

from headgate.routing.candidates import Candidates
from headgate.routing.difficulty import judged
from headgate.routing.prefer import preferred
from headgate.routing.types import Sight, Standing, Strategy


class Complexity(Strategy, frozen=True):
    """Sends a request by how hard its last turn looks, judged here by its words: no model is asked.

    Length, mathematics, code, several questions or steps, and words of analysis make it hard; greetings, look-ups,
    translations and short rewritings make it easy. See ``docs/how-to/route.md`` for how often it is right.
    """

    reads: ClassVar[frozenset[str]] = frozenset(("text",))
    names: ClassVar[tuple[str, ...]] = ("small", "large", "code")
    ranges: ClassVar = {"threshold": (0, 1)}

    small: list[str]
    """Deployments, or providers, for what is simple."""
    large: list[str]
    """Deployments, or providers, for what is hard."""
    code: list[str] = field(default_factory=list)
    """For what is about programs, whether hard or not."""
    threshold: float = 0.5
    """From here on, 0 to 1, a request is hard."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        hard, code = judged(sight.text)
        wanted = self.code if code and self.code else self.large if hard >= self.threshold else self.small
        return preferred(wanted, options, float(len(wanted)))

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return f"number {score + 1:.0f} for a request as hard as this"

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        for name in ("small", "large"):
            if not getattr(self, name):
                yield name, "must name a deployment"
