"""The table of sealed keys, and the way to it from the first schema."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from headgate.storage import upgrade
from headgate.storage.check import version
from headgate.storage.engine import open_engine
from headgate.storage.feed import SqlKeyFeed
from headgate.storage.object_rows import Author
from headgate.storage.provider_keys import ProviderKeyRow, stored
from headgate.storage.provider_keys_sql import SqlProviderKeys
from headgate.storage.sql import SqlError
from headgate.storage.sqlite import connect

ANN = Author(kind="user", id="ann", tenant_id="default")


def row(id: str = "k1", tenant: str = "default", provider: str = "openai") -> ProviderKeyRow:
    return ProviderKeyRow(
        id=id,
        tenant_id=tenant,
        provider=provider,
        name="n",
        sealed=b"\0x",
        key_prefix="sk-a",
        last4="bcde",
        created_at=5,
    )


def test_a_database_of_the_first_schema_is_brought_up(tmp_path: Path) -> None:
    from alembic import command

    path = tmp_path / "headgate.db"
    upgrade.ensure(f"sqlite:///{path}")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as con:
        command.downgrade(upgrade._config(con), "0001")
    engine.dispose()
    old: Any = connect(path)
    old.execute("INSERT INTO tenants VALUES ('t', 'T', 1, '{}', 0, 0)")
    old.close()
    assert version(path) == "0001"
    assert stored(path, "default") == []  # a worker that looks before the upgrade finds none
    upgrade.ensure(f"sqlite:///{path}")
    assert version(path) == upgrade.HEAD
    new: Any = connect(path)
    assert new.execute("SELECT name FROM tenants").fetchall() == [("T",)]
    assert new.execute("SELECT count(*) FROM provider_keys").fetchone() == (0,)
    new.close()


async def test_keys_are_kept_by_tenant_and_provider_and_the_feed_tells(tmp_path: Path) -> None:
    path = tmp_path / "headgate.db"
    assert stored(path, "default") == []
    upgrade.ensure(f"sqlite:///{path}")
    engine = open_engine(f"sqlite:///{path}")
    store, feed = SqlProviderKeys(engine), SqlKeyFeed(path)
    await store.create("default", row("k1"), ANN)
    await store.create("default", row("k2", provider="anthropic"), ANN)
    await store.create("other", row("k3", tenant="other"), ANN)
    assert stored(path, "default") == [row("k1"), row("k2", provider="anthropic")]
    assert await store.list("default", "openai") == [row("k1")]
    assert await store.remove("other", "openai", "k1", ANN) is None
    assert await store.remove("default", "openai", "k1", ANN) == row("k1")
    assert [(c.kind, c.object_id) for c in await feed.changes(0)] == [
        ("provider_key", "k1"), ("provider_key", "k2"), ("provider_key", "k3"), ("provider_key", "k1"),
    ]  # fmt: skip
    feed.close()
    await engine.dispose()


async def test_on_postgres(postgres: str) -> None:
    import asyncio

    await asyncio.to_thread(upgrade.ensure, postgres)
    engine = open_engine(postgres)
    store = SqlProviderKeys(engine)
    await store.create("default", row("pg1"), ANN)
    assert await store.list("default", "openai") == [row("pg1")]
    assert await store.remove("default", "openai", "pg1", ANN) == row("pg1")
    await engine.dispose()


def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "headgate.db"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    try:
        stored(path, "default")
    except SqlError:
        return
    raise AssertionError("it was taken for a good one")
