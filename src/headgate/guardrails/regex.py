"""Patterns of one's own, in linear time whatever the text."""

from collections.abc import Iterator
from functools import cache
from typing import ClassVar

from headgate.guardrails.patterned import Patterned
from headgate.guardrails.regular import Expression


class Regex(Patterned, frozen=True, kw_only=True):
    """Regular expressions. Back-references and lookaround are not offered: they take more than one pass."""

    near: ClassVar[int] = 1

    patterns: dict[str, str]
    """Name -> pattern; the name is what a finding, and its placeholder, is called."""
    ignore_case: bool = False
    window: int = 1024
    """The longest match, in characters."""

    def find(self, text: str, start: int = 0, json: bool = False) -> list[tuple[int, int, str]]:
        """See ``Guardrail``."""
        found: list[tuple[int, int, str]] = []
        for name, pattern in self.patterns.items():
            expression = _compiled(pattern, self.ignore_case, self.window)
            found += [(begin, end, name) for begin, end in expression.find(text, start)]
        return sorted(found)

    def held(self, text: str, json: bool = False) -> int:
        """See ``Guardrail``."""
        return min(_compiled(p, self.ignore_case, self.window).held(text) for p in self.patterns.values())

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if not self.patterns:
            yield "patterns", "must hold at least one pattern"
        for name, pattern in self.patterns.items():
            if not name.isidentifier() or not name.isascii():
                yield "patterns", f"{name!r} is no name: use letters, digits and underscores"
            try:
                _compiled(pattern, self.ignore_case, self.window)
            except ValueError as error:
                yield "patterns", f"{name} {error}"


@cache
def _compiled(pattern: str, ignore_case: bool, longest: int) -> Expression:
    return Expression(pattern, ignore_case, longest)
