"""Objects and their versions: one suite for both databases."""

import asyncio

import msgspec
import pytest
from sqlalchemy import select

from headgate.storage import objects as module
from headgate.storage.engine import open_engine
from headgate.storage.object_rows import SHARED, Author, every_object
from headgate.storage.objects import SqlObjects, Stale, TooMany
from headgate.storage.schema import changes
from headgate.storage.schema.proofs import audit
from headgate.storage.sql import open_sql

ME = Author(kind="admin", id="a1", tenant_id="home", address="127.0.0.1", request_id="r1")
ONE, TWO = {"targets": ["a/x"]}, {"targets": ["b/x"]}


@pytest.fixture
async def engine(url):
    engine = open_engine(url)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine):
    return SqlObjects(engine)


def body(row):
    return msgspec.json.decode(row.body)


async def test_an_object_has_versions(store):
    made = await store.put("t", "route", "fast", ONE, author=ME, note="first")
    changed = await store.put("t", "route", "fast", TWO, author=ME)
    assert (made.version, changed.version, body(changed)) == (1, 2, TWO)
    assert made.etag != changed.etag
    assert made.created_at == changed.created_at < changed.updated_at
    assert await store.get("t", "route", "fast") == changed
    told = await store.versions("t", "route", "fast")
    assert [(one.version, one.author_id, one.note) for one in told] == [(2, "a1", ""), (1, "a1", "first")]
    assert [one.version for one in await store.versions("t", "route", "fast", before=2, limit=1)] == [1]
    assert body(await store.version("t", "route", "fast", 1)) == ONE
    assert await store.version("t", "route", "fast", 3) is None


async def test_what_says_the_same_is_no_version(store):
    made = await store.put("t", "route", "fast", {"a": 1, "b": 2}, author=ME)
    assert await store.put("t", "route", "fast", {"b": 2, "a": 1}, author=ME) == made


async def test_a_removed_object_is_gone_but_its_versions_stay_and_go_on(store):
    await store.put("t", "route", "fast", ONE, author=ME)
    gone = await store.remove("t", "route", "fast", author=ME)
    assert body(gone) == ONE
    assert await store.get("t", "route", "fast") is None
    assert await store.every("t", "route") == []
    assert await store.remove("t", "route", "fast", author=ME) is None
    newest = (await store.versions("t", "route", "fast"))[0]
    assert newest.body is None
    again = await store.put("t", "route", "fast", TWO, author=ME, expect=0)
    assert again.version == 3


async def test_a_change_made_for_another_version_changes_nothing(store):
    await store.put("t", "route", "fast", ONE, author=ME, expect=0)
    for expect in (0, 2):
        with pytest.raises(Stale) as stale:
            await store.put("t", "route", "fast", TWO, author=ME, expect=expect)
        assert stale.value.now == await store.get("t", "route", "fast")
        with pytest.raises(Stale):
            await store.remove("t", "route", "fast", author=ME, expect=expect)
    with pytest.raises(Stale) as stale:
        await store.put("t", "route", "none", TWO, author=ME, expect=1)
    assert stale.value.now is None
    assert await store.every("t", "route") == [await store.get("t", "route", "fast")]


async def test_of_many_at_once_one_wins(store):
    await store.put("t", "route", "fast", ONE, author=ME)
    tries = [store.put("t", "route", "fast", {"n": n}, author=ME, expect=1) for n in range(8)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["ObjectRow", *["Stale"] * 7]
    assert len(await store.versions("t", "route", "fast")) == 2


async def test_tenants_and_kinds_do_not_see_each_other(store):
    await store.put("t", "route", "x", ONE, author=ME)
    await store.put(SHARED, "route", "x", TWO, author=ME)
    assert await store.get("u", "route", "x") is None
    assert await store.get("t", "alias", "x") is None
    assert await store.remove("u", "route", "x", author=ME) is None
    assert await store.versions("u", "route", "x") == []
    assert await store.version("u", "route", "x", 1) is None
    assert body(await store.get("t", "route", "x")) == ONE


async def test_a_change_is_told_and_audited_in_its_transaction(store, engine):
    await store.put("t", "route", "x", ONE, author=ME)
    await store.put("t", "route", "x", TWO, author=ME)
    with pytest.raises(Stale):
        await store.put("t", "route", "x", ONE, author=ME, expect=7)
    await store.remove("t", "route", "x", author=ME)
    await store.put(SHARED, "route", "x", TWO, author=ME)
    async with engine.connect() as con:
        feed = [row.kind for row in await con.execute(select(changes))]
        log = [(row.tenant_id, row.action, row.object_id) for row in await con.execute(select(audit))]
    assert feed == ["object"] * 4
    verbs = ("create", "change", "delete")
    assert sorted(log) == sorted([("home", "route:create", "x"), *[("t", f"route:{verb}", "x") for verb in verbs]])


async def test_there_are_bounds(store, monkeypatch):
    monkeypatch.setattr(module, "MAX_OBJECTS", 2)
    monkeypatch.setattr(module, "VERSIONS_KEPT", 2)
    for number in range(4):
        await store.put("t", "route", "a", {"n": number}, author=ME)
    assert [one.version for one in await store.versions("t", "route", "a")] == [4, 3]
    await store.put("t", "route", "b", ONE, author=ME)
    with pytest.raises(TooMany):
        await store.put("t", "route", "c", ONE, author=ME)
    assert await store.get("t", "route", "c") is None


async def test_the_request_path_reads_them_all_at_once(store, url):
    await store.put("t", "route", "x", ONE, author=ME)
    kept = await store.put(SHARED, "alias", "y", {"target": "x"}, author=ME)
    await store.put("t", "route", "z", ONE, author=ME)
    await store.remove("t", "route", "z", author=ME)
    sql = open_sql(url)
    found = await asyncio.to_thread(every_object, sql)
    assert [(one.tenant_id, one.kind, one.name) for one in found] == [("", "alias", "y"), ("t", "route", "x")]
    assert found[0] == kept
    await asyncio.to_thread(sql.close)
