"""Words and phrases that are not wanted, or that must be there."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import ClassVar

from msgspec import field

from headgate.guardrails.patterned import Patterned
from headgate.guardrails.phrases import Phrases
from headgate.guardrails.types import ALLOW, Finding, Means, Span, Verdict


class Keywords(Patterned, frozen=True, kw_only=True):
    """A list of words and phrases, whole words only."""

    near: ClassVar[int] = 1

    words: list[str] = field(default_factory=list)
    """None of these may occur."""
    required: list[str] = field(default_factory=list)
    """At least one of these must occur, in the texts together."""
    exact: bool = False
    """Upper and lower case count."""

    def find(self, text: str, start: int = 0, json: bool = False) -> list[tuple[int, int, str]]:
        """See ``Guardrail``."""
        return _phrases(tuple(self.words), self.exact).find(text, start)

    def held(self, text: str, json: bool = False) -> int:
        """See ``Guardrail``."""
        return _phrases(tuple(self.words), self.exact).held(text)

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        found = [Finding(i, s, e, name) for i, span in enumerate(spans) for s, e, name in self.find(span.text)]
        if not found and self.required and spans:
            wanted = _phrases(tuple(self.required), self.exact)
            if not any(wanted.find(span.text) for span in spans):
                return self.verdict((), reason="none of the required words occurs")
            return ALLOW
        return self.verdict(found)

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if not self.words and not self.required:
            yield "words", "must name at least one word, or `required` must"
        if any(not word.strip() for word in (*self.words, *self.required)):
            yield "words", "holds an empty word"
        if self.required and "output" in self.on and self.action == "mask":
            yield "required", "what is missing cannot be masked: set `action: block`"


@cache
def _phrases(words: tuple[str, ...], exact: bool) -> Phrases:
    return Phrases([(word, "keyword") for word in words], exact)
