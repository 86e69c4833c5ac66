"""What people have switched by hand: for all machines, told to them, bounded."""

import asyncio
from contextlib import closing

import pytest

from headgate.storage import switches_sql
from headgate.storage.engine import open_engine
from headgate.storage.feed import SqlKeyFeed
from headgate.storage.object_rows import Author
from headgate.storage.sql import open_sql
from headgate.storage.sqlite import path_of
from headgate.storage.switches import CHANGE, switched
from headgate.storage.switches_sql import SqlSwitches

ANN = Author(kind="user", id="ann", tenant_id="default")


async def test_a_switch_is_told_to_every_process_and_bounded(url, monkeypatch):
    engine = open_engine(url)
    store, feed = SqlSwitches(engine), SqlKeyFeed(path_of(url) or url)
    await store.set("a/b", "open", ANN)
    await store.set("a/b", "closed", ANN)
    await store.set("c", "open", ANN)
    assert await store.all() == {"a/b": "closed", "c": "open"}
    assert [(one.kind, one.object_id) for one in await feed.changes(0)] == [
        (CHANGE, "a/b"),
        (CHANGE, "a/b"),
        (CHANGE, "c"),
    ]

    def read():
        with closing(open_sql(path_of(url) or url)) as sql:
            return switched(sql)

    assert await asyncio.to_thread(read) == {"a/b": "closed", "c": "open"}
    monkeypatch.setattr(switches_sql, "MOST", 2)
    with pytest.raises(ValueError, match="already"):
        await store.set("d", "open", ANN)
    await store.set("c", None, ANN)
    await store.set("d", "open", ANN)
    assert await store.all() == {"a/b": "closed", "d": "open"}
    feed.close()
    await engine.dispose()
