"""Is this file a database of ours that can be used? Plain sqlite3, within milliseconds, and nothing is changed.

Pages are checked one by one (``quick_check``) up to 16 MB, which takes some 50 ms; a larger file is not read through.
"""

import os
import sqlite3
from pathlib import Path

from headgate.storage.sqlite import connect, is_full
from headgate.storage.types import StorageRefused

CHECKED_BYTES = 16 * 1024 * 1024
HEADER = b"SQLite format 3\x00"
FULL = "cannot be used while the disk is full. Make room and start again; nothing was changed."


def commits_file(path: Path) -> Path:
    """Return the note beside the database that tells how many batches of the journal are safely in it."""
    return path.with_name(path.name + ".commits")


def version(path: Path) -> str | None:
    """Return the schema revision of the database at *path*, ``None`` where it is absent or empty.

    Raise :class:`StorageRefused` where it must not be used: corrupt, read-only, another program's, or without commits
    that were made (the ``-wal`` file was removed, or an old copy was put in its place).
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            _refuse_lost(path, 0)
            return None
        _refuse_foreign(path)
        con = connect(path)
        try:
            con.execute("BEGIN IMMEDIATE")
            con.execute(
                "PRAGMA user_version = 0"
            )  # a read-only file, directory or file system shows here, and only here
            con.execute("ROLLBACK")
            _refuse_damaged(con, path)
            found = _revision(con, path)
            if found is not None:
                row = con.execute("SELECT value FROM meta WHERE name = 'commits'").fetchone()
                _refuse_lost(path, row[0] if row else 0)
            return found
        finally:
            con.close()
    except sqlite3.Error as error:
        raise StorageRefused(os.fspath(path), FULL if is_full(error) else _why(str(error))) from None
    except OSError as error:
        raise StorageRefused(os.fspath(path), _why(f"unable to open: {error.strerror}")) from None


def _why(error: str) -> str:
    if "readonly" in error or "unable to open" in error:
        return f"the database cannot be written ({error}). Check the owner and mode of the file and its directory."
    if "locked" in error or "busy" in error:
        return "another program has kept the database locked for 5 seconds. End it and start again."
    return f"the database is damaged ({error}). Restore a copy, or move it away to begin anew; it was left as it is."


def _refuse_foreign(path: Path) -> None:
    owner = path.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise StorageRefused(os.fspath(path), f"the database belongs to user {owner}, this process is {os.geteuid()}.")
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise StorageRefused(os.fspath(path), _why("readonly"))
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            raise StorageRefused(os.fspath(path), _why("file is not a database"))


def _refuse_damaged(con: sqlite3.Connection, path: Path) -> None:
    (pages,), (size,) = con.execute("PRAGMA page_count").fetchone(), con.execute("PRAGMA page_size").fetchone()
    if pages * size <= CHECKED_BYTES:
        (verdict,) = con.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StorageRefused(os.fspath(path), _why(verdict.splitlines()[-1][:200]))


def _revision(con: sqlite3.Connection, path: Path) -> str | None:
    tables = {name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StorageRefused(
            os.fspath(path), "this is another program's database: it has tables but no schema version."
        )
    row = con.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def _refuse_lost(path: Path, commits: int) -> None:
    note = commits_file(path)
    try:
        promised = int(note.read_text())
    except (FileNotFoundError, ValueError):
        return
    if promised > commits:
        raise StorageRefused(
            os.fspath(path),
            f"the last {promised - commits} commits are missing: its -wal file was removed, or an older copy took its "
            f"place. Put the right files back, or delete {note} to go on without what was lost.",
        )
