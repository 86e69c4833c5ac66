"""Patterns of one's own, in linear time whatever the text."""

from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar

from headgate.guardrails.patterned import Patterned
from headgate.guardrails.regular import Expression
from headgate.guardrails.scan import Folded, cut_escape
from headgate.guardrails.types import MOST_KEPT, Follow

LUMP = 4
"""What goes on at once is at least this part of what stays behind."""
MOST = 1 << 18
"""Instructions of all patterns times characters of the window: what a guardrail made by API may come to."""


class Regex(Patterned, frozen=True, kw_only=True):
    """Regular expressions. Back-references and lookaround are not offered: they take more than one pass."""

    near: ClassVar[int] = 1
    odd: ClassVar[bool] = True
    long: ClassVar[int] = 512

    patterns: dict[str, str]
    """Name -> pattern; the name is what a finding, and its placeholder, is called."""
    ignore_case: bool = False
    window: int = 1024
    """The longest match, in characters."""

    def search(self, text: str, start: int) -> list[tuple[int, int, str]]:
        """See ``Patterned``."""
        found: list[tuple[int, int, str]] = []
        for name, expression in self.expressions():
            found += [(begin, end, name) for begin, end in expression.find(text, start)]
        return found

    def open(self, text: str) -> int:
        """See ``Patterned``."""
        return min(expression.held(text) for _, expression in self.expressions())

    def follow(self, json: bool = False) -> Follow:
        """See ``Guardrail``: each character is read once."""
        return _Follow([expression for _, expression in self.expressions()], json).held

    def expressions(self) -> list[tuple[str, Expression]]:
        """Return the patterns, compiled, each with its name."""
        return [(name, _compiled(one, self.ignore_case, self.window)) for name, one in self.patterns.items()]

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

    def excess(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        size, most = sum(expression.size for _, expression in self.expressions()), MOST // self.window
        if size > most:
            yield (
                "patterns",
                f"come to {size:,} instructions, and a guardrail made by API may have {most:,} with a `window` of "
                f"{self.window:,}: write shorter repeats, or lower `window`",
            )


class _Follow:
    """A text that grows, followed by all patterns of a guardrail: as it reads plain, and as it came where it is odd."""

    def __init__(self, expressions: list[Expression], json: bool) -> None:
        self._json = json
        self._forms = [[expression.follow() for expression in expressions]]
        self._fed = 0
        self._said = 0

    def held(self, text: str, at: int) -> int:
        """See ``Guardrail.follow``."""
        self._fed = max(self._fed, at)
        new = text[self._fed - at :]
        if self._json:
            new = new[: cut_escape(new)]
        if new:
            self._feed(new)
        fed = self._fed
        held = min(following.held(fed) for followings in self._forms for following in followings)
        if held - self._said >= (fed - held) // LUMP:  # else what stays would be searched again for every little step
            self._said = held
        return max(self._said, at) - at

    def _feed(self, new: str) -> None:
        plain = came = Folded(new, self._json)
        if not new.isascii() or (self._json and "\\u" in new):
            came = Folded(new, self._json, odd=True)
        if came.text != plain.text and len(self._forms) == 1:
            self._forms.append([following.copy() for following in self._forms[0]])
        for followings, form in zip(self._forms, (plain, came), strict=False):
            places = [self._fed + form.back(i, len(new)) for i in range(len(form.text))]
            for following in followings:
                following.feed(form.text, places)
        self._fed += len(new)


@lru_cache(MOST_KEPT)
def _compiled(pattern: str, ignore_case: bool, longest: int) -> Expression:
    return Expression(pattern, ignore_case, longest)
