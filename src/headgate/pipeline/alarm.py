"""What its operator must see to: a provider that cannot be trusted, refuses the gateway's credential, or wants money.

A line of the log, once in a while for each provider and cause, however many calls meet it.
"""

import logging
from collections.abc import Callable
from time import monotonic

from headgate.core.errors import UpstreamFailed

log = logging.getLogger("headgate.providers")
CAUSES = frozenset(("upstream_tls_error", "upstream_auth_error", "upstream_quota_exhausted"))
AGAIN = 600.0  # seconds between two lines of the same
MOST = 1024  # providers and causes that are remembered

Listener = Callable[[str, str, str], None]
"""Is told the provider, the code and the words."""


class Alarms:
    """Tells of each once in a while."""

    __slots__ = ("_at", "listener")

    def __init__(self) -> None:
        self.listener: Listener | None = None
        """Whom else to tell."""
        self._at: dict[tuple[str, str], float] = {}

    def met(self, provider: str, failure: UpstreamFailed) -> None:
        """Take note of *failure*; most are nothing that an operator could mend."""
        if failure.code not in CAUSES:
            return
        now, key = monotonic(), (provider, failure.code)
        last = self._at.get(key)
        if last is not None and now - last < AGAIN:
            return
        if len(self._at) >= MOST:
            self._at.clear()
        self._at[key] = now
        log.warning("provider %s needs its operator: %s (%s)", provider, failure.message, failure.code)
        if self.listener is not None:
            self.listener(provider, failure.code, failure.message)
