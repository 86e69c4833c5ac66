"""What the limiter is asked, and what it answers."""

from collections.abc import Awaitable
from typing import Protocol

from headgate.access.types import Principal


class Slot(Protocol):
    """One admitted request: its place among the concurrent ones, and what to tell the caller."""

    def lines(self) -> str:
        """``x-ratelimit-*`` lines, each ending in CRLF; empty for a caller without limits."""
        ...

    def release(self) -> None:
        """Give the place back. Idempotent."""
        ...


class Gate(Protocol):
    """Admits requests: per second, per minute, concurrent; all scopes or none."""

    def admit(self, who: Principal) -> "Slot | Awaitable[Slot]":
        """Raise ``RateLimited`` with Retry-After and ``x-ratelimit-*``; a refused request consumes nothing."""
        ...
