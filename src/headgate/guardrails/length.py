"""How long texts may be."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from headgate.guardrails.types import ALLOW, Guardrail, Means, Span, Streaming, Verdict


class Length(Guardrail, frozen=True, kw_only=True):
    """Bounds on the texts of a call together."""

    streaming: ClassVar[Streaming] = "whole"

    max_characters: int | None = None
    max_words: int | None = None
    max_lines: int | None = None
    min_characters: int | None = None

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        if not spans:
            return ALLOW
        size = sum([len(span.text) for span in spans])
        if self.max_characters is not None and size > self.max_characters:
            return self.verdict((), f"{size} characters, and {self.max_characters} are the most")
        if self.min_characters is not None and size < self.min_characters:
            return self.verdict((), f"{size} characters, and {self.min_characters} are the least")
        if self.max_words is not None and (words := sum([len(span.text.split()) for span in spans])) > self.max_words:
            return self.verdict((), f"{words} words, and {self.max_words} are the most")
        if self.max_lines is not None:
            lines = sum([span.text.count("\n") + 1 for span in spans])
            if lines > self.max_lines:
                return self.verdict((), f"{lines} lines, and {self.max_lines} are the most")
        return ALLOW

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if self.max_characters is self.max_words is self.max_lines is self.min_characters is None:
            yield "max_characters", "must be set, or another bound"
        if self.action == "mask":
            yield "action", "a length cannot be masked: use `block` or `flag`"
