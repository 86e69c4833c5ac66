"""Which deployment answered each conversation last, in a small file that all processes of a machine share.

It holds hashes alone, never grows, and outlives a change of the configuration. Reading and writing it takes a system
call or two, of a file that is in memory; two that write at once spoil nothing but their own entry.
"""

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


class Conversations:
    """A table of 65,536 conversations. Numbers are hashes of 64 bits; 0 is nobody."""

    __slots__ = ("_fd", "_file")

    def __init__(self, file: Path | None = None) -> None:
        """*file* is shared; without one it is this process's own."""
        self._file = file
        self._fd = -1

    def last(self, conversation: int) -> int:
        """Return who answered *conversation* last, 0 where that is not known."""
        found = self._set(conversation)
        return next((found[at + 1] for at in range(0, len(found), 2) if found[at] == conversation), 0)

    def remember(self, conversation: int, target: int) -> None:
        """Keep that *target* answered *conversation*."""
        found = self._set(conversation)
        keys = found[::2]
        way = next((way for way, key in enumerate(keys) if key in (conversation, 0)), conversation >> 32 & WAYS - 1)
        if found[2 * way : 2 * way + 2] != (conversation, target):
            with suppress(OSError):
                os.pwrite(self._fd, _ENTRY.pack(conversation, target), _place(conversation) + way * _ENTRY.size)

    def _set(self, conversation: int) -> tuple[int, ...]:
        with suppress(OSError):
            if self._fd < 0:
                self._fd = self._open()
            return _SET.unpack(os.pread(self._fd, _SET.size, _place(conversation)).ljust(_SET.size, b"\0"))
        return (0,) * (2 * WAYS)  # a disk that fails: then nothing is remembered

    def _open(self) -> int:
        if self._file is None:
            with tempfile.TemporaryFile() as own:
                return os.dup(own.fileno())
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _place(conversation: int) -> int:
    return conversation % SETS * _SET.size
