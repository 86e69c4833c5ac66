"""Words and phrases that are not wanted, or that must be there."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import ClassVar

from msgspec import field

from headgate.guardrails.patterned import Patterned
from headgate.guardrails.phrases import Phrases, faults_of
from headgate.guardrails.scan import Folded
from headgate.guardrails.types import ALLOW, MOST_KEPT, Means, Span, Streaming, Verdict


class Keywords(Patterned, frozen=True, kw_only=True):
    """A list of words and phrases, whole words only."""

    near: ClassVar[int] = 1
    odd: ClassVar[bool] = True

    words: list[str] = field(default_factory=list)
    """None of these may occur. Each has 512 characters at most."""
    required: list[str] = field(default_factory=list)
    """At least one of these must occur, in the texts together. Each has 512 characters at most."""
    exact: bool = False
    """Upper and lower case count."""

    @property
    def streaming(self) -> Streaming:  # type: ignore[override]
        """What must be there may come last: then the whole has to be waited for."""
        return "whole" if self.required else "pattern"

    def search(self, text: str, start: int) -> list[tuple[int, int, str]]:
        """See ``Patterned``."""
        return _phrases(tuple(self.words), self.exact).find(text, start)

    def open(self, text: str) -> int:
        """See ``Patterned``."""
        return _phrases(tuple(self.words), self.exact).held(text)

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        verdict = super().check(spans, means)
        if verdict is ALLOW and self.required and spans:
            wanted = _phrases(tuple(self.required), self.exact)
            if not any(wanted.find(form.text) for span in spans for form in self._forms(span.text, span.json)):
                return self.verdict((), reason="none of the required words occurs")
        return verdict

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if not self.words and not self.required:
            yield "words", "must name at least one word, or `required` must"
        yield from faults_of("words", self.words)
        yield from faults_of("required", self.required)
        if self.required and "output" in self.on and self.action == "mask":
            yield "required", "what is missing cannot be masked: set `action: block`"


@lru_cache(MOST_KEPT)
def _phrases(words: tuple[str, ...], exact: bool) -> Phrases:
    forms = dict.fromkeys([*words, *(Folded(word).text for word in words)])
    return Phrases([(form, "keyword") for form in forms if form.strip()], exact)
