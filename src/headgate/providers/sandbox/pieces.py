"""The sandbox's own tokens: what its answers stream in, and what its usage counts."""

import re

PIECE = re.compile(r" ?[^\W_]{1,6}| ?[^\w\s]{1,3}|_+|\s+")
"""Every character belongs to exactly one piece; English text has about four characters in one."""
EXACT = 4096
"""Text beyond this many characters is counted by its length, so that a large prompt costs no time."""


def pieces(text: str) -> list[str]:
    """Cut *text* into tokens; joined they are the text again."""
    return PIECE.findall(text)


def count(text: str) -> int:
    """Return how many tokens *text* is."""
    if len(text) <= EXACT:
        return len(PIECE.findall(text))
    return len(PIECE.findall(text, 0, EXACT)) + (len(text) - EXACT + 3) // 4
