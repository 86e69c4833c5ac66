"""The drainer's hand in the database: a batch and how far its journal was read, in one transaction."""

import logging
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from headgate.audit.drained import Proofs
from headgate.ledger.batch import Ended, store_singly, store_together
from headgate.ledger.viewing import Viewing
from headgate.limits.rates import SLOTS
from headgate.observe.facts import Facts
from headgate.storage.check import commits_file
from headgate.storage.sql import BadValue, InDoubt, Sql, open_sql
from headgate.storage.sqlite import path_of

log = logging.getLogger("headgate.ledger")
POSITION = """INSERT INTO journals (id, position, viewed, closed, node) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET position = excluded.position, closed = excluded.closed,
    viewed = CASE WHEN excluded.viewed > 0 THEN excluded.viewed
        ELSE COALESCE(journals.viewed, journals.position) END"""
BEGIN = "SELECT position, COALESCE(viewed, position), closed FROM journals WHERE id = ?"
COMMIT = """INSERT INTO meta (name, value) VALUES ('commits', 1)
    ON CONFLICT (name) DO UPDATE SET value = meta.value + 1"""
COMMITS = "SELECT value FROM meta WHERE name = 'commits'"
SEEN = "INSERT INTO nodes (id, seen_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
PLACES = """DELETE FROM grants WHERE period = ? AND owner IN
    (SELECT journals.id FROM journals JOIN nodes ON nodes.id = journals.node WHERE nodes.seen_at < ?)"""
LEASE = 60_000_000
"""Microseconds without a sign of life after which a home is taken for dead."""
PATIENCE = 30.0
"""Seconds for one statement: no request waits for it."""


class Doubled(Exception):
    """Part of a batch was there already."""


