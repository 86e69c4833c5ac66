"""What the pages that answer by themselves look at."""

from collections.abc import Callable
from typing import Any

from headgate.access.types import Principal
from headgate.surfaces.formatters import Formatters


class State:
    """The gateway's own condition. Written by the composition root, read by pages."""

    __slots__ = ("draining", "formatters", "listing", "ready_checks", "started_at")

    def __init__(
        self,
        *,
        listing: Callable[[Principal], list[dict[str, Any]]],
        ready_checks: Callable[[], dict[str, str]],
        started_at: float,
    ) -> None:
        self.draining = False
        self.listing = listing
        """What a principal can call now: ``{id, owned_by, context, max_output, created, kind}`` each."""
        self.ready_checks = ready_checks
        """Name -> ``ok`` or what is wrong, from the last results: nothing is asked while a probe waits."""
        self.started_at = started_at
        self.formatters = Formatters()
