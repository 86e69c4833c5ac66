"""What a model repeats of an answer that it is to go on with, left out."""

LEAST = 16
"""Characters that must be the same: fewer may just as well be how the answer goes on."""
DISTINCT = 6
"""How many of what is the same must differ: rules of dashes and rows of a table repeat themselves."""
WHOLE = 3
"""Characters, all different, of an answer that is said again from its first: no text goes on with all of itself."""


class Overlap:
    """Holds back the beginning of a second part until it is clear whether it repeats the first."""

    __slots__ = ("_held", "_open", "_said", "_space")

    def __init__(self, said: str, space: str) -> None:
        """*said* is the first part as the model was given it; *space* are the blanks that followed in the answer."""
        self._said = said
        self._space = space
        self._held = ""
        self._open = True

    def feed(self, text: str) -> str:
        """Take more of the second part; return what of it is new, as far as that is clear."""
        if not self._open:
            return text
        self._held += text
        new = self._new()
        if new is None:
            return ""
        return self._release(new)

    def close(self) -> str:
        """The second part has ended: return what is held back, blanks that were said before left out."""
        return self._release(self._spaced(self._held)) if self._open else ""

    def _release(self, new: str) -> str:
        self._open, self._held = False, ""
        return new

    def _new(self) -> str | None:
        """What is new; ``None`` while that is not clear."""
        held = self._held
        begins, said = held[:LEAST], self._said
        if len(held) < max(LEAST, len(self._space)):
            return None
        if len(said) < LEAST and len(set(said)) >= WHOLE and held.startswith(said):
            return self._spaced(held[len(said) :])
        place = said.find(begins)
        while place >= 0:
            tail = said[place:]
            if held.startswith(tail) and len(set(tail)) >= DISTINCT:
                rest = held[len(tail) :]
                return self._spaced(rest) if len(rest) >= len(self._space) else None
            if tail.startswith(held):
                return None
            place = said.find(begins, place + 1)
        return self._spaced(held)

    def _spaced(self, text: str) -> str:
        """*text* without the blanks that it has in common with those that were said."""
        at = 0
        while at < min(len(text), len(self._space)) and text[at] == self._space[at]:
            at += 1
        return text[at:]