class Keeper:
    """Writes batches. One thread at a time; every method may raise ``SqlError`` and leaves nothing half done."""

    def __init__(
        self,
        where: str | Path,
        dead_letters: Path,
        seen: Callable[[Iterable[Facts]], None],
        node: str = "",
        proofs: Proofs | None = None,
        outside: Callable[[list[bytes]], None] | None = None,
    ) -> None:
        """*where* is a path or a database URL, *node* the name of this home among those that share the database.

        *seen* is told what was stored and is new, and *outside* is given it as it was written; what cannot be stored
        is appended to *dead_letters*. *proofs* seals.
        """
        self.stored = 0
        self.buried = 0
        self._untold = 0
        self._file = where if isinstance(where, Path) else path_of(where)
        self.shared = self._file is None
        """Whether other homes may use this database."""
        self._node = node
        self._dead_letters = dead_letters
        self._seen = seen
        self._proofs = proofs
        self._viewing = Viewing(node)
        self._outside = outside
        self._sql = open_sql(where, patience=PATIENCE if self._file is None else 5.0)
        self._commits = self._noted = 0

    @property
    def unseen(self) -> int:
        """Stored records that an observer failed on, or that are in no sum."""
        return self._untold + self._viewing.unseen

    @property
    def uncounted(self) -> int:
        """Stored records that are in no sum yet."""
        return self._viewing.waiting

    def begin(self, journal: str) -> tuple[int, int, bool]:
        """Return how far *journal* is in the database, how far in the sums, and whether it was closed."""
        row = self._sql.execute(BEGIN, (journal,)).fetchone()
        if row is None and self.shared:
            self._sql.transact(lambda sql: sql.execute(POSITION, (journal, 0, 0, False, self._node)))
        return (row[0], row[1], bool(row[2])) if row else (0, 0, False)

    def store(
        self, journal: str, batch: list[Ended], position: int, *, closed: bool = False, later: bool = False
    ) -> None:
        """Store *batch*, and that *journal* was read up to *position*; a closed one loses its grants.

        With *later* its calls wait to be counted; else they are now, with all that wait.
        """
        new = list(batch)
        poison: list[Ended] = []

        def together(sql: Sql) -> None:
            if not later:  # first: whoever takes grants of this journal waits for what is locked after it
                self._viewing.write(sql, [facts for facts, _, _ in new])
            if batch and not store_together(sql, journal, batch):
                raise Doubled
            self._prove(sql, new)
            self._move_on(sql, journal, position, 0 if later else position, closed)

        def singly(sql: Sql) -> None:
            new[:], poison[:] = store_singly(sql, journal, batch)
            if not later:
                self._viewing.write_singly(sql, [facts for facts, _, _ in new])
            self._prove(sql, new)
            self._move_on(sql, journal, position, 0 if later else position, closed)

        try:
            self._sql.transact(together)
        except (BadValue, Doubled):
            self._sql.transact(singly)
        except InDoubt as error:
            if not self._sql.committed(error.transaction):
                raise
        self._commits += 1
        if later:
            self._viewing.wait(journal, position, [facts for facts, _, _ in new])
        else:
            self._viewing.done()
        if self._proofs is not None:
            self._proofs.done()
        for _, line, _ in poison:
            self.bury(line)
        self.stored += len(new)
        if new:
            self._tell(new)

    def review(self, journal: str, batch: list[Ended], position: int) -> None:
        """Let *batch* wait to be counted: it was stored before, up to *position* of *journal*."""
        self._viewing.wait(journal, position, [facts for facts, _, _ in batch])

    def count(self) -> None:
        """Count what waits for it."""
        if not self._viewing.behind:
            return

        def work(sql: Sql, write: Callable[[Sql], None] = self._viewing.write) -> None:
            write(sql)
            self._committing(sql)

        try:
            self._sql.transact(work)
        except BadValue:
            self._sql.transact(partial(work, write=self._viewing.write_singly))
        except InDoubt as error:
            if not self._sql.committed(error.transaction):
                raise
        self._commits += 1
        self._viewing.done()

    def bury(self, line: bytes) -> None:
        """Keep what cannot be stored in a file, for a person to look at."""
        with self._dead_letters.open("ab") as file:
            file.write(line.rstrip(b"\n") + b"\n")
        self.buried += 1
        log.warning("what a call left cannot be stored and stands in %s", self._dead_letters)

    def forget(self, living: Iterable[str]) -> None:
        """Delete what this home's journals left that are neither living nor there, and grants of nobody known."""
        kept = frozenset(living)

        def work(sql: Sql) -> None:
            known = {id for (id,) in sql.execute("SELECT id FROM journals WHERE node <> ?", (self._node,))} | kept
            mine = sql.execute("SELECT id FROM journals WHERE node = ?", (self._node,))
            sql.executemany("DELETE FROM journals WHERE id = ?", [row for row in mine if row[0] not in kept])
            over = sql.execute("SELECT DISTINCT owner FROM grants WHERE expires_at < ?", (sql.now(),))
            sql.executemany("DELETE FROM grants WHERE owner = ?", [row for row in over if row[0] not in known])

        self._sql.transact(work)

    def beat(self) -> None:
        """Say that this home is alive, and take back the places in flight of those that have not said so for a minute.

        Their grants of money stay: what they cover is only known from their journals, which may come back.
        """

        def work(sql: Sql) -> None:
            sql.execute(SEEN, (self._node, sql.now()))
            sql.execute(PLACES, (SLOTS, sql.now() - LEASE))

        self._sql.transact(work)

    def sync(self) -> None:
        """Make sure that what was stored is on the disk, and note it beside the database. A server does so itself."""
        if self._file is None or self._commits == self._noted:
            return
        try:
            fd = os.open(f"{self._file}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        commits = self._commits
        (counted,) = self._sql.execute(COMMITS).fetchone() or (0,)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)
        note = commits_file(self._file)
        unnamed = note.with_name(note.name + ".new")
        unnamed.write_text(f"{counted}\n")
        unnamed.rename(note)
        self._noted = commits

    def close(self, *, for_good: bool = False) -> None:
        """Let go of the database, and with *for_good* of what waits to be counted: the next to begin reads it again."""
        self._viewing.forget(waiting=for_good)
        self._sql.close()

    def _move_on(self, sql: Sql, journal: str, position: int, viewed: int, closed: bool) -> None:
        sql.execute(POSITION, (journal, position, viewed, closed, self._node))
        if closed:
            sql.execute("DELETE FROM grants WHERE owner = ?", (journal,))
        self._committing(sql)

    def _committing(self, sql: Sql) -> None:
        if self._file is not None:
            sql.execute(COMMIT)

    def _prove(self, sql: Sql, new: list[Ended]) -> None:
        if self._proofs is not None and new:
            self._proofs.add(sql, ((facts, raw) for facts, raw, _ in new))

    def _tell(self, new: list[Ended]) -> None:
        try:
            self._seen([facts for facts, _, _ in new])
            if self._outside is not None:
                self._outside([raw for _, raw, _ in new])
        except Exception:  # an observer that fails must not make a stored batch look unstored
            self._untold += len(new)
