"""The journal: what a process owes the ledger, appended to a file before anything else happens.

A line is in the page cache when :meth:`Journal.append` returns, so it survives the process, whatever kills it; a power
cut may take the last second (or nothing, with ``sync_each``). ``<id>.lock`` is locked for as long as the process lives;
``<id>.<position>.log`` are the segments, named by the position of their first byte. Holds still open when a segment is
full are carried into the next one, so old segments never have to be kept for a long call.

A disk that takes nothing is tried again every second, until what is owed is written and more would be. That, when it
begins and when it ends, is told to the log.
"""

import asyncio
import errno
import fcntl
import logging
import os
from collections import deque
from pathlib import Path
from threading import Event, Thread

from headgate.core.ids import new_id

SEGMENT_BYTES = 16 * 1024 * 1024
SYNC_SECONDS = 1.0
RETRY_SECONDS = 1.0
MAX_OWED_BYTES = 32 * 1024 * 1024
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
PROBE = b" " * 4096
"""More than the last block of a file may still have room for; half a line to whoever reads it before it is gone."""

log = logging.getLogger("headgate.ledger")


def lock_path(directory: Path, journal: str) -> Path:
    """Return the file that is locked while the journal's process lives."""
    return directory / f"{journal}.lock"


def segment_path(directory: Path, journal: str, position: int) -> Path:
    """Return the segment that begins at *position*."""
    return directory / f"{journal}.{position:016x}.log"


