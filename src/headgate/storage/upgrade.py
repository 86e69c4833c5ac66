"""Bring a database to the present schema. Costs two milliseconds where it is there already.

Neither SQLAlchemy nor Alembic is imported unless there is something to do. A migration is one transaction under a lock:
killed half-way it leaves nothing behind, and of two processes one does it while the other waits.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.storage.alone import alone
from headgate.storage.check import version
from headgate.storage.sql import SqlError, TableMissing, open_sql, without_password
from headgate.storage.sqlite import PAGE_BYTES, path_of
from headgate.storage.types import StorageRefused, StorageUnreachable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0019"
KNOWN = frozenset(f"{number:04}" for number in range(1, int(HEAD) + 1))
OLDEST_SERVER = 14


def present(url: str) -> str | None:
    """Return the schema of a database, ``None`` where there is none yet. Nothing is changed or imported for it.

    Raise :class:`StorageRefused` where it is corrupt, read-only, newer than this program, or cannot be reached.
    """
    path = path_of(url)
    found = version(path) if path is not None else _server_version(url)
    if found is not None and found not in KNOWN:
        raise StorageRefused(without_password(path or url), _newer(found))
    return found


def ensure(url: str) -> None:
    """Create or migrate the database at ``sqlite:///path`` or ``postgresql://...``.

    Raise :class:`StorageRefused` as :func:`present` does.
    """
    if present(url) == HEAD:
        return
    path = path_of(url)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(path or url, "lock"):
        if present(url) == HEAD:
            return
        if path is not None:
            _migrate_sqlite(path)
        else:
            _migrate_postgres(url)


def _server_version(url: str) -> str | None:
    sql = open_sql(url)
    try:
        (number,) = sql.execute("SELECT CAST(current_setting('server_version_num') AS INTEGER)").fetchone()
        if number < OLDEST_SERVER * 10_000:
            why = f"is PostgreSQL {number // 10_000}; {OLDEST_SERVER} is the oldest that will do."
            raise StorageRefused(without_password(url), why)
        row = sql.execute("SELECT version_num FROM alembic_version").fetchone()
        return row[0] if row else None
    except TableMissing:
        return None
    except SqlError as error:
        raise StorageUnreachable(without_password(url), f"cannot be reached ({error}).") from None
    finally:
        sql.close()


def _newer(found: str) -> str:
    return f"its schema {found!r} is newer than this program, which knows {HEAD!r}. Install the newer version again."


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
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # an old database keeps its own
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        command.upgrade(_config(connection), HEAD)


def _migrate_postgres(url: str) -> None:
    import asyncio

    from headgate.storage.engine import open_engine

    def upgrade(connection: "Connection") -> None:
        from alembic import command

        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a large table takes the time it takes
        command.upgrade(_config(connection), HEAD)

    async def run() -> None:
        engine = open_engine(url)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    asyncio.run(run())
