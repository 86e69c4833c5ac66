"""Counting failed sign-ins by account and by address. A refusal costs one look into a table of bounded size."""

from time import monotonic

from headgate.core.errors import RateLimited

MAX_NAMES = 10_000
WINDOW = 900.0
"""Seconds."""


class Throttle:
    """So many failures of each name in a quarter of an hour; past *limit* nothing is checked any more until its end."""

    def __init__(self, limit: int, window: float = WINDOW) -> None:
        self._limit = limit
        self._window = window
        self._began = monotonic()
        self._counts: dict[str, int] = {}

    def check(self, name: str) -> None:
        """Raise ``RateLimited`` where *name* is past its limit."""
        if self._current().get(self._known(name), 0) >= self._limit:
            wait = int(self._window - (monotonic() - self._began)) + 1
            message = "Too many failed attempts to sign in. Wait, or ask an administrator."
            raise RateLimited(message, code="too_many_attempts", headers={"retry-after": str(wait)})

    def count(self, name: str) -> None:
        """Count one failure of *name*."""
        counts, name = self._current(), self._known(name)
        counts[name] = counts.get(name, 0) + 1

    def forget(self, name: str) -> None:
        """Start anew with *name*, who has proved to be the right one."""
        self._current().pop(name, None)

    def _current(self) -> dict[str, int]:
        now = monotonic()
        if now - self._began >= self._window:
            self._began, self._counts = now, {}
        return self._counts

    def _known(self, name: str) -> str:
        return name if name in self._counts or len(self._counts) < MAX_NAMES else ""  # the rest share one count
