"""Caches by API: whose they are, what they did, and clearing them."""

from functools import partial

from headgate.access.permissions import ROLES
from headgate.access.types import Principal
from headgate.cache.config import CacheConfig
from headgate.cache.shelf import store_of
from headgate.cache.types import Entry, Grounds
from headgate.core.ids import now
from headgate.observe.cache_sums import CacheSums
from headgate.observe.facts import Facts, Kept
from headgate.storage.sql import open_sql
from tests.admin.conftest import DERIVED

CACHES = "/api/v1/caches"


def fact(number: int, tenant: str, **cache: object) -> Facts:
    return Facts(
        id=f"call-{number}", trace_id="t", at=now(), tenant_id=tenant, surface="openai", status="success",
        cache=Kept(cache="answers", **cache),  # type: ignore[arg-type]
    )  # fmt: skip


async def test_they_are_made_changed_and_shown(api):
    made = await api.ask("POST", CACHES, json={"name": "answers", "config": {"ttl": 60}, "shared": True})
    assert made.status_code == 201, made.text
    assert (await api.ask("GET", f"{CACHES}/answers", "other")).json()["config"] == {"ttl": 60}
    wrong = await api.ask("PUT", f"{CACHES}/answers", json={"config": {"ttl": 0}})
    assert wrong.status_code == 400 and wrong.json()["error"]["param"] == "config.ttl"
    off = await api.ask("PUT", f"{CACHES}/answers", "other", json={"config": {"enabled": False}, "shared": False})
    assert off.status_code == 200, off.text
    assert (await api.ask("GET", f"{CACHES}/answers")).json()["config"] == {"ttl": 60}
    large = await api.ask("POST", CACHES, "other", json={"name": "mine", "config": {"max_bytes": 10**9}})
    assert large.status_code == 400 and "at most" in large.json()["error"]["message"]
    elsewhere = {"kind": "semantic", "semantic": {"index": "qdrant", "url": "http://inside:6333"}}
    refused = await api.ask("POST", CACHES, json={"name": "near", "config": elsewhere})
    assert refused.status_code == 400 and "file alone" in refused.json()["error"]["message"]
    taken = await api.ask("POST", CACHES, json={"name": "stats", "config": {}})
    assert taken.status_code == 400


async def test_what_they_did_is_each_tenants_own(api, database):
    sql = open_sql(database)
    for node in ("one", "two"):  # two homes that drain into one database
        sums = CacheSums(node)
        calls = [
            fact(1, "default", verdict="hit", kind="exact", saved_nano=5, saved_ms=1500.2, saved_tokens=7),
            fact(2, "default", verdict="hit", kind="semantic", saved_nano=1),
            fact(3, "default", verdict="hit", kind="flight"),
            fact(4, "default", verdict="stored"),
            fact(5, "default", verdict="refused"),
            fact(6, "default", verdict="bypass"),
            fact(7, "other", verdict="miss"),
        ]
        sql.transact(partial(CacheSums.add, sums, calls=calls))
    sql.close()
    await api.ask("POST", CACHES, json={"name": "answers", "config": {}, "shared": True})
    [mine] = (await api.ask("GET", f"{CACHES}/stats")).json()["data"]
    assert (mine["hits"], mine["semantic_hits"], mine["joined"], mine["misses"]) == (6, 2, 2, 4)
    assert (mine["stored"], mine["refused"], mine["bypassed"], mine["hit_rate"]) == (2, 2, 2, 0.6)
    assert (mine["saved_usd"], mine["saved_seconds"], mine["saved_tokens"]) == ("0.000000012", 3.0, 14)
    [theirs] = (await api.ask("GET", f"{CACHES}/stats", "other")).json()["data"]
    assert (theirs["hits"], theirs["misses"], theirs["hit_rate"]) == (0, 2, 0.0)
    [all_of_them] = (await api.ask("GET", f"{CACHES}/stats?all_tenants=true")).json()["data"]
    assert all_of_them["misses"] == 6
    assert (await api.ask("GET", f"{CACHES}/stats?all_tenants=true", "other")).status_code == 403


async def test_answers_are_removed_and_that_is_on_record(api, tmp_path, database):
    await api.ask("POST", CACHES, json={"name": "answers", "config": {"store": "sqlite"}, "shared": True})
    grounds = Grounds(directory=tmp_path / "caches", secret=DERIVED.signing)
    store = store_of("", "answers", CacheConfig(store="sqlite"), grounds)
    at = now()
    for number, tenant in enumerate(("default", "default", "other")):
        entry = Entry(
            call_id="c", at=at, expires=at + 60_000_000, form="whole", body=b"{}", model=f"a/{number}", provider="a",
            route="fast", key_id="key-1",
        )  # fmt: skip
        await store.put(tenant, bytes([number]) * 32, entry)
    assert (await api.ask("GET", f"{CACHES}/stats")).json()["data"][0]["entries"] == 2
    assert (await api.ask("POST", f"{CACHES}/clear", json={"model": "a/1"})).json() == {"removed": 1}
    assert (await api.ask("POST", f"{CACHES}/clear", "other", json={"cache": "answers"})).json() == {"removed": 1}
    assert (await api.ask("POST", f"{CACHES}/clear", json={"cache": "none"})).status_code == 404
    assert (await api.ask("POST", f"{CACHES}/clear", "other", json={"all_tenants": True})).status_code == 403
    assert (await api.ask("POST", f"{CACHES}/clear", json={"all_tenants": True})).json() == {"removed": 1}
    assert (await store.counts(None)).entries == 0
    await store.close()
    sql = open_sql(database)
    actions = [row[0] for row in sql.execute("SELECT action FROM audit ORDER BY seq")]
    orders = [row for row in sql.execute("SELECT tenant_id, object_id FROM changes WHERE kind = 'cache' ORDER BY seq")]
    sql.close()
    assert actions.count("cache:clear") == 3
    assert [tenant for tenant, _ in orders] == ["default", "other", ""] and '"model":"a/1"' in orders[0][1]


async def test_who_may(api):
    api.doors.known["seer"] = Principal(
        kind="user", id="seer", tenant_id="default", name="seer", scope="tenant", permissions=ROLES["auditor"]
    )
    assert (await api.ask("GET", f"{CACHES}/stats", "seer")).status_code == 200
    assert (await api.ask("POST", f"{CACHES}/clear", "seer", json={})).status_code == 403
    assert (await api.ask("POST", CACHES, "seer", json={"name": "x", "config": {}})).status_code == 403
    assert (await api.ask("GET", f"{CACHES}/stats", "key")).status_code == 403
