"""Bring a database to the present schema. Costs two milliseconds where it is there already.

Neither SQLAlchemy nor Alembic is imported unless there is something to do. A migration is one transaction under a lock:
killed half-way it leaves nothing behind, and of two processes one does it while the other waits.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.storage.check import version
from headgate.storage.sqlite import path_of
from headgate.storage.types import StorageRefused

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0009"
KNOWN = frozenset(f"{number:04}" for number in range(1, int(HEAD) + 1))
PG_LOCK = 0x68656164  # any number that only we use


def ensure(url: str) -> None:
    """Create or migrate the database at ``sqlite:///path`` or ``postgresql://...``.

    Raise :class:`StorageRefused` where it is corrupt, read-only or newer than this program.
    """
    path = path_of(url)
    if path is None:
        _ensure_postgres(url)
        return
    if _checked(path) == HEAD:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(path.with_name(path.name + ".lock")):
        if _checked(path) != HEAD:
            _migrate_sqlite(path)


def _checked(path: Path) -> str | None:
    found = version(path)
    if found is not None and found not in KNOWN:
        raise StorageRefused(os.fspath(path), _newer(found))
    return found


def _newer(found: str) -> str:
    return f"its schema {found!r} is newer than this program, which knows {HEAD!r}. Install the newer version again."


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _config(connection: "Connection") -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", os.fspath(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def _migrate_sqlite(path: Path) -> None:
    import sqlite3

    from alembic import command
    from sqlalchemy import create_engine, event, pool

    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(f"sqlite:///{path}", poolclass=pool.NullPool)

    @event.listens_for(engine, "connect")
    def manual(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # or the driver would commit each CREATE TABLE on its own
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        command.upgrade(_config(connection), HEAD)


def _ensure_postgres(url: str) -> None:
    import asyncio

    from sqlalchemy import inspect, text

    from headgate.storage.engine import open_engine

    def upgrade(connection: "Connection") -> None:
        from alembic import command

        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": PG_LOCK})
        if inspect(connection).has_table("alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if found == HEAD:
                return
            if found is not None and found not in KNOWN:
                raise StorageRefused(connection.engine.url.render_as_string(hide_password=True), _newer(found))
        command.upgrade(_config(connection), HEAD)

    async def run() -> None:
        engine = open_engine(url)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    asyncio.run(run())
