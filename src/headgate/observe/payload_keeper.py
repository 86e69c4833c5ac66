"""The keeper of what was said: takes what workers left in the spool into the database, in a thread of its own.

One per home, as the drainer is; but a thread beside it, since masking takes time that the ledger must not wait for. A
database that takes nothing makes the spool longer, up to its bound.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic, time

import msgspec

from headgate.observe.metrics import Page
from headgate.observe.payload import row_of
from headgate.observe.rounds import Rounds
from headgate.observe.spool import ABOUT, BATCH, LOST, Frame, Seals, frames, waiting
from headgate.observe.veil import Find
from headgate.storage import payloads_sql
from headgate.storage.sql import BadValue, Sql, SqlError, open_sql

log = logging.getLogger("headgate.payloads")
POLL = 0.25
LONGEST_PAUSE = 5.0
SWEEP = 60.0
LONG = 60.0
"""Seconds of failing after which it is said, and again."""
AT_ONCE = 20
BREATH = 0.002
"""Seconds between so many: masking is work, and calls are on the same cores."""
STORED_AT_ONCE = 200
"""The index of words costs half as much a call as with a tenth of them; the database is locked for milliseconds."""
LAST_SECONDS = 5.0
"""What a stop takes at most; the rest waits for the next start."""
BAD = ".bad"
LEFT = 86_400.0
"""Seconds for which files that nobody writes any more are left."""
Until = Callable[[Sql], dict[str, int]]
"""Returns, by tenant, the instant before which what was said may go."""


class PayloadKeeper:
    """Takes batches from *folder* into the database."""

    def __init__(self, folder: Path, where: str, sealer: Seals, find: Find, until: Until) -> None:
        self.stored = 0
        self.unreadable = 0
        """Calls whose batch could not be opened, or that the database will never take."""
        self.removed = 0
        self.failing: str | None = None
        self._failed_at = 0.0
        self._told_at = 0.0
        self._folder = folder
        self._sealer = sealer
        self._find = find
        self._until = until
        self._sql = open_sql(where)
        self._rounds = Rounds("payload-keeper", self._round)
        self._pause = POLL
        self._lock: int | None = None
        self._swept = monotonic()

    def start(self) -> None:
        """Keep from now on. Where another process keeps this home's, wait until it ends."""
        self._rounds.start(POLL)

    def stop(self) -> None:
        """Take what is there, and end. Blocks; gives up where the database takes nothing."""
        self._rounds.stop()
        try:
            if self._own():
                self.take(LAST_SECONDS)
        except Exception as error:  # it waits for the next start
            log.warning("what was said and waits cannot be stored before the end: %s", error)
        self._sql.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def take(self, seconds: float = inf) -> int:
        """Take the batches there are, for some *seconds*; return how many calls' were stored.

        Raise ``SqlError`` or ``OSError``.
        """
        before, until = self.stored, monotonic() + seconds
        for path in sorted(self._folder.glob("*" + BATCH)):
            if monotonic() > until:
                break
            self.stored += self._take(path)
        return self.stored - before

    def sweep(self) -> int:
        """Remove what is to be kept no longer; return how many calls' that was. Raise ``SqlError``."""
        gone = 0
        for tenant, at in self._until(self._sql).items():
            gone += payloads_sql.remove_before(self._sql, tenant, at, lambda: self._rounds.rest(0.02))
        self.removed += gone
        self._swept = monotonic()
        return gone

    def write(self, page: Page) -> None:
        """Write what is counted, once there is anything."""
        if not self._folder.is_dir():
            return
        for name, kind, help, value in (
            ("payloads_stored_total", "counter", "Calls of which was kept what was said.", self.stored),
            ("payloads_lost_total", "counter", "Calls of which it was not: no room, or no disk.", self._lost()),
            ("payloads_unreadable_total", "counter", "Calls of which it could not be stored.", self.unreadable),
            ("payloads_removed_total", "counter", "Calls of which it went, its time being over.", self.removed),
            ("payloads_failing", "gauge", "1 where none can be stored at present.", int(self.failing is not None)),
            ("payloads_waiting_bytes", "gauge", "What was said and waits to be stored.", waiting(self._folder)[1]),
        ):
            page.family(name, kind, help)
            page.line(name, (), value)

    def _lost(self) -> int:
        found = 0
        for path in self._folder.glob("*" + LOST):
            with suppress(OSError, ValueError):
                found += int(path.read_text())
        return found

    def _round(self) -> float:
        try:
            if self._own():
                self.take()
                if monotonic() - self._swept > SWEEP:
                    self.sweep()
            self._pause = POLL
            self._works()
        except Exception as error:  # whatever it is, the spool keeps, and this thread must go on trying
            self._fails(error)
            self._sql.close()
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return self._pause

    def _works(self) -> None:
        if self._told_at:
            log.warning("what was said is stored again")
        self.failing, self._told_at = None, 0.0

    def _fails(self, error: Exception) -> None:
        """Say so: at once where nobody foresaw it, and of a database that does not take it, after a while."""
        now = monotonic()
        if self.failing is None:
            self._failed_at = now
        if self.failing is None and not isinstance(error, SqlError):
            log.exception("what was said cannot be stored")
            self._told_at = now
        elif now - max(self._failed_at, self._told_at) >= LONG:
            since = round(now - self._failed_at)
            log.warning("what was said could not be stored for %d seconds and waits on the disk: %s", since, error)
            self._told_at = now
        self.failing = str(error)

    def _own(self) -> bool:
        if self._lock is None and self._folder.is_dir():
            fd = os.open(self._folder / "keep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                return False
            self._lock = fd
            for path in self._folder.iterdir():  # what processes that ended have left
                if path.suffix in ("", LOST, BAD) and path.stat().st_mtime < time() - LEFT:
                    path.unlink(missing_ok=True)
        return self._lock is not None

    def _take(self, path: Path) -> int:
        try:
            found = list(frames(self._sealer.open(path.read_bytes(), ABOUT)))
        except SqlError:
            raise
        except Exception as error:  # cut by a crash, or another key's
            log.warning("a batch of what was said cannot be read and is left as %s%s: %s", path.name, BAD, error)
            self.unreadable += 1
            path.rename(path.with_name(path.name + BAD))
            return 0
        for at in range(0, len(found), STORED_AT_ONCE):
            self._store(list(self._rows(found[at : at + STORED_AT_ONCE])))
        path.unlink()
        return len(found)

    def _rows(self, frames: list[Frame]) -> Iterator[tuple[object, ...]]:
        for number, frame in enumerate(frames, 1):
            if (row := self._row(frame)) is not None:
                yield row
            if number % AT_ONCE == 0:
                self._rounds.rest(BREATH)

    def _store(self, rows: list[tuple[object, ...]]) -> None:
        try:
            payloads_sql.put(self._sql, rows)
        except BadValue:
            for row in rows:
                try:
                    payloads_sql.put(self._sql, [row])
                except BadValue as error:
                    self._unstorable(str(row[0]), error)

    def _row(self, frame: Frame) -> tuple[object, ...] | None:
        """Return the row of *frame*; one that nothing can be made of must not hold up the others."""
        try:
            return msgspec.structs.astuple(row_of(frame, self._find, self._sealer))
        except Exception as error:
            self._unstorable(frame.taken.id, error)
            return None

    def _unstorable(self, id: str, error: Exception) -> None:
        self.unreadable += 1
        log.warning("what was said in the call %s cannot be stored: %s", id, type(error).__name__)
