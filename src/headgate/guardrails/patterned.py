"""What guardrails that look for patterns share: they find, and tell of a growing text what may still become a match."""

import re
from collections.abc import Sequence
from typing import ClassVar

from headgate.guardrails.scan import CALM, Finder, Folded, cut_escape, held, held_calm, merged
from headgate.guardrails.types import Finding, Guardrail, Means, Span, Streaming, Verdict

Named = tuple[tuple[str, Finder], ...]


class Patterned(Guardrail, frozen=True, kw_only=True):
    """A guardrail made of finders; a subclass says which."""

    streaming: ClassVar[Streaming] = "pattern"
    escapes: ClassVar[bool] = True
    odd: ClassVar[bool] = False
    """What it looks for may have odd forms itself: texts are looked at as they came too."""
    calm: ClassVar[re.Pattern[str] | None] = None
    """What matches a text that nothing can be in, and of which only the end of a word is held: most of what is said."""

    def finders(self) -> Named:
        """Return what it looks with, and what each finds is called."""
        raise NotImplementedError

    def search(self, text: str, start: int) -> list[tuple[int, int, str]]:
        """Return what a plain *text* holds from *start* on; subclasses take a quick look first."""
        return [(s, e, name) for name, finder in self.finders() for s, e in finder(text, start)]

    def find(self, text: str, start: int = 0, json: bool = False) -> list[tuple[int, int, str]]:
        """Return what begins in *text* at *start* or later: start, end and type, in order, none over another."""
        found = [
            (form.back(s, len(text)), form.end(e), name)
            for form in self._forms(text, json)
            for s, e, name in self.search(form.text, form.forth(start))
        ]
        return merged(found) if found else found

    def held(self, text: str, json: bool = False) -> int:
        """See ``Guardrail``."""
        if json:
            text = text[: cut_escape(text)]
        return min([form.back(self.open(form.text), len(text)) for form in self._forms(text, json)])

    def _forms(self, text: str, json: bool) -> list[Folded]:
        """Return *text* in each form in which it is looked at."""
        folded = Folded(text, json)
        if self.odd and (not text.isascii() or (json and "\\u" in text)):
            as_it_came = Folded(text, json, odd=True)
            if as_it_came.text != folded.text:
                return [folded, as_it_came]
        return [folded]

    def passes(self, text: str) -> int:
        """See ``Guardrail``."""
        if self.calm is None or self.calm.fullmatch(text) is None:
            return -1
        free = held_calm(text)
        return free if len(text) - free <= CALM else -1

    def open(self, text: str) -> int:
        """Return what :meth:`held` does, of a plain text."""
        return held(text)

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        return self.verdict(
            [
                Finding(i, s, e, name)
                for i, span in enumerate(spans)
                for s, e, name in self.find(span.text, 0, span.json)
            ]
        )
