"""The drainer: the one that moves journals into the database, in a thread of its own.

It alone writes records, ledger, sums and rollups, and it alone settles what a dead process left. Nothing is lost and
nothing is stored twice; a database that takes nothing makes the journals longer, and that is all.
"""

import fcntl
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from headgate.audit.drained import Proofs
from headgate.ledger.batch import Ended, Poison, ended_of, read_end
from headgate.ledger.keeper import Keeper
from headgate.ledger.lines import END, HOLD, KIND, RELEASE
from headgate.ledger.recover import interrupted
from headgate.ledger.tail import CHUNK, Tail
from headgate.observe.facts import Facts

POLL_SECONDS = 0.2
SYNC_SECONDS = 1.0
LONGEST_PAUSE = 2.0
BEAT_SECONDS = 10.0
COUNT_SECONDS = 1.0
"""How long calls may wait to be counted while very many come: a row of sums is written once for all of them."""
FEW, MANY = 200, 8_000
"""Calls that are counted at once, and so many that none may wait any longer."""
TAKEOVER_SECONDS = 1.0
"""How long a start waits for one who drains this home just now: a command that will be done, or an old process."""


class Drainer:
    """Drains the journals of *directory*, those of one home, into the database that is *where*."""

    def __init__(
        self,
        directory: Path,
        where: str | Path,
        *,
        seen: Callable[[Iterable[Facts]], None] = lambda batch: None,
        node: str = "",
        proofs: Proofs | None = None,
        outside: Callable[[list[bytes]], None] | None = None,
    ) -> None:
        """*seen* is told every finished call after it is stored, once, from the drainer's thread; *proofs* seals them.
        *outside* is given the same records as they were written: it must not wait for anybody.

        *where* is a path or a database URL, *node* the name of the home among those that share it.
        """
        self.failing_since: float | None = None
        """Monotonic seconds; ``None`` while the database takes what it is given."""
        self.error: str | None = None
        self._directory = directory
        self._keeper = Keeper(where, directory / "dead.jsonl", seen, node, proofs, outside)
        self._tails: dict[str, Tail] = {}
        self._closed: set[str] = set()
        self._holds: dict[str, int] = {}
        self._synced_at = self._kept_at = self._counted_at = 0.0
        self._lock: int | None = None
        self._stopping = Event()
        self._thread: Thread | None = None

    @property
    def stored(self) -> int:
        """Records stored since the start."""
        return self._keeper.stored

    @property
    def dead_letters(self) -> int:
        """Lines that could not be stored and stand in ``dead.jsonl`` instead."""
        return self._keeper.buried

    @property
    def unseen(self) -> int:
        """Stored records that are in no sum, or that an observer failed on."""
        return self._keeper.unseen

    @property
    def behind(self) -> int:
        """Bytes of journals that are not in the database yet, with all sums."""
        return sum(tail.end - tail.counted for tail in list(self._tails.values()))

    @property
    def in_flight(self) -> int:
        """Holds open in all living processes, as far as their journals have been read."""
        return sum(max(count, 0) for count in list(self._holds.values()))

    def start(self) -> None:
        """Drain from now on. Where another process drains this home, wait until it ends."""
        self._thread = Thread(target=self._run, name="drainer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Drain what is there, sync, and end. Blocks; gives up where the database takes nothing."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._own() and self._try(self._empty):
            self._sync()
        self._release()

    def recover(self) -> None:
        """Before serving: store what earlier processes left, so that balances are whole.

        Raise ``SqlError`` or ``OSError``. Does nothing where another process drains this home and stays.
        """
        until = monotonic() + TAKEOVER_SECONDS
        while not self._own() and monotonic() < until:
            sleep(POLL_SECONDS / 10)
        if self._lock is not None:
            self._empty()
            self._keep_house()
            self._sync()

    def drain(self) -> int:
        """Make one pass over all journals; return how much was found to do, 0 where nothing is left."""
        done = self._pass()
        if not done:
            self._count()
        return done

    def _pass(self) -> int:
        known = self._tails
        dead = {journal for journal, tail in known.items() if tail.dead()}  # asked before the last look at them
        self._look()
        done = sum(self._drain(tail, tail.id in dead) for tail in self._tails.values())
        return done + len(self._tails.keys() - known.keys())

    def _run(self) -> None:
        pause = POLL_SECONDS
        while not self._stopping.wait(pause):
            if not self._own():
                continue
            if not self._try(self._keep_up):
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = POLL_SECONDS
            if monotonic() - self._synced_at >= SYNC_SECONDS:
                self._sync()

    def _keep_house(self) -> None:
        self._keeper.beat()
        self._keeper.forget(self._tails)
        self._kept_at = monotonic()

    def _empty(self) -> None:
        while self.drain():
            pass

    def _keep_up(self) -> None:
        """Store all there is; where that was something, what waits to be counted may wait until there is more."""
        found = False
        while self._pass():
            found = True
        if not (found and self._may_wait(0)):
            self._count()

    def _may_wait(self, more: int) -> bool:
        """Whether calls, with so many *more*, may be counted later."""
        return FEW < self._keeper.uncounted + more < MANY and monotonic() - self._counted_at < COUNT_SECONDS

    def _count(self) -> None:
        self._keeper.count()
        self._counted()

    def _counted(self) -> None:
        """All that was read is in the sums."""
        self._counted_at = monotonic()
        for tail in self._tails.values():
            tail.counted = tail.position

    def _try(self, work: Callable[[], None]) -> bool:
        """Do *work*; False where the database, or the disk, does not take it."""
        try:
            work()
            if self._keeper.shared and monotonic() - self._kept_at >= BEAT_SECONDS:
                self._keep_house()
        except Exception as error:  # whatever it is, the journals keep, and this thread must go on trying
            self.failing_since = self.failing_since or monotonic()
            self.error = str(error)
            self._keeper.close()
            return False
        self.failing_since = self.error = None
        return True

    def _own(self) -> bool:
        """Whether this is the one that drains this home."""
        if self._lock is None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._directory / "drain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                return False
            self._lock = fd
        return True

    def _release(self) -> None:
        for tail in self._tails.values():
            tail.unlock()
        self._tails = {}
        self._keeper.close(for_good=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _look(self) -> None:
        """Find the journals there are, each with its segments."""
        found: dict[str, list[int]] = {}
        for name in os.listdir(self._directory):
            journal, _, rest = name.partition(".")
            if rest.endswith(".log"):
                found.setdefault(journal, []).append(int(rest[:-4], 16))
            elif rest == "lock" and journal != "drain":
                found.setdefault(journal, [])
        tails = {journal: self._tails.get(journal) or self._begin(journal) for journal in sorted(found)}
        for journal in self._tails.keys() - tails.keys():
            self._tails[journal].unlock()
            self._closed.discard(journal)
            self._holds.pop(journal, None)
        self._tails = tails
        for journal, tail in tails.items():
            tail.look(sorted(found[journal]))

    def _begin(self, journal: str) -> Tail:
        position, counted, closed = self._keeper.begin(journal)
        if closed:
            self._closed.add(journal)
        return Tail(self._directory, journal, counted, position)

    def _drain(self, tail: Tail, dead: bool) -> int:
        if tail.id in self._closed:
            return 0
        if tail.position < tail.stored:
            return self._review(tail)
        lines = tail.read()
        if lines:
            return self._store(tail, lines)
        if dead:
            batch = [ended_of(record, charges) for record, charges in interrupted(tail.open_holds())]
            self._keeper.store(tail.id, batch, tail.end, closed=True)
            tail.position = tail.end
            self._counted()
            self._closed.add(tail.id)
            self._holds.pop(tail.id, None)
        return int(dead)

    def _store(self, tail: Tail, lines: bytes) -> int:
        """Store a chunk of whole lines."""
        batch, opened, count = self._parse(lines, self._keeper.bury)
        position = tail.position + len(lines)
        later = self._may_wait(len(batch))
        self._keeper.store(tail.id, batch, position, later=later)
        tail.position = position
        if not later:
            self._counted()
        self._holds[tail.id] = self._holds.get(tail.id, 0) + opened
        return count

    def _review(self, tail: Tail) -> int:
        """Read again what was stored when a drainer ended, and not counted."""
        left = tail.stored - tail.position
        lines = tail.read(min(CHUNK, left))[:left]  # more is read where a line is longer than a chunk
        if not lines:  # somebody took it away
            tail.position = tail.stored
            return 1
        batch, opened, count = self._parse(lines)
        tail.position += len(lines)
        self._keeper.review(tail.id, batch, tail.position)
        self._holds[tail.id] = self._holds.get(tail.id, 0) + opened
        return count

    @staticmethod
    def _parse(lines: bytes, bury: Callable[[bytes], None] = lambda line: None) -> tuple[list[Ended], int, int]:
        """Return the ended calls of whole *lines*, how many holds were opened and not closed, and how many lines."""
        batch: list[Ended] = []
        opened = 0
        whole = lines.split(b"\n")[:-1]
        for line in whole:
            kind = line[KIND]
            if kind == END:
                try:
                    ended, holds = read_end(line)
                    batch.append(ended)
                except Poison as error:
                    bury(line)
                    holds = error.holds
                    if error.ended is not None:
                        batch.append(error.ended)
                opened -= holds
            elif kind == HOLD:
                opened += 1
            elif kind == RELEASE:
                opened -= 1
        return batch, opened, len(whole)

    def _sync(self) -> None:
        """Sync the database, and only then delete what it has taken over."""
        positions = {journal: tail.counted for journal, tail in self._tails.items()}
        self._synced_at = monotonic()
        try:
            self._keeper.sync()
            for journal, position in positions.items():
                self._tails[journal].drop(position, whole=journal in self._closed)
        except OSError as error:
            self.error = str(error)
