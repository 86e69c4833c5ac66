"""Reading a journal that another may still be writing: whole lines from a position on, segment after segment."""

import fcntl
import os
from itertools import pairwise
from pathlib import Path

import msgspec

from headgate.ledger.journal import lock_path, segment_path
from headgate.ledger.lines import CARRIED, END, HOLD, KIND, RELEASE, HoldLine, ReleaseLine

CHUNK = 512 * 1024
"""Bytes that are stored in one transaction: sums and indexes are written once for all calls in them."""

_hold = msgspec.json.Decoder(HoldLine).decode
_release = msgspec.json.Decoder(ReleaseLine).decode


class Tail:
    """One journal as a reader sees it."""

    def __init__(self, directory: Path, journal: str, position: int = 0, stored: int = 0) -> None:
        self.id = journal
        self.position = position
        """Everything before it has been read."""
        self.counted = position
        """Everything before it is stored, and in all sums."""
        self.stored = stored
        """Where one who read it before had stored all."""
        self.segments: list[int] = []
        """Positions at which its segments begin, ascending."""
        self.end = position
        """Where it ended when it was last looked at."""
        self._directory = directory
        self._lock: int | None = None

    def look(self, segments: list[int]) -> None:
        """Note which segments there are."""
        self.segments = segments
        if segments:
            self.position = max(self.position, segments[0])
            self.counted = max(self.counted, segments[0])
            self.end = segments[-1] + os.stat(self._path(segments[-1])).st_size

    def read(self, most: int = CHUNK) -> bytes:
        """Return the next whole lines, some *most* bytes of them; empty where there is none yet."""
        while True:
            index = self._segment()
            if index is None:
                return b""
            begin = self.segments[index]
            last = index == len(self.segments) - 1
            stop = None if last else self.segments[index + 1]
            lines = self._lines(begin, stop, most)
            if lines or last:
                return lines
            self.position = self.segments[index + 1]

    def dead(self) -> bool:
        """Whether its process is gone. Then its lock is ours from now on, so nobody else recovers it."""
        if self._lock is not None:
            return True
        try:
            fd = os.open(lock_path(self._directory, self.id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._lock = fd
        return True

    def unlock(self) -> None:
        """Give the lock of a dead journal back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def drop(self, position: int, *, whole: bool) -> None:
        """Delete the segments that end before *position*, or the *whole* journal with its lock."""
        ends = {begin: end for begin, end in pairwise(self.segments)}
        gone = [begin for begin in self.segments if whole or ends.get(begin, position + 1) <= position]
        for begin in gone:
            self._path(begin).unlink(missing_ok=True)
        self.segments = [begin for begin in self.segments if begin not in gone]
        if whole:
            lock_path(self._directory, self.id).unlink(missing_ok=True)
            self.unlock()

    def open_holds(self) -> list[HoldLine]:
        """Return the holds that were never ended or given back, oldest first. Reads all segments there are."""
        calls: dict[str, dict[int, HoldLine]] = {}
        for begin in self.segments:
            for line in self._path(begin).read_bytes().split(b"\n")[:-1]:
                _follow(line, calls)
        return [hold for tries in calls.values() for hold in tries.values()]

    def _path(self, begin: int) -> Path:
        return segment_path(self._directory, self.id, begin)

    def _segment(self) -> int | None:
        for index in range(len(self.segments) - 1, -1, -1):
            if self.segments[index] <= self.position:
                return index
        return None

    def _lines(self, begin: int, stop: int | None, most: int) -> bytes:
        with self._path(begin).open("rb") as file:
            while True:
                size = most if stop is None else min(most, stop - self.position)
                data = os.pread(file.fileno(), size, self.position - begin)
                cut = data.rfind(b"\n") + 1
                if cut or len(data) < most:
                    return data[:cut]
                most *= 2  # one line longer than a chunk


def _follow(line: bytes, calls: dict[str, dict[int, HoldLine]]) -> None:
    kind = line[KIND]
    try:
        if kind in (HOLD, CARRIED):
            hold = _hold(line)
            calls.setdefault(hold.call_id, {}).setdefault(hold.attempt, hold)
        elif kind == RELEASE:
            release = _release(line)
            calls.get(release.call_id, {}).pop(release.attempt, None)
        elif kind == END:
            calls.pop(line.split(b'"', 4)[3].decode(), None)
    except (msgspec.MsgspecError, ValueError, IndexError):
        return  # it was noted when it was drained
