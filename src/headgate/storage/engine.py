"""The SQLAlchemy engine of the management side. The request path does not come here."""

from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from headgate.storage.sql import StoreDown
from headgate.storage.sqlite import BUSY_SECONDS

POOL = 5
CONNECT_SECONDS = 2.0
WAIT_SECONDS = 10.0
STATEMENT_SECONDS = 60


def open_engine(url: str) -> AsyncEngine:
    """Return the engine of ``sqlite:///path`` or ``postgresql://...``; it connects on first use, at most 5 times."""
    if not url.startswith("sqlite:///"):
        creator = partial(_connect, url)  # asyncpg reads the URL: SQLAlchemy has other words for sslmode and such
        options = {"pool_size": POOL, "max_overflow": 0, "pool_timeout": WAIT_SECONDS, "pool_pre_ping": True}
        return create_async_engine("postgresql+asyncpg://", async_creator=creator, **options)
    engine = create_async_engine(
        "sqlite+aiosqlite:///" + url.removeprefix("sqlite:///"),
        pool_size=POOL,
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine


async def _connect(url: str) -> Any:
    """Open a connection; raise ``StoreDown``."""
    import asyncpg  # type: ignore[import-untyped]

    settings = {"application_name": "headgate", "statement_timeout": str(STATEMENT_SECONDS * 1000), "timezone": "UTC"}
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS, server_settings=settings)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreDown(str(error) or "it does not answer") from error
