"""One suite for the key store on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from time import time_ns

import msgspec
import pytest
from sqlalchemy import select

from headgate.core.call import new_id
from headgate.storage.engine import open_engine
from headgate.storage.keys import Secretless, SqlKeyStore
from headgate.storage.schema import changes
from headgate.storage.types import KeyRow


def key(tenant: str = "t1", **fields) -> KeyRow:
    now = time_ns() // 1000
    values = {
        "id": new_id(),
        "tenant_id": tenant,
        "name": "app",
        "key_hash": new_id().encode(),
        "key_prefix": "hg_live_",
        "last4": "wxyz",
        "created_at": now,
        "updated_at": now,
    }
    return KeyRow(**{**values, **fields})


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlKeyStore]:
    engine = open_engine(url)
    yield SqlKeyStore(engine)
    await engine.dispose()


async def feed(store: SqlKeyStore) -> list[tuple[str, str]]:
    async with store._engine.connect() as con:
        rows = await con.execute(select(changes.c.object_id, changes.c.kind).order_by(changes.c.seq))
        return [tuple(row) for row in rows]


async def test_a_key_comes_back_as_it_was_stored(store):
    row = key(
        models='["fast"]',
        limits='{"rps":2}',
        budgets='[{"amount":1,"window":"day"}]',
        tags='["a"]',
        expires_at=9,
        user_id="u",
        app_id="a",
        environment="test",
    )
    await store.create("t1", row)
    assert await store.get("t1", row.id) == row
    assert await store.list("t1") == [row]
    assert await feed(store) == [(row.id, "key")]


async def test_another_tenant_sees_and_changes_nothing(store):
    row = key()
    await store.create("t1", row)
    assert await store.get("t2", row.id) is None
    assert await store.list("t2") == []
    assert await store.change("t2", row.id, {"name": "x"}) is None
    assert await store.revoke("t2", row.id) is None
    assert await store.rotate("t2", row.id, Secretless(b"n", "hg_", "last"), overlap=1) is None
    assert await store.get("t1", row.id) == row
    assert len(await feed(store)) == 1, "a refused write says nothing in the feed"
    with pytest.raises(ValueError, match="own tenant"):
        await store.create("t2", key("t1"))


async def test_pages_follow_each_other(store):
    rows = [key() for _ in range(5)]
    for row in rows:
        await store.create("t1", row)
    first = await store.list("t1", limit=3)
    rest = await store.list("t1", after=first[-1].id)
    assert [row.id for row in first + rest] == sorted(row.id for row in rows)


async def test_change_and_switch_are_told(store):
    row = key()
    await store.create("t1", row)
    changed = await store.change("t1", row.id, {"limits": '{"rpm":5}', "name": "other"})
    assert (changed.limits, changed.name) == ('{"rpm":5}', "other")
    assert changed.updated_at >= row.updated_at
    off = await store.switch("t1", row.id, on=False)
    assert off.is_active is False
    assert (await store.switch("t1", row.id, on=True)).is_active is True
    assert await feed(store) == [(row.id, "key")] * 4
    with pytest.raises(ValueError, match="tenant_id"):
        await store.change("t1", row.id, {"tenant_id": "t2"})


async def test_rotation_keeps_the_id_and_the_former_secret_for_a_while(store):
    row = key()
    await store.create("t1", row)
    before = time_ns() // 1000
    new = await store.rotate("t1", row.id, Secretless(b"second", "hg_live_", "2222"), overlap=60)
    assert (new.id, new.key_hash, new.last4, new.rotated_from) == (row.id, b"second", "2222", row.key_hash)
    assert before + 60_000_000 <= new.overlap_until <= time_ns() // 1000 + 60_000_000


async def test_a_revoked_key_stays_off(store):
    row = key()
    await store.create("t1", row)
    await store.rotate("t1", row.id, Secretless(b"second", "hg_live_", "2222"), overlap=60)
    gone = await store.revoke("t1", row.id)
    assert gone.is_active is False
    assert gone.revoked_at is not None
    assert gone.rotated_from is None, "the former secret is revoked with it"
    assert await store.switch("t1", row.id, on=True) is None
    assert await store.rotate("t1", row.id, Secretless(b"third", "hg_", "3333"), overlap=1) is None
    assert msgspec.structs.asdict(await store.get("t1", row.id)) == msgspec.structs.asdict(gone)


async def test_two_keys_cannot_share_a_digest(store):
    await store.create("t1", key(key_hash=b"same"))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.create("t1", key(key_hash=b"same"))
    assert len(await feed(store)) == 1, "the change is in the transaction of the write"
