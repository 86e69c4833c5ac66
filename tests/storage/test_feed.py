"""What the request path reads of the keys."""

from time import time_ns

import pytest

from headgate.core.errors import Unavailable
from headgate.storage.engine import open_engine
from headgate.storage.feed import SqlKeyFeed
from headgate.storage.keys import Secretless, SqlKeyStore
from headgate.storage.sqlite import connect
from tests.storage.test_keys import BY, key


@pytest.fixture
async def store(database):
    engine = open_engine(f"sqlite:///{database}")
    yield SqlKeyStore(engine)
    await engine.dispose()


@pytest.fixture
def feed(database):
    feed = SqlKeyFeed(database)
    yield feed
    feed.close()


async def test_a_key_is_found_by_its_digest(store, feed):
    row = key(key_hash=b"d1", is_active=False)
    await store.add_key("t1", row, BY)
    assert (await feed.lookup(b"d1")).key == row, "an inactive one too: the caller decides"
    assert await feed.lookup(b"d2") is None


async def test_the_former_secret_works_until_the_overlap_ends(store, feed):
    row = key(key_hash=b"d1")
    await store.add_key("t1", row, BY)
    new = await store.rotate("t1", row.id, Secretless(b"d2", "hg_", "2222"), BY, overlap=60)
    former = (await feed.lookup(b"d1")).key
    assert former.id == row.id
    assert former.expires_at == new.overlap_until
    assert (await feed.lookup(b"d2")).key.expires_at is None
    await store.rotate("t1", row.id, Secretless(b"d3", "hg_", "3333"), BY, overlap=-1)
    assert await feed.lookup(b"d1") is None, "two rotations ago"
    assert await feed.lookup(b"d2") is None, "the overlap is over"


async def test_an_earlier_expiry_wins_over_the_overlap(store, feed):
    soon = time_ns() // 1000 + 1000
    row = key(key_hash=b"d1", expires_at=soon)
    await store.add_key("t1", row, BY)
    await store.rotate("t1", row.id, Secretless(b"d2", "hg_", "2222"), BY, overlap=60)
    assert (await feed.lookup(b"d1")).key.expires_at == soon


async def test_a_tenant_that_is_off_is_told_with_its_keys(store, feed, database):
    await store.add_key("t1", key(key_hash=b"d1"), BY)
    con = connect(database)
    con.execute("UPDATE tenants SET is_active = 0 WHERE id = 't1'")
    con.close()
    assert (await feed.lookup(b"d1")).tenant.is_active is False


async def test_changes_come_in_order_and_once(store, feed):
    assert await feed.changes(-1) == []
    rows = [key() for _ in range(3)]
    for row in rows:
        await store.add_key("t1", row, BY)
    seen = await feed.changes(0)
    assert [c.object_id for c in seen] == [row.id for row in rows]
    assert [c.seq for c in seen] == sorted({c.seq for c in seen})
    assert await feed.changes(-1) == seen[-1:]
    await store.revoke("t1", rows[0].id, BY)
    (last,) = await feed.changes(seen[-1].seq)
    assert (last.object_id, last.kind, last.tenant_id) == (rows[0].id, "key", "t1")
    assert await feed.changes(last.seq) == []


async def test_numbers_are_never_given_twice(store, feed, database):
    await store.add_key("t1", key(), BY)
    (first,) = await feed.changes(0)
    con = connect(database)
    con.execute("DELETE FROM changes")
    con.close()
    await store.add_key("t1", key(), BY)
    (second,) = await feed.changes(0)
    assert second.seq > first.seq


async def test_a_store_that_is_gone_is_unavailable_and_comes_back(store, feed, database):
    away = database.with_name("away")
    database.rename(away)
    with pytest.raises(Unavailable) as caught:
        await feed.lookup(b"d1")
    assert caught.value.code == "auth_unavailable"
    assert not database.exists(), "nothing is recreated"
    away.rename(database)
    assert await feed.lookup(b"d1") is None
