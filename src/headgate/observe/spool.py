"""What was said, on its way from a worker to whoever keeps it: a bounded queue beside the journal, then small files.

It is beside the journal and not in it, since the journal is what money rests on: it must be short, is read by one who
must not fall behind, and may lose nothing. What was said may be long, takes work before it may be kept, and may be
lost: what finds no room is counted, and the last tenth of a second goes with a process that is killed. The request path
hands over references; a thread puts a batch together, seals it, and gives it a name that the keeper looks for.
"""

import logging
import os
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

import msgspec

from headgate.core.ids import new_id
from headgate.observe import said

log = logging.getLogger("headgate.payloads")
FOLDER = "payloads"
BATCH = ".batch"
LOST = ".lost"
GATHER = 0.1
"""Seconds for which a batch is gathered; longer where many wait to be kept."""
LONG_GATHER = 2.0
MANY = 50
MAX_FILES = 2000
MAX_OWED = 64 * 1024 * 1024
"""Bytes that one worker has in memory; past it, what was said is lost."""
MAX_SPOOLED = 1024 * 1024 * 1024
"""Bytes of all files that wait."""
MAX_BATCH = 4 * 1024 * 1024
PAYLOADS = ABOUT = b"payloads"
"""What the key is for that what was said is sealed under."""
_SIZES = struct.Struct("<III")


class Seals(Protocol):
    """See ``access.vault.Sealer``."""

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """Return *secret* sealed."""
        ...

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed."""
        ...


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one call besides what was said."""

    id: str
    tenant_id: str
    at: int
    key_id: str | None
    end_user: str | None
    level: str
    limit: int
    """Bytes of each side that may be kept."""
    operation: str
    dialect: str
    media: str
    streamed: bool
    request_bytes: int
    answer_bytes: int


class Frame(msgspec.Struct, frozen=True):
    """One call's, as it is read back."""

    taken: Taken
    request: bytes
    answer: bytes


_Waiting = tuple[Taken, bytes, Sequence[bytes], Mapping[str, str]]
_encode = msgspec.json.Encoder().encode
_taken = msgspec.json.Decoder(Taken).decode


class Spool:
    """One worker's end."""

    def __init__(self, folder: Path, sealer: Seals) -> None:
        """*folder* is that of the home where its files wait; it is made on first use."""
        self.lost = 0
        """Calls for which there was no room, or no disk."""
        self._name = new_id()
        self._folder = folder
        self._sealer = sealer
        self._queue: deque[_Waiting] = deque()
        self._given = self._written = 0  # bytes; each counted by one thread alone
        self._wake, self._closing = Event(), Event()
        self._thread: Thread | None = None

    def put(self, taken: Taken, request: bytes, answer: Sequence[bytes], originals: Mapping[str, str]) -> None:
        """Hand over what was said; never waits. *originals* are replaced before anything reaches a disk."""
        size = len(request) + sum(map(len, answer)) + 512
        if self._given - self._written + size > MAX_OWED:
            self.lost += 1
            return
        self._given += size
        self._queue.append((taken, request, answer, originals))
        if self._thread is None:
            self._thread = Thread(target=self._run, name="payloads", daemon=True)
            self._thread.start()
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Write what waits, and end. Blocks."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        told, gather = 0, GATHER
        while not (self._closing.is_set() and not self._queue):
            self._wake.wait()
            self._closing.wait(gather)
            self._wake.clear()
            while self._queue:
                gather = self._write(self._batch())
            if self.lost != told:
                told = self.lost
                self._tell(told)

    def _batch(self) -> list[_Waiting]:
        batch, size = [], 0
        while self._queue and size < MAX_BATCH:
            batch.append(self._queue.popleft())
            size += len(batch[-1][1]) + sum(map(len, batch[-1][2])) + 512
        self._written += size
        return batch

    def _write(self, batch: list[_Waiting]) -> float:
        """Give *batch* to whoever keeps it; return how long to gather the next."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            count, size = waiting(self._folder)
            if count >= MAX_FILES or size >= MAX_SPOOLED:
                self.lost += len(batch)
                return LONG_GATHER
            sealed = self._sealer.seal(b"".join(map(_frame, batch)), ABOUT)
            name = self._folder / new_id()  # which orders them by time
            with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(sealed)
            name.rename(name.with_name(name.name + BATCH))
            return LONG_GATHER if count > MANY else GATHER
        except Exception as error:  # a full disk must not end this thread
            self.lost += len(batch)
            log.warning("what was said in %d calls is lost: %s", len(batch), error)
            return LONG_GATHER

    def _tell(self, lost: int) -> None:
        """Leave the count where the process that shows it finds it."""
        with suppress(OSError):
            (self._folder / (self._name + LOST)).write_text(str(lost))


def waiting(folder: Path) -> tuple[int, int]:
    """Return how many batches wait in *folder*, and their bytes."""
    count = size = 0
    for entry in os.scandir(folder):
        if entry.name.endswith(BATCH):
            count += 1
            with suppress(OSError):  # it was kept just now
                size += entry.stat().st_size
    return count, size


def _frame(one: _Waiting) -> bytes:
    taken, request, pieces, originals = one
    request, answer = request[: taken.limit], b"".join(pieces)[: taken.limit]
    if originals:
        taken, answer = veiled(taken, answer, originals)
    head = _encode(taken)
    return b"".join((_SIZES.pack(len(head), len(request), len(answer)), head, request, answer))


def veiled(taken: Taken, answer: bytes, originals: Mapping[str, str]) -> tuple[Taken, bytes]:
    """Return an answer with the placeholders again that a guardrail has put the originals in the place of."""
    found = said.answer_of(taken.dialect, answer, taken.answer_bytes, taken.limit, streamed=taken.streamed)
    if found.document is None:  # nobody knows where in it something stands
        return taken, b""
    document: Any = said.replaced(found.document, originals)
    return msgspec.structs.replace(taken, streamed=False), _encode(document)


def frames(batch: bytes) -> Iterator[Frame]:
    """Yield what an opened *batch* holds. Raise ``ValueError`` or ``struct.error`` where it is none."""
    at = 0
    while at < len(batch):
        head, request, answer = _SIZES.unpack_from(batch, at)
        at += _SIZES.size
        taken = _taken(batch[at : at + head])
        at += head
        yield Frame(taken, batch[at : at + request], batch[at + request : at + request + answer])
        at += request + answer
