"""Counting failed sign-ins by account and by address. A refusal costs one look into a table of bounded size."""

from time import monotonic
from typing import Protocol

from headgate.core.errors import RateLimited

MAX_NAMES = 10_000
WINDOW = 900
"""Seconds."""


class Counts(Protocol):
    """How often each name failed in this window: on one machine, or on all that share a database."""

    async def failed(self, name: str) -> int:
        """Return the failures of *name*. Raise what the database raises."""
        ...

    async def add(self, name: str) -> int:
        """Add one; return how many there are now."""
        ...

    async def forget(self, name: str) -> None:
        """Start anew with *name*."""
        ...

    def ends_in(self) -> int:
        """Return the seconds until the window ends."""
        ...


class LocalCounts:
    """:class:`Counts` in memory; the names for which there is no room share one."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._counts: dict[str, int] = {}

    async def failed(self, name: str) -> int:
        """See :class:`Counts`."""
        return self._current().get(self._known(name), 0)

    async def add(self, name: str) -> int:
        """See :class:`Counts`."""
        counts, name = self._current(), self._known(name)
        counts[name] = counts.get(name, 0) + 1
        return counts[name]

    async def forget(self, name: str) -> None:
        """See :class:`Counts`."""
        self._current().pop(name, None)

    def ends_in(self) -> int:
        """See :class:`Counts`."""
        return int(self._began + WINDOW - monotonic()) + 1

    def _current(self) -> dict[str, int]:
        if monotonic() - self._began >= WINDOW:
            self._began, self._counts = monotonic(), {}
        return self._counts

    def _known(self, name: str) -> str:
        return name if name in self._counts or len(self._counts) < MAX_NAMES else ""


class Throttle:
    """So many failures of each name in a quarter of an hour; past *limit* nobody learns any more until its end whether
    he is right.
    """

    def __init__(self, limit: int, counts: Counts) -> None:
        self._limit = limit
        self._counts = counts

    async def check(self, name: str) -> None:
        """Raise ``RateLimited`` where *name* is past its limit: before it is found out who is right, and before it is
        said, as many may have tried at once.
        """
        if await self._counts.failed(name) >= self._limit:
            raise self._refusal()

    async def count(self, name: str) -> None:
        """Count one failure of *name*. Raise ``RateLimited`` where others, at the same time, used up the limit."""
        if await self._counts.add(name) > self._limit:
            raise self._refusal()

    async def forget(self, name: str) -> None:
        """Start anew with *name*, who has proved to be the right one."""
        await self._counts.forget(name)

    def _refusal(self) -> RateLimited:
        message = "Too many failed attempts to sign in. Wait, or ask an administrator."
        headers = {"retry-after": str(self._counts.ends_in())}
        return RateLimited(message, code="too_many_attempts", headers=headers)