class Journal:
    """One process's journal. Not for use by several threads, but for its own, which syncs."""

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        sync_seconds: float = SYNC_SECONDS,
        sync_each: bool = False,
    ) -> None:
        """Create it in *directory*. Raise ``OSError`` where that cannot be written."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.id = new_id()
        self.open: dict[int, tuple[object, bytes]] = {}
        """The holds that have not ended, by identity, each with the line that opened it."""
        self.unwritten = 0
        """Lines lost for want of disk space: intents of calls without a budget, and ends beyond 32 MB of them."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._sync_each = sync_each
        self._base = self._size = 0
        self._full = segment_bytes
        self._owed: deque[bytes] = deque()
        self._owed_bytes = 0
        self._failing: str | None = None
        self._late = self._lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._lock_fd = self._locked()
        self._fd = os.open(segment_path(directory, self.id, 0), FLAGS, 0o600)
        self._retired: deque[int] = deque()
        self._closing = Event()
        self._syncer = Thread(target=self._sync, args=(sync_seconds,), name="journal-sync", daemon=True)
        self._syncer.start()

    @property
    def position(self) -> int:
        """Bytes written since the journal began."""
        return self._base + self._size

    @property
    def trouble(self) -> str | None:
        """What to tell people while the disk does not take what is written; ``None`` while it does."""
        if self._failing is None:
            return None
        return f"cannot be written: {self._failing}; {len(self._owed)} line(s) wait in memory, {self._lost} are lost"

    def append(self, line: bytes) -> bool:
        """Write *line*, an intent, now; False where the disk does not take it, which leaves nothing behind."""
        if self._size >= self._full:
            # Only ever before an intent: every hold that is open now is in ``open``, and is carried over.
            self._rotate()
        return self._put(line)

    def keep(self, line: bytes) -> None:
        """Write *line*, an end, now or when the disk takes it again."""
        if self._put(line):
            return
        if self._owed_bytes + len(line) > MAX_OWED_BYTES:
            self.unwritten += 1
            self._lost += 1
            return
        self._owed.append(line)
        self._owed_bytes += len(line)

    def flush(self) -> bool:
        """Write what is owed; False where the disk still does not take it."""
        owed, self._owed = self._owed, deque()
        while owed:
            if not self._put(owed[0]):
                self._owed.extend(owed)  # after the end of half a line, where there is one
                return False
            self._owed_bytes -= len(owed.popleft())
            self._late += 1
        return True

    def _put(self, line: bytes) -> bool:
        if self._owed and not self.flush():
            return False
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            self._fail(error)
            return False
        if written != len(line):
            self._mend(written)
            self._fail()
            return False
        self._size += written
        if self._sync_each:
            _synced(self._fd)
        return True

    def close(self) -> None:
        """Sync and give the lock back: from now on this is a dead process's journal."""
        if self._closing.is_set():
            return
        if not self.flush():
            log.error("%d line(s) of the journal are lost: %s", len(self._owed), self._failing)
        if self._timer is not None:
            self._timer.cancel()
        self._closing.set()
        self._syncer.join()
        for fd in (self._fd, self._lock_fd):
            os.close(fd)

    def _fail(self, error: OSError | None = None) -> None:
        """Note that the disk took nothing, or a part of a line alone, and try again later."""
        if self._failing is None:
            self._late = self._lost = 0
            full = error is None or error.errno in (errno.ENOSPC, errno.EDQUOT)
            self._failing = "the disk is full" if full else str(error)
            log.error(
                "the journal cannot be written: %s. Calls under a budget are refused; what others use waits in memory, "
                "and is lost should this process be killed",
                self._failing,
            )
        if self._timer is None and not self._closing.is_set():
            try:
                self._timer = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._again)
            except RuntimeError:  # no loop runs here: the next line tries again
                pass

    def _again(self) -> None:
        """Write what is owed. All is well once that is done and another line would be taken as well."""
        self._timer = None
        if not self.flush() or not self._takes():
            return  # whichever of them failed comes again
        self._failing = None
        log.warning(
            "the journal is written again: %d line(s) that waited are in it, %d are lost", self._late, self._lost
        )

    def _takes(self) -> bool:
        """Whether the disk has room: nothing may be owed, where all that came was refused."""
        try:
            written = os.write(self._fd, PROBE)
        except OSError as error:
            self._fail(error)
            return False
        self._mend(written)
        if written != len(PROBE) or self._owed:
            self._fail()
            return False
        return True

    def _locked(self) -> int:
        # Locked before it has its name: nobody may find it unlocked and take this process for dead.
        unnamed = self._directory / f"{self.id}.new"
        fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        unnamed.rename(lock_path(self._directory, self.id))
        return fd

    def _mend(self, written: int) -> None:
        """Take half a line away again; where even that fails, end it, so that it spoils no other line."""
        if not written:
            return
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._size += written
            self._owed.appendleft(b"\n")
            self._owed_bytes += 1

    def _rotate(self) -> None:
        """Go on in a new segment. Where none can be made, the present one grows by another share."""
        carried = b"".join([b'["c"' + line[4:] for _, line in self.open.values()])
        unnamed = self._directory / f"{self.id}.new"
        retired, fd = self._fd, -1
        try:
            fd = os.open(unnamed, FLAGS | os.O_TRUNC, 0o600)
            if os.write(fd, carried) != len(carried):
                raise OSError("short write")
            unnamed.rename(segment_path(self._directory, self.id, self.position))
        except OSError:
            self._full = self._size + self._segment_bytes
            if fd >= 0:
                os.close(fd)
            return
        self._fd, self._base, self._size = fd, self.position, len(carried)
        self._full = self._size + self._segment_bytes
        self._retired.append(retired)

    def _sync(self, every: float) -> None:
        """Sync on a timer, and close what was retired: nobody else closes a file that may be in use here."""
        synced = 0
        while True:
            closing = self._closing.wait(every)
            while self._retired:
                fd = self._retired.popleft()
                _synced(fd)
                os.close(fd)
            if self.position != synced:
                synced = self.position
                _synced(self._fd)
            if closing:
                return


def _synced(fd: int) -> None:
    """Sync a file. A disk that fails here fails the next write as well, and that one is heard."""
    try:
        os.fdatasync(fd)
    except OSError:
        pass
