"""What the limiter is asked, and what it answers."""

from collections.abc import Awaitable, Mapping
from typing import Protocol

import msgspec

from headgate.access.types import NO_LIMITS, Limits, Principal

DEFAULT_USER = Limits(rps=10)


class Standing(msgspec.Struct, frozen=True):
    """The limits that the configuration states; replaced whole by a reload."""

    installation: Limits = NO_LIMITS
    user: Limits = DEFAULT_USER
    """What binds each user without limits of its own."""
    end_user: Limits = DEFAULT_USER
    """What binds each end user, where the tenant says nothing else."""
    models: Mapping[str, Limits] = {}
    """By ``provider/model``."""
    providers: Mapping[str, Limits] = {}


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

    def admit(self, who: Principal, end_user: str | None = None) -> "Slot | Awaitable[Slot]":
        """Let a request in under the limits of the installation, of all above its key, the key's and its end user's.

        Raise ``RateLimited`` with Retry-After and ``x-ratelimit-*``; a refused request consumes nothing.
        """
        ...

    def enter(self, target: str) -> "Slot | Awaitable[Slot]":
        """Let one try go to *target* (``provider/model``) under the limits of that model and that provider.

        Raise ``NotNow``: another target may have room. A refused try consumes nothing.
        """
        ...

    def follow(self, standing: Standing) -> None:
        """Take over changed limits of the configuration."""
        ...
