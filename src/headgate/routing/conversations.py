"""Which deployment answered each conversation last, in a small file that all processes of a machine share.

It holds hashes alone, never grows, and outlives a change of the configuration. It is mapped into memory: to look into
it takes no system call, and two that write at once spoil nothing but their own entry.
"""

import mmap
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from struct import Struct

SETS = 1 << 14
WAYS = 4
"""Conversations that find room side by side; of more that meet in one set one is forgotten."""
_ENTRY = Struct("<QQ")
_SET = Struct(f"<{2 * WAYS}Q")
_SIZE = SETS * _SET.size


class Conversations:
    """A table of 65,536 conversations. Numbers are hashes of 64 bits; 0 is nobody."""

    __slots__ = ("_file", "_table")

    def __init__(self, file: Path | None = None) -> None:
        """*file* is shared; without one it is this process's own."""
        self._file = file
        self._table: mmap.mmap | bytearray | None = None

    def last(self, conversation: int) -> int:
        """Return who answered *conversation* last, 0 where that is not known."""
        table = self._table or self._opened()
        found: tuple[int, ...] = _SET.unpack_from(table, conversation % SETS * _SET.size)
        for way in range(0, 2 * WAYS, 2):
            if found[way] == conversation:
                return found[way + 1]
        return 0

    def remember(self, conversation: int, target: int) -> None:
        """Keep that *target* answered *conversation*."""
        table, at = self._table or self._opened(), conversation % SETS * _SET.size
        found = _SET.unpack_from(table, at)
        keys = found[::2]
        for known in (conversation, 0):
            if known in keys:
                way = keys.index(known)
                break
        else:
            way = conversation >> 32 & WAYS - 1
        if found[2 * way] != conversation or found[2 * way + 1] != target:
            _ENTRY.pack_into(table, at + way * _ENTRY.size, conversation, target)

    def _opened(self) -> mmap.mmap | bytearray:
        with suppress(OSError):
            self._table = self._mapped()
            return self._table
        self._table = bytearray(_SIZE)  # a disk that fails: then it is this process's own until it ends
        return self._table

    def _mapped(self) -> mmap.mmap:
        if self._file is None:
            with tempfile.TemporaryFile() as own:
                return _map(own.fileno())
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return _map(fd)
        finally:
            os.close(fd)


def _map(fd: int) -> mmap.mmap:
    """Map the file, all its room taken first: to write where a full disk has none would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, _SIZE)
    elif (there := os.fstat(fd).st_size) < _SIZE:  # macOS
        os.pwrite(fd, bytes(_SIZE - there), there)
    return mmap.mmap(fd, _SIZE)
