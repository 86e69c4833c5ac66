"""Plain connections to the embedded database: no SQLAlchemy, whose import alone takes longer than a start may."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

BUSY_SECONDS = 5.0
PAGE_BYTES = 8192
"""Of a new database: a record takes some 1.5 KB, of which too few would share a page of the usual size."""
CHECKPOINT_PAGES = 2000
"""Written to the log before they are moved into the file, where what changes often is then written once."""

# Python 3.11 looks for an adapter of every value that is neither a text nor a number, and words an error for each that
# has none: half the cost of writing a row with many NULLs. These give back what they are given.
sqlite3.register_adapter(type(None), {None: None}.__getitem__)
sqlite3.register_adapter(bytes, bytes)


def is_full(error: BaseException | None) -> bool:
    """Whether *error* says that the disk has no room: for more of the file, or of what all who use it share."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def path_of(url: str) -> Path | None:
    """Return the file of ``sqlite:///path``, or ``None`` for another kind of database."""
    return Path(url.removeprefix("sqlite:///")).expanduser() if url.startswith("sqlite:///") else None


def connect(path: Path, *, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open an existing database, in autocommit: transactions are begun in words.

    A commit is written but not synced (a power cut may undo the last ones, nothing else can); whoever holds the lock is
    waited for *timeout* seconds. Raise ``sqlite3.OperationalError`` where there is no file: none is ever created here.
    """
    con = sqlite3.connect(
        f"file:{quote(os.fspath(path))}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    con.execute("PRAGMA synchronous=NORMAL")
    con.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return con
