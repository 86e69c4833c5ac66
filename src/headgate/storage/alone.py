"""One process at a time, among all that use a database: a lock beside the file, or the server's own."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headgate.storage.sql import open_sql
from headgate.storage.sqlite import path_of

PATIENCE = 60.0


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


@contextmanager
def _file(file: Path) -> Iterator[None]:
    fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
