"""The configuration in force in one process, followed: the file, what the database has beside it, keys of providers."""

import logging
from collections.abc import Callable

from headgate.access.principals import Principals
from headgate.base import Base
from headgate.config.compile import Compiled
from headgate.config.effective import Effective
from headgate.config.watch import Watcher
from headgate.providers.base import Senders
from headgate.storage import object_rows, provider_keys

log = logging.getLogger("headgate.config")


class Live:
    """What a process goes by. A change that is not good leaves it as it is."""

    def __init__(self, base: Base, senders: Senders, taken: Callable[[Compiled], None] = lambda compiled: None) -> None:
        """*taken* is told of every configuration that was taken over after the first."""
        self.base = base
        self._senders = senders
        self._taken = taken
        self.compiled = base.compile(base.effective, senders)
        self.watcher = Watcher(base.file, base.read, self._take, seen=base.seen, beside=lambda: base.secret_files)
        self._tell(base.effective)

    def follow(self, principals: Principals) -> None:
        """Take over what the feed of *principals* tells of; to be called before its first refresh."""
        for kind in (object_rows.CHANGE, provider_keys.CHANGE):
            principals.follow(kind, self.watcher.renew)

    async def run(self) -> None:
        """Follow until cancelled."""
        self.watcher.renew()  # what was changed between the first reading and the feed's first entry
        await self.watcher.run()

    def again(self) -> None:
        """Compile the same anew: a provider came up, or was seen to have other models. Raise ``ConfigError``."""
        self._take(self.base.effective)

    def _take(self, effective: Effective) -> None:
        compiled = self.base.compile(effective, self._senders)
        if effective is not self.base.effective:
            self._tell(effective)
        self.base.effective, self.compiled = effective, compiled
        self._taken(compiled)

    def _tell(self, effective: Effective) -> None:
        for problem in effective.left_out:
            log.error("left out, or kept as it was, what is configured through the API: %s", problem)
