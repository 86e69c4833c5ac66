"""The drainer's hand in the database: a batch and how far its journal was read, in one transaction."""

import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from time import time_ns

from headgate.ledger.batch import POISONS, Ended, store_singly, store_together
from headgate.observe.facts import Facts
from headgate.storage.check import commits_file
from headgate.storage.sqlite import connect

POSITION = "INSERT INTO journals VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position, closed = ?3"
COMMIT = "INSERT INTO meta VALUES ('commits', 1) ON CONFLICT DO UPDATE SET value = value + 1"


class Keeper:
    """Writes batches. One thread at a time; every method may raise ``sqlite3.Error`` and leaves nothing half done."""

    def __init__(self, path: Path, dead_letters: Path, seen: Callable[[Iterable[Facts]], None]) -> None:
        """*seen* is told what was stored and is new; what cannot be stored is appended to *dead_letters*."""
        self.stored = 0
        self.buried = 0
        self.unseen = 0
        """Stored records that the observer failed on."""
        self._path = path
        self._dead_letters = dead_letters
        self._seen = seen
        self._con: sqlite3.Connection | None = None
        self._commits = self._noted = 0

    def begin(self, journal: str) -> tuple[int, bool]:
        """Return how far *journal* is in the database, and whether it was closed."""
        con = self._connected()
        row = con.execute("SELECT position, closed FROM journals WHERE id = ?", (journal,)).fetchone()
        return (row[0], bool(row[1])) if row else (0, False)

    def store(self, journal: str, batch: list[Ended], position: int, *, closed: bool = False) -> None:
        """Store *batch*, and that *journal* was read up to *position*; a closed one loses its grants."""
        con = self._connected()
        con.execute("BEGIN IMMEDIATE")
        try:
            new: list[Facts] = [facts for facts, _, _ in batch]
            if batch and not _together(con, journal, batch):
                con.execute("ROLLBACK")
                con.execute("BEGIN IMMEDIATE")
                new = store_singly(con, journal, batch, lambda ended: self.bury(ended[1]))
            con.execute(POSITION, (journal, position, closed))
            if closed:
                con.execute("DELETE FROM grants WHERE owner = ?", (journal,))
            con.execute(COMMIT)
            con.execute("COMMIT")
        except BaseException:
            if con.in_transaction:
                con.execute("ROLLBACK")
            raise
        self._commits += 1
        self.stored += len(new)
        if new:
            self._tell(new)

    def bury(self, line: bytes) -> None:
        """Keep what cannot be stored in a file, for a person to look at."""
        with self._dead_letters.open("ab") as file:
            file.write(line.rstrip(b"\n") + b"\n")
        self.buried += 1

    def forget(self, living: Iterable[str]) -> None:
        """Delete what journals left that are neither living nor there: positions, and grants whose lease is over."""
        con = self._connected()
        marks = [(each,) for each in living]
        con.execute("BEGIN IMMEDIATE")
        con.execute("CREATE TEMP TABLE IF NOT EXISTS living (id TEXT PRIMARY KEY)")
        con.execute("DELETE FROM living")
        con.executemany("INSERT INTO living VALUES (?)", marks)
        con.execute("DELETE FROM journals WHERE id NOT IN (SELECT id FROM living)")
        con.execute(
            "DELETE FROM grants WHERE expires_at < ? AND owner NOT IN (SELECT id FROM living)", (time_ns() // 1000,)
        )
        con.execute("COMMIT")

    def sync(self) -> None:
        """Make sure that what was stored is on the disk, and note it beside the database."""
        if self._commits == self._noted:
            return
        commits = self._commits
        try:
            fd = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)
        note = commits_file(self._path)
        unnamed = note.with_name(note.name + ".new")
        unnamed.write_text(f"{commits}\n")
        unnamed.rename(note)
        self._noted = commits

    def close(self) -> None:
        """Let go of the database."""
        if self._con is not None:
            self._con.close()
            self._con = None

    def _tell(self, new: list[Facts]) -> None:
        try:
            self._seen(new)
        except Exception:  # an observer that fails must not make a stored batch look unstored
            self.unseen += len(new)

    def _connected(self) -> sqlite3.Connection:
        if self._con is None:
            self._con = connect(self._path)
            self._con.execute("PRAGMA cache_size = -4000")  # KiB: a batch fits, and is written once
            row = self._con.execute("SELECT value FROM meta WHERE name = 'commits'").fetchone()
            self._commits = row[0] if row else 0
        return self._con


def _together(con: sqlite3.Connection, journal: str, batch: list[Ended]) -> bool:
    try:
        return store_together(con, journal, batch)
    except POISONS:
        return False
