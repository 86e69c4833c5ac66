"""What a prompt offers to fill arguments with: names, quoted words and numbers in the order they were said."""

import re
from functools import cached_property

MAX_READ = 2000
"""Characters of the prompt that are looked at."""
NAME = re.compile(r"\b(?:[A-Z][\w'’-]*)(?: [A-Z][\w'’-]*)*")
QUOTED = re.compile(r"[\"“«]([^\"”»]{1,80})[\"”»]")
NUMBER = re.compile(r"(?<![\w.])-?\d{1,12}(?:\.\d{1,6})?(?![\w])")
SUM = re.compile(r"[\d(][\d\s+*/().^%-]*[\d)]")
WORD = re.compile(r"[a-z]+")
SENTENCE = re.compile(r"(?:^|[.!?:]\s+)$")
SEVERAL = re.compile(r"\b(?:both|each|in parallel|several|two|three|four|all of)\b|, | and ", re.IGNORECASE)
FREE_TEXT = frozenset({"query", "question", "q", "text", "prompt", "input", "message", "content", "search", "task"})
COMMON = frozenset(
    WORD.findall(
        "a an and are can could do does for from give how i in is it me my of on or please tell the to use what when"
        " where which who why will with you your"
    )
)


class Hints:
    """Read of one prompt. ``turn`` chooses which of several names a call is about."""

    def __init__(self, text: str, turn: int = 0) -> None:
        self.text = text[:MAX_READ].strip()
        self.turn = turn

    @cached_property
    def names(self) -> list[str]:
        """Quoted words, then words in capitals that do not just begin a sentence; each once."""
        found = QUOTED.findall(self.text)
        for match in NAME.finditer(self.text):
            words = match[0].split(" ")
            if SENTENCE.search(self.text, max(match.start() - 3, 0), match.start()):
                words = words[1:]
            if words and words[0] != "I":
                found.append(" ".join(words))
        return list(dict.fromkeys(found))

    @cached_property
    def numbers(self) -> list[float]:
        """Every number."""
        return [float(number) for number in NUMBER.findall(self.text)]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every plain word, in lower case."""
        return frozenset(WORD.findall(self.text.lower())) - COMMON

    @cached_property
    def several(self) -> bool:
        """Whether more than one thing is asked for."""
        return SEVERAL.search(self.text) is not None

    def string(self, name: str) -> str:
        """Return a likely value for the argument called *name*."""
        lowered = name.lower()
        if lowered in ("expression", "formula", "equation") and (found := SUM.search(self.text)):
            return found[0].strip()
        if lowered in FREE_TEXT and self.text:
            return self.text[:200]
        if self.names:
            return self.names[self.turn % len(self.names)]
        return f"sample {name.replace('_', ' ')}".strip()
