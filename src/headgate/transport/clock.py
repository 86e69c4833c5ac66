"""One timer for all deadlines of a sender, in place of one for each request."""

import asyncio
from collections.abc import Callable
from time import monotonic

FAST = 0.05
"""Seconds between two looks while anything is waited for: deadlines are kept this exactly, and never early."""
SLOW = 5.0
"""Seconds between two looks while there are only idle connections."""


class Clock:
    """Calls *sweep* with the monotonic time. It returns whether anything is waited for, and whether anything is kept:
    without either, the clock stands still until :meth:`hurry`."""

    __slots__ = ("_sweep", "_timer", "fast")

    def __init__(self, sweep: Callable[[float], tuple[bool, bool]]) -> None:
        self._sweep = sweep
        self._timer: asyncio.TimerHandle | None = None
        self.fast = False

    def hurry(self) -> None:
        """Look often from now on: somebody waits. Cheaper still is not to call it where ``fast`` is set."""
        if not self.fast:
            self.stop()
            self.fast = True
            self._timer = asyncio.get_running_loop().call_later(FAST, self._tick)

    def stop(self) -> None:
        """Stand still."""
        self.fast = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        waited_for, kept = self._sweep(monotonic())
        self.fast = waited_for
        self._timer = None
        if waited_for or kept:
            self._timer = asyncio.get_running_loop().call_later(FAST if waited_for else SLOW, self._tick)
