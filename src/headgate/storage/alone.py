"""One process at a time, among all that use a database: a lock beside the file, or the server's own.

And one gateway at a time, among all that would serve from the same files.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from headgate.storage.sql import open_sql
from headgate.storage.sqlite import path_of
from headgate.storage.types import StorageRefused

PATIENCE = 60.0
TAKEN = (
    "a gateway that runs serves this home, or its SQLite database, already. Use that one, give this one another home "
    "(--home, HEADGATE_HOME), or have both on PostgreSQL (HEADGATE_DATABASE_URL)."
)
ENDED_WITHIN = 0.5
"""Seconds for which a start waits for a gateway that was killed a moment ago."""


@contextmanager
def alone(where: str | Path, name: str) -> Iterator[None]:
    """Hold the lock *name* of the database *where*; wait for whoever has it, for a minute on a server.

    It ends with the process at the latest. Raise ``SqlError`` where a server cannot be reached.
    """
    path = where if isinstance(where, Path) else path_of(where)
    if path is not None:
        with _file(path.with_name(f"{path.name}.{name}")):
            yield
        return
    from headgate.storage.sql_postgres import numbers

    sql = open_sql(where, patience=PATIENCE)
    try:
        sql.execute("SELECT pg_advisory_lock(?)", numbers([name]))
        yield
    finally:
        sql.close()


class Claim:
    """Locks on files that others respect: held until they are given up, by the end of the process at the latest."""

    def __init__(self, files: Iterable[Path], within: float = 0.0) -> None:
        """Raise ``BlockingIOError`` where another has one of *files* and keeps it for *within* seconds."""
        self._fds: list[int] = []
        until = monotonic() + within
        try:
            for file in files:
                self._fds.append(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                _lock(self._fds[-1], until)
        except OSError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Let another have them. A second time changes nothing."""
        while self._fds:
            os.close(self._fds.pop())


def claim(home: Path, database: Path | None) -> Claim:
    """Take *home*, and the embedded *database*, for the gateway that this process is the parent of.

    Two would each take all the room in a budget and all of a limit for themselves; on a server, where there is no
    *database* of their own, they share both. Raise ``StorageRefused`` where another has them and does not drain.
    """
    if database is None:
        return Claim([])
    files = [home / "serve.lock"]
    if database.parent != home:
        files.append(database.with_name(f"{database.name}.serve"))
    try:
        return Claim(files, ENDED_WITHIN)
    except BlockingIOError:
        raise StorageRefused(str(home), TAKEN) from None
    except OSError as error:
        raise StorageRefused(str(error.filename or home), f"cannot be used: {error.strerror}.") from None


def _lock(fd: int, until: float) -> None:
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > until:
                raise
        sleep(0.02)


@contextmanager
def _file(file: Path) -> Iterator[None]:
    fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
