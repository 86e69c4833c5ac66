"""The SQLAlchemy engine of the management side. The request path does not come here."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from headgate.storage.sqlite import BUSY_SECONDS

POOL = 5


def open_engine(url: str) -> AsyncEngine:
    """Return the engine of ``sqlite:///path`` or ``postgresql://...``; it connects on first use, at most 5 times."""
    if not url.startswith("sqlite:///"):
        driver = "postgresql+asyncpg://" + url.split("://", 1)[1]
        return create_async_engine(driver, pool_size=POOL, max_overflow=0, pool_pre_ping=True)
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
