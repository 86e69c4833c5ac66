"""A conversation stays where it is."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from headgate.routing.candidates import Candidates
from headgate.routing.rendezvous import draws, mixed
from headgate.routing.types import Sight, Standing, Strategy


class Sticky(Strategy, frozen=True):
    """Each session, user, key, or prompt-cache prefix always meets the same deployment, in proportion to weights.

    It needs no memory, so every process of every gateway decides alike; where a deployment goes, only its own move.
    Who answered last is known on one machine; a strategy before it that goes by the request alone decides alike on all.
    While a conversation is amid its tool calls this counts before every other ranking, where it is known who answered
    it last: it stays there.
    """

    reads: ClassVar[frozenset[str]] = frozenset(("prefix", "in_tool_loop"))

    by: Literal["session", "user", "key", "prefix"] = "session"
    """``prefix`` is what a provider's prompt cache goes by: tools, instructions and the first turn. A request that does
    not say the others goes by it too."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        who = None
        if self.by == "session":
            who = sight.session
        elif self.by != "prefix":
            who = sight.user if self.by == "user" else sight.key_id
        drawn = draws(mixed(who) if who else sight.prefix, options)
        if not sight.in_tool_loop or not sight.last:
            return drawn
        return [-1.0 if one.name == sight.last else score for one, score in zip(options, drawn, strict=True)]

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "amid its tool calls" if score < 0 else f"drawn for this {self.by}"
