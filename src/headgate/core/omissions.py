"""Work that was left out because too much of it was under way: counted, and said in the log."""

import logging
from time import monotonic

QUIET = 60.0
"""Seconds between two lines about the same."""


class Omissions:
    """What was left out of one kind of work, in one process."""

    __slots__ = ("_log", "_told", "_what", "count")

    def __init__(self, log: logging.Logger, what: str) -> None:
        """*what* it is, in words, for a line that ends with how often."""
        self.count = 0
        self._log = log
        self._what = what
        self._told: float | None = None

    def add(self) -> None:
        """Count one more; say so, unless that was said of late."""
        self.count += 1
        now = monotonic()
        if self._told is None or now - self._told >= QUIET:
            self._told = now
            self._log.warning("%s: %d so far in this process", self._what, self.count)
