"""What the request path reads of the keys."""

import asyncio
from time import monotonic, time_ns

import pytest

from headgate.core.errors import Unavailable
from headgate.storage.engine import open_engine
from headgate.storage.feed import BUDGET, SqlKeyFeed
from headgate.storage.keys import Secretless, SqlKeyStore
from headgate.storage.redis import Redis
from headgate.storage.sql import Sql, open_sql
from headgate.storage.wake import Publisher, Wake, listen, subscribe
from tests.storage.test_keys import BY, key


@pytest.fixture
async def store(url):
    engine = open_engine(url)
    yield SqlKeyStore(engine)
    await engine.dispose()


@pytest.fixture
def feed(url):
    feed = SqlKeyFeed(url)
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


async def test_a_tenant_that_is_off_is_told_with_its_keys(store, feed, url):
    await store.add_key("t1", key(key_hash=b"d1"), BY)
    await say(url, "UPDATE tenants SET is_active = ? WHERE id = 't1'", False)
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


async def test_numbers_are_never_given_twice(store, feed, url):
    await store.add_key("t1", key(), BY)
    (first,) = await feed.changes(0)
    await say(url, "DELETE FROM changes")
    await store.add_key("t1", key(), BY)
    (second,) = await feed.changes(0)
    assert second.seq > first.seq


async def test_a_file_that_is_gone_is_unavailable_and_comes_back(database):
    feed = SqlKeyFeed(database)
    away = database.with_name("away")
    database.rename(away)
    with pytest.raises(Unavailable) as caught:
        await feed.lookup(b"d1")
    assert caught.value.code == "auth_unavailable"
    assert not database.exists(), "nothing is recreated"
    away.rename(database)
    assert await feed.lookup(b"d1") is None
    feed.close()


async def test_a_server_that_is_gone_is_unavailable():
    feed = SqlKeyFeed("postgresql://nobody@127.0.0.1:1/none")
    for question in (feed.lookup(b"d1"), feed.changes(0)):
        with pytest.raises(Unavailable) as caught:
            await question
        assert caught.value.code == "auth_unavailable"
    feed.close()


async def test_a_slow_server_keeps_no_request_waiting_for_a_key(migrated, monkeypatch):
    monkeypatch.setitem(BUDGET, "postgresql", 0.25)
    feed = SqlKeyFeed(migrated)
    assert await feed.lookup(b"d1") is None
    locker = open_sql(migrated)

    def slow(sql: Sql) -> None:
        sql.execute("LOCK TABLE keys IN ACCESS EXCLUSIVE MODE")
        sql.execute("SELECT 1 FROM pg_sleep(1.2)")

    held = asyncio.create_task(asyncio.to_thread(locker.transact, slow))
    await asyncio.sleep(0.3)
    with pytest.raises(Unavailable) as caught:
        async with asyncio.timeout(0.8):
            await feed.lookup(b"d1")
    assert caught.value.code == "auth_unavailable"
    await held
    assert await feed.lookup(b"d1") is None
    await asyncio.to_thread(locker.close)
    feed.close()


async def test_who_waits_for_a_change_is_woken_by_it(migrated):
    wake = Wake()
    listening = asyncio.create_task(listen(migrated, wake.poke))
    engine = open_engine(migrated)
    await asyncio.wait_for(wake.rest(60), 10)  # once it listens
    await SqlKeyStore(engine).add_key("t1", key(), BY)
    await asyncio.wait_for(wake.rest(60), 10)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await engine.dispose()


async def test_who_waits_is_woken_by_a_message_in_redis(redis_url):
    wake, publisher = Wake(), Publisher(Redis(redis_url), "t:changes")
    subscribed = asyncio.create_task(subscribe(Redis(redis_url), "t:changes", wake.poke))
    await asyncio.wait_for(wake.rest(60), 10)  # once it is subscribed
    publisher.tell()
    await asyncio.wait_for(wake.rest(60), 10)
    begun = monotonic()
    await wake.rest(0.2)
    assert monotonic() - begun > 0.15, "one message wakes once"
    subscribed.cancel()
    await asyncio.gather(subscribed, return_exceptions=True)
    await publisher.close()


async def say(url: str, statement: str, *values: object) -> None:
    """Run one statement."""

    def run() -> None:
        sql = open_sql(url)
        sql.transact(lambda inside: inside.execute(statement, values))
        sql.close()

    await asyncio.to_thread(run)
