"""Content that a policy forbids: insults, threats, hatred and more, by lists of phrases.

A list finds what people write in these words, and nothing that is meant without them: for judging what is meant use
the kinds ``openai_moderation``, ``azure_content_safety`` or ``judge``.
"""

from typing import Literal

from msgspec import field

from headgate.guardrails.lexicon import phrases
from headgate.guardrails.patterned import Patterned

Category = Literal["insult", "threat", "hate", "sexual", "self_harm", "violence", "profanity"]


class Toxicity(Patterned, frozen=True, kw_only=True):
    """Phrases of categories, in English, German, French and Spanish."""

    categories: list[Category] = field(default_factory=list)
    """What to look for; empty means all but ``profanity``."""

    def search(self, text: str, start: int) -> list[tuple[int, int, str]]:
        """See ``Patterned``."""
        return phrases("toxicity", tuple(self.categories) or USUAL).find(text, start)

    def open(self, text: str) -> int:
        """See ``Patterned``."""
        return phrases("toxicity", tuple(self.categories) or USUAL).held(text)


USUAL = ("insult", "threat", "hate", "sexual", "self_harm", "violence")
