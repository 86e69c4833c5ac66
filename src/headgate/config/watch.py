"""Follows the configuration file: a good change is handed on whole, a bad one is told once and the old one stays.

Polling is used because it works alike for edits in place, renames over the file, and mounted volumes.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from headgate.config.parse import read
from headgate.config.types import ConfigError, Problem

INTERVAL = 0.5
SETTLE = 0.1
"""Seconds a file must have stood still before it is read: writers seldom write a whole file at once."""

T = TypeVar("T")
log = logging.getLogger("headgate.config")
Stamp = tuple[int, int, int]
Stamps = tuple[Stamp | None, ...]


class Watcher(Generic[T]):
    """Watches one file, if there is one. ``loaded`` and ``refused`` count what came of its changes."""

    def __init__(
        self,
        path: Path | None,
        check: Callable[[bytes], T],
        apply: Callable[[T], None],
        *,
        seen: bytes = b"",
        beside: Callable[[], Iterable[Path]] = tuple,
        find: Callable[[], Path | None] = lambda: None,
        interval: float = INTERVAL,
        settle: float = SETTLE,
    ) -> None:
        """*check* turns bytes into a configuration, in a thread; *apply* takes it over, on the loop.

        Either may refuse by raising ``ConfigError``; the configuration in force then stays. *seen* is the content that
        is in force already. *beside* names the files that the configuration refers to: a change of one is its change.
        *find* returns the file where none was named: one may be written later, or one that goes before *path*.
        """
        self.path = path
        self.loaded = 0
        self.refused = 0
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the file as it stands; empty while it is in force."""
        self._check = check
        self._apply = apply
        self._interval = interval
        self._settle = settle
        self._poked = asyncio.Event()
        self._stale = self._changed = False
        self._beside = beside
        self._find = find
        self._stamp: Stamps = ()
        self._read: Stamps = self._stamps()[1:]
        self._seen = seen
        self._told = b""
        self._hurt = False
        """Whether what is in force could not be read anew."""

    def poke(self) -> None:
        """Look at the file now; for SIGHUP. Must be called on the loop."""
        self._stale = True
        self._poked.set()

    def renew(self) -> None:
        """Check the file's content in force anew, for something else than the file has changed. On the loop."""
        self._changed = True
        self._poked.set()

    async def run(self) -> None:
        """Watch until cancelled. Never raises otherwise."""
        while True:
            await self._pause()
            try:
                if self._changed:
                    self._changed = False
                    await self._again()
                stale, self._stale = self._stale, False
                await self.look(always=stale)
            except Exception:
                log.exception("the configuration could not be followed")

    async def _again(self) -> None:
        try:
            self._apply(await asyncio.to_thread(self._check, self._seen))
            if self._hurt:
                self._hurt, self.problems, self._told = False, (), b""
        except ConfigError as error:
            self._refuse(b"again" + str(error).encode(), error)
            self._hurt = True

    async def look(self, *, always: bool = False) -> None:
        """Take over the file if it has changed and stands still; *always* reads it though it looks the same."""
        self._choose()
        stamp = self._stamps()
        if self.path is None or (stamp == self._stamp and not always):
            return
        while True:
            await asyncio.sleep(self._settle)
            later = self._stamps()
            if later == stamp:
                break
            stamp = later
        self._stamp = stamp
        try:
            data = await asyncio.to_thread(read, self.path)
        except ConfigError as error:
            self._refuse(str(stamp).encode(), error)
            return
        if data == self._seen and stamp[1:] == self._read:
            self.problems, self._told = (), b""
            return
        try:
            self._unfinished(data)
            self._apply(await asyncio.to_thread(self._check, data))
        except ConfigError as error:
            self._refuse(data, error)
            return
        self._seen, self.problems, self._told = data, (), b""
        now = self._stamps()
        if len(now) != len(stamp):  # it refers to other files than before
            self._stamp = (stamp[0], *now[1:])
        self._read = self._stamp[1:]
        self.loaded += 1
        log.warning("took over the configuration in %s", self.path)

    def _choose(self) -> None:
        """Go by another file, where there is one to go by. One that is gone may be on its way back."""
        found = self._find()
        if found is not None and found != self.path and (self.path is None or self.path.exists()):
            self.path, self._stamp = found, ()

    def _stamps(self) -> Stamps:
        return tuple(_stamp(path) for path in (self.path, *sorted(self._beside())) if path is not None)

    def _unfinished(self, data: bytes) -> None:
        """Refuse what looks like a file cut short, though what is left of it may be valid."""
        why = ""
        if self._seen.strip() and not data.strip():
            why = "is empty now; write `{}` if nothing is to be configured"
        elif self._seen.endswith(b"\n") and not data.endswith(b"\n"):
            why = "ends in the middle of a line: is it still being written?"
        if why:
            raise ConfigError([Problem(str(self.path), 0, 0, "", why)])

    def _refuse(self, content: bytes, error: ConfigError) -> None:
        self.problems, self._hurt = tuple(error.problems), False
        digest = hashlib.sha256(content).digest()
        if digest != self._told:
            self._told = digest
            self.refused += 1
            log.error("kept the old configuration, for the new one has %d fault(s):\n%s", len(error.problems), error)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await self._poked.wait()
        self._poked.clear()


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
