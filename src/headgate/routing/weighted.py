"""Shares of the traffic: canaries and comparisons too, with each user or session kept on its side."""

from bisect import bisect
from collections.abc import Sequence
from typing import ClassVar, Literal

from headgate.routing.candidates import Candidates
from headgate.routing.rendezvous import draws, mixed
from headgate.routing.types import Sight, Standing, Strategy

FEW = 32
"""Deployments, for each of which the scores where it is drawn are kept."""


class Weighted(Strategy, frozen=True):
    """Each deployment gets the share of the requests that its ``weight`` is of all weights.

    With ``sticky`` the share is of users, sessions or keys instead: each always gets the same deployment, as for a
    canary or a comparison, until the list changes; a request without one is drawn by itself.
    """

    reads: ClassVar[frozenset[str]] = frozenset(("chance",))

    sticky: Literal["user", "session", "key"] | None = None
    """Who keeps to one side of the split."""
    salt: str = ""
    """Another text here deals everybody out anew."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        if self.sticky is not None:
            who = {"user": sight.user, "session": sight.session, "key": sight.key_id}[self.sticky]
            if who:
                return draws(mixed(self.salt, who), options)
        ends = options.ends
        drawn = min(bisect(ends, chance * ends[-1]), len(ends) - 1)
        if len(ends) <= FEW:
            return options.drawn[drawn]
        scores = options.shares.copy()
        scores[drawn] = 0
        return scores

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        if self.sticky is not None:
            return f"drawn by weight, or for this {self.sticky}"
        return "drawn by its weight" if score == 0 else "not drawn"
