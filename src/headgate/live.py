"""The configuration in force in one process, followed: the file, what the database has beside it, keys of providers."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from random import uniform
from time import monotonic, time

from headgate.access.principals import Principals
from headgate.base import Base
from headgate.config.compile import Compiled
from headgate.config.effective import Effective
from headgate.config.types import Config
from headgate.config.watch import Watcher
from headgate.observe.metrics import Page
from headgate.providers.base import Senders
from headgate.storage import object_rows, provider_keys
from headgate.storage.object_rows import ObjectRow

REVISIONS = 20
"""Configurations that are kept to be shown."""
AGAIN = 15.0
"""Seconds between two tries to open keys whose key service was away."""
TURN = 1.0
"""Seconds between looks whether it is time to fetch secrets anew."""
APART = (0.9, 1.1)
"""Many processes must not ask a manager of secrets at the same moment: by what their time is multiplied."""
WHAT = ("outcome",)
log = logging.getLogger("headgate.config")


class Live:
    """What a process goes by. A change that is not good leaves it as it is."""

    def __init__(self, base: Base, senders: Senders, taken: Callable[[Compiled], None] = lambda compiled: None) -> None:
        """*taken* is told of every configuration that was taken over after the first."""
        self.base = base
        self._senders = senders
        self._taken = taken
        self._at_once = False
        self.compiled = base.compile(base.effective, senders)
        self.revisions: deque[tuple[float, Config]] = deque([(time(), base.config)], REVISIONS)
        """What was loaded since the start, oldest first, with the time (seconds since 1970)."""
        self.watcher = Watcher(
            base.file,
            self._read,
            self._take,
            seen=base.seen,
            beside=lambda: base.secret_files,
            find=base.settings.config_file,
        )
        self._tell(base.effective)

    def follow(self, principals: Principals) -> None:
        """Take over what the feed of *principals* tells of, and what was changed before its first entry.

        To be called before its first refresh.
        """
        for kind in (object_rows.CHANGE, provider_keys.CHANGE):
            principals.follow(kind, self.watcher.renew)

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            await asyncio.gather(self.watcher.run(), self._ask_again(), self._refresh())
        finally:
            self.base.managed.close()

    def reload(self) -> None:
        """Look at the file, and fetch secrets, now; for SIGHUP. Must be called on the loop."""
        self._at_once = True
        self.watcher.poke()

    async def _ask_again(self) -> None:
        """Read anew, now and then, while provider keys wait for a key service."""
        while True:
            await asyncio.sleep(AGAIN)
            if self.base.keys_away:
                self.watcher.renew()
            if self.watcher.problems and self.base.managed.failing:
                self.watcher.poke()  # what could not be fetched for a new file may be there now

    async def _refresh(self) -> None:
        """Fetch the secrets that managers keep anew, now and then; go by those that changed."""
        last, factor = monotonic(), uniform(*APART)
        while True:
            await asyncio.sleep(TURN)
            effective = self.base.effective
            due = last + effective.config.secrets.refresh * factor
            if not effective.secrets or (monotonic() < due and not self._at_once):
                continue
            self._at_once = False
            try:
                if await asyncio.to_thread(self.base.managed.renew, {one.reference for one in effective.secrets}):
                    self.watcher.renew()
            except Exception:
                log.exception("secrets could not be fetched anew")
            last, factor = monotonic(), uniform(*APART)

    @property
    def effective(self) -> Effective:
        """What is in force, before it was compiled."""
        return self.base.effective

    def tried(self, row: ObjectRow) -> Compiled:
        """Return what would be in force were *row* stored; nothing is changed. Raise ``ConfigError``. Not on the loop:
        it takes some ten milliseconds."""
        return self.base.compile(self.base.tried(row), self._senders)

    def again(self) -> None:
        """Compile the same anew: a provider came up, or was seen to have other models. Raise ``ConfigError``."""
        self._take(self.base.effective)

    def write(self, page: Page) -> None:
        """Write what became of changes of the file."""
        watcher = self.watcher
        counts = {("taken",): watcher.loaded, ("refused",): watcher.refused}
        page.counter("config_changes_total", "Changes of the configuration file, by what became of them.", WHAT, counts)
        page.family("config_failing", "gauge", "1 where the file has faults, and what was in force before it stays.")
        page.line("config_failing", (), int(bool(watcher.problems)))
        page.family(
            "secrets_failing", "gauge", "References to managers of secrets that could not be fetched last time."
        )
        page.line("secrets_failing", (), len(self.base.managed.failing))

    def _read(self, data: bytes) -> Effective:
        self.base.file = self.watcher.path
        return self.base.read(data)

    def _take(self, effective: Effective) -> None:
        compiled = self.base.compile(effective, self._senders, self.compiled)
        if moved := compiled.moved(self.compiled):
            self.base.discovered.forget(moved)
            compiled = self.base.compile(effective, self._senders, self.compiled)
        if effective is not self.base.effective:
            self._tell(effective)
            self.revisions.append((time(), effective.config))
        self.base.effective, self.compiled = effective, compiled
        self._taken(compiled)

    def _tell(self, effective: Effective) -> None:
        for problem in effective.left_out:
            log.error("left out, or kept as it was, what is configured through the API: %s", problem)
