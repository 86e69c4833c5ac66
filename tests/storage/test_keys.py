"""One suite for the key store on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from time import time_ns
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from headgate.core.ids import new_id
from headgate.storage.engine import open_engine
from headgate.storage.keys import Revoked, Secretless, SqlKeyStore
from headgate.storage.object_rows import Author
from headgate.storage.owned import Stale, Taken
from headgate.storage.schema import changes
from headgate.storage.tenancy import Filter, Narrow, NoSuch, Page, Sort
from headgate.storage.tenancy_objects import SqlUsers
from headgate.storage.tenancy_rows import UserRow
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
    async with store.engine.connect() as con:
        rows = await con.execute(select(changes.c.object_id, changes.c.kind).order_by(changes.c.seq))
        return [tuple(row) for row in rows]


BY = Author(kind="admin", id="a1", tenant_id="t1")


async def test_a_key_comes_back_as_it_was_stored(store):
    row = key(
        kind="admin",
        models='["fast"]',
        limits='{"rps":2}',
        budgets='[{"amount":5,"window":"day","unit":"nano"}]',
        tags='["a"]',
        expires_at=9,
        environment="test",
    )
    await store.add_key("t1", row, BY, roles=[("developer", "tenant")])
    assert await store.get("t1", row.id) == row
    assert await store.page("t1") == [row]
    assert await feed(store) == [(row.id, "key")]
    whole = await store.whole("t1", row.id)
    assert whole is not None
    assert (whole.key, whole.tenant.id, [(r.role, r.scope) for r in whole.roles]) == (
        row,
        "t1",
        [("developer", "tenant")],
    )


async def test_another_tenant_sees_and_changes_nothing(store):
    row = key()
    await store.add_key("t1", row, BY)
    assert await store.get("t2", row.id) is None
    assert await store.find("t2", row.id) is None
    assert await store.whole("t2", row.id) is None
    assert await store.page("t2") == []
    assert await store.used("t2", [row.id]) == {}
    assert await store.set_key("t2", row.id, {"name": "x"}, BY) is None
    assert await store.revoke("t2", row.id, BY) is None
    assert await store.rotate("t2", row.id, Secretless(b"n", "hg_", "last"), BY) is None
    assert await store.get("t1", row.id) == row
    assert len(await feed(store)) == 1, "a refused write says nothing in the feed"
    with pytest.raises(ValueError, match="own tenant"):
        await store.add_key("t2", key("t1"), BY)


async def test_pages_follow_each_other_in_every_order(store):
    rows = [key(name=name) for name in "bdace"]
    for row in rows:
        await store.add_key("t1", row, BY)
    by_id = sorted(row.id for row in rows)
    by_name = [row.id for row in sorted(rows, key=lambda row: row.name)]
    orders: tuple[tuple[Sort, list[str]], ...] = (
        ("created_at", by_id),
        ("-created_at", by_id[::-1]),
        ("name", by_name),
        ("-name", by_name[::-1]),
    )
    for sort, order in orders:
        seen: list[str] = []
        after: tuple[str, ...] = ()
        while True:
            page = await store.page("t1", page=Page(2, sort, after))
            seen += [row.id for row in page]
            if len(page) < 2:
                break
            after = (page[-1].name, page[-1].id) if sort.endswith("name") else (page[-1].id,)
        assert seen == order, sort


async def test_filters(store):
    person = UserRow(id="u1", tenant_id="t1", email="u@x", name="U", created_at=1, updated_at=1)
    await SqlUsers(store.engine).add("t1", person, BY)
    await store.add_key("t1", key(name="Search 100%", user_id="u1"), BY)
    await store.add_key("t1", key(name="Billing", environment="test"), BY)

    async def names(**fields: Any) -> list[str]:
        return [row.name for row in await store.page("t1", Filter(**fields))]

    assert await names(search="search") == ["Search 100%"]
    assert await names(search="0%") == ["Search 100%"]
    assert await names(search="%") == ["Search 100%"], "a sign of patterns means itself"
    assert await names(equal={"environment": "test"}) == ["Billing"]
    assert await names(within=Narrow(user_id="u1")) == ["Search 100%"]
    assert await names(within=Narrow(teams=frozenset({"t"}))) == []
    assert await names(within=Narrow()) == []


async def test_changes_are_told_and_may_say_what_they_were_made_for(store):
    row = key()
    await store.add_key("t1", row, BY)
    changed = await store.set_key("t1", row.id, {"limits": '{"rpm":5}', "name": "other"}, BY, expect=row.updated_at)
    assert (changed.limits, changed.name) == ('{"rpm":5}', "other")
    assert changed.updated_at > row.updated_at
    with pytest.raises(Stale):
        await store.set_key("t1", row.id, {"name": "third"}, BY, expect=row.updated_at)
    with pytest.raises(Stale):
        await store.revoke("t1", row.id, BY, expect=row.updated_at)
    assert (await store.get("t1", row.id)).name == "other"
    off = await store.set_key("t1", row.id, {"is_active": False}, BY)
    assert off.is_active is False
    assert await feed(store) == [(row.id, "key")] * 3
    with pytest.raises(ValueError, match="tenant_id"):
        await store.set_key("t1", row.id, {"tenant_id": "t2"}, BY)


async def test_a_key_belongs_to_what_exists(store):
    for field in ("team_id", "app_id", "user_id"):
        with pytest.raises(NoSuch, match=field):
            await store.add_key("t1", key(**{field: "nothing"}), BY)
    assert await store.page("t1") == []


async def test_rotation_keeps_the_id_and_the_former_secret_for_a_while(store):
    row = key()
    await store.add_key("t1", row, BY)
    before = time_ns() // 1000
    new = await store.rotate("t1", row.id, Secretless(b"second", "hg_live_", "2222"), BY, overlap=60)
    assert (new.id, new.key_hash, new.last4, new.rotated_from) == (row.id, b"second", "2222", row.key_hash)
    assert before + 60_000_000 <= new.overlap_until <= time_ns() // 1000 + 60_000_000


async def test_a_revoked_key_stays_off(store):
    row = key()
    await store.add_key("t1", row, BY)
    await store.rotate("t1", row.id, Secretless(b"second", "hg_live_", "2222"), BY, overlap=60)
    gone = await store.revoke("t1", row.id, BY)
    assert gone.is_active is False
    assert gone.revoked_at is not None
    assert gone.rotated_from is None, "the former secret is revoked with it"
    assert await store.revoke("t1", row.id, BY) == gone
    with pytest.raises(Revoked):
        await store.set_key("t1", row.id, {"is_active": True}, BY)
    with pytest.raises(Revoked):
        await store.rotate("t1", row.id, Secretless(b"third", "hg_", "3333"), BY)
    assert msgspec.structs.asdict(await store.get("t1", row.id)) == msgspec.structs.asdict(gone)


async def test_two_keys_cannot_share_a_digest(store):
    await store.add_key("t1", key(key_hash=b"same"), BY)
    with pytest.raises(Taken):
        await store.add_key("t1", key(key_hash=b"same"), BY)
    assert len(await feed(store)) == 1, "the change is in the transaction of the write"


async def test_a_first_administrator_administers_the_platform(store):
    row = key("default", kind="admin")
    await store.add_first("default", row)
    whole = await store.whole("default", row.id)
    assert [(r.role, r.scope) for r in whole.roles] == [("platform-admin", "platform")]
