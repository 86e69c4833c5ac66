"""What waits to be taken outside: in memory up to a bound, then in a file up to another, then dropped and counted."""

import os
import shutil
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

MAX_BYTES = 32 * 1024 * 1024
MAX_SPILL = 256 * 1024 * 1024
CHUNK = 1024 * 1024
LONGEST = 16 * CHUNK
"""No record is longer."""


class Backlog:
    """Records as they were stored, a JSON line each. Any thread may call; nothing waits for longer than a file takes.

    The order holds as long as memory is enough. After a crash the file is read from its start: what was taken from it
    comes twice. What was in memory then is lost to the outside, and stands in the database.
    """

    def __init__(self, file: Path, *, memory: int = MAX_BYTES, spill: int = MAX_SPILL) -> None:
        """*memory* and *spill* are bounds in bytes."""
        self._file = file
        self._memory, self._spill = memory, spill
        self._lock = Lock()
        self._waiting: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._bytes = 0
        self._read = 0
        self._written = _whole(file) if file.exists() else 0

    @property
    def waiting(self) -> int:
        """Records in memory, those taken and not settled among them."""
        return len(self._waiting) + len(self._taken)

    @property
    def spilled(self) -> int:
        """Bytes in the file that are still to be read."""
        return self._written - self._read

    def add(self, batch: Iterable[bytes]) -> int:
        """Take *batch* in; return how many records there is no room for."""
        with self._lock:
            over = []
            for raw in batch:
                if self._bytes + len(raw) > self._memory:
                    over.append(raw)
                else:
                    self._waiting.append(raw)
                    self._bytes += len(raw)
            return self._append(over) if over else 0

    def take(self, limit: int) -> list[bytes]:
        """Return the next records; they stay here until they are settled."""
        with self._lock:
            if not self._taken:
                if not self._waiting:
                    self._refill()
                self._taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            return self._taken

    def settle(self) -> None:
        """Forget what was taken."""
        with self._lock:
            self._bytes -= sum(map(len, self._taken))
            self._taken = []

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._waiting.clear()
            self._taken, self._bytes, self._read, self._written = [], 0, 0, 0
            self._file.unlink(missing_ok=True)

    def save(self) -> int:
        """Put what is in memory into the file, for the next start; return how many records there is no room for."""
        with self._lock:
            kept = [*self._taken, *self._waiting]
            self._taken, self._bytes = [], 0
            self._waiting.clear()
            try:
                self._compact()
            except OSError:
                return len(kept)
            return self._append(kept)

    def _append(self, batch: list[bytes]) -> int:
        lost = 0
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                if os.fstat(file.fileno()).st_size < self._written:  # it was taken away: this is another
                    self._read = self._written = 0
                file.truncate(self._written)  # half a line of a full disk
                written = self._written
                for raw in batch:
                    if written + len(raw) >= self._spill:
                        lost += 1
                    else:
                        file.write(raw + b"\n")
                        written += len(raw) + 1
        except OSError:  # what of it is in the file is beyond what is known of it
            return len(batch)
        self._written = written
        return lost

    def _refill(self) -> None:
        if self._read >= self._written:
            return
        left = self._written - self._read
        try:
            with self._file.open("rb") as file:
                file.seek(self._read)
                data = file.read(min(CHUNK, left))
                if left > CHUNK:
                    data += file.readline()
        except FileNotFoundError:  # somebody took it away, with what was in it
            data = b""
        self._read = self._read + len(data) if data else self._written
        self._waiting.extend(line for line in data.split(b"\n") if line)
        self._bytes += sum(map(len, self._waiting))
        if self._read >= self._written:
            self._read = self._written = 0
            self._file.unlink(missing_ok=True)

    def _compact(self) -> None:
        """Take what was read out of the file."""
        if not self._file.exists():
            self._read = self._written = 0
        if not self._read:
            return
        rest = self._file.with_name(self._file.name + ".new")
        with self._file.open("rb") as source, rest.open("wb") as target:
            source.seek(self._read)
            shutil.copyfileobj(source, target, CHUNK)
        rest.rename(self._file)
        self._written -= self._read
        self._read = 0


def _whole(file: Path) -> int:
    """Return how many bytes of *file* are whole lines: a process may have ended in the middle of one."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        opened.seek(max(size - LONGEST, 0))
        tail = opened.read()
    return size - len(tail) + tail.rfind(b"\n") + 1
