"""Calls, tokens and cost added up."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from headgate.admin.fields import instant
from headgate.core.money import Usage
from headgate.observe.log_filter import LogFilter, of_index
from headgate.storage.schema import records
from headgate.storage.tenancy import Narrow
from tests.admin.conftest import who
from tests.admin.records import NOW, call, store

USAGE = "/api/v1/metrics/usage"
DAY = 86_400_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "headgate.db"


async def ask(api, who="admin", **query):
    response = await api.ask("GET", USAGE, who, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_sums_by_model_and_their_total(api, path):
    failed = call(status="failure", http_status=502, model_used="a/b", provider_used="a", cost_nano=None)
    store(path, call(), call(), failed, call(at=NOW - 60 * DAY))
    usage = await ask(api)
    rows = {row["name"]: row for row in usage["data"]}
    assert (rows["local/mock"]["requests"], rows["local/mock"]["cost_usd"]) == (2, "0.000003")
    assert (rows["a/b"]["failures"], rows["a/b"]["unpriced"], rows["a/b"]["cost_usd"]) == (1, 1, "0")
    assert usage["total"] == {
        "name": None, "requests": 3, "failures": 1, "fallbacks": 0, "attempts": 3, "cache_hits": 0,
        "input_tokens": 300, "output_tokens": 60, "cached_tokens": 90, "cache_write_tokens": 0,
        "reasoning_tokens": 15, "cost_usd": "0.000003", "saved_usd": "0", "unpriced": 1,
    }  # fmt: skip
    assert usage["by"] == "model"
    assert usage["since"] < usage["until"]


async def test_every_dimension(api, path):
    store(path, call(), call(key_id="key-2", at=NOW - 2 * DAY))
    assert {r["name"] for r in (await ask(api, by="key"))["data"]} == {"key-1", "key-2"}
    for by, name in (("provider", "local"), ("route", "fast"), ("tag", "team-a"), ("surface", "openai")):
        (row,) = (await ask(api, by=by))["data"]
        assert (row["name"], row["requests"]) == (name, 2)
    (row,) = (await ask(api, by="team"))["data"]
    assert (row["name"], row["requests"]) == (None, 2)
    days = [r["name"] for r in (await ask(api, by="day"))["data"]]
    assert days == [f"{instant(NOW - 2 * DAY):%Y-%m-%d}", f"{instant(NOW):%Y-%m-%d}"]
    assert len((await ask(api, by="hour"))["data"]) == 2
    assert (await ask(api, by="day", since=instant(NOW - DAY).isoformat()))["total"]["requests"] == 1


BY = ("team", "key", "user", "app", "tag", "model", "provider", "route", "surface", "status", "code", "day", "hour")


async def test_rows_add_up_to_the_total_with_those_that_have_no_name(api, path):
    unknown = call(
        status="failure", http_status=404, code="model_not_found", model_requested="nosuch/x", model_used=None,
        provider_used=None, route=None, cost_nano=None, attempts=(), tags=(), usage=Usage(input=7, cache_write=2),
    )  # fmt: skip
    signed_in = call(key_id=None, user_id="ada", team_id="t", app_id="shop", cost_nano=3, tags=())
    store(path, call(), unknown, signed_in)
    for by in BY:
        usage = await ask(api, by=by)
        rows, total = usage["data"], usage["total"]
        assert (total["requests"], total["failures"], total["input_tokens"]) == (3, 1, 207)
        for name in total.keys() - {"name", "cost_usd", "saved_usd"}:
            assert sum(row[name] for row in rows) == total[name], (by, name)
        assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal(total["cost_usd"])
        nameless = [row["requests"] for row in rows if row["name"] is None]
        expected = {"key": [1], "model": [1], "provider": [1], "route": [1]}
        expected |= {"tag": [2], "code": [2], "team": [2], "user": [2], "app": [2]}
        assert nameless == expected.get(by, []), by


async def test_a_virtual_key_sees_its_own_alone(api, path):
    store(path, call(), call(key_id="key-2", cost_nano=7_000_000_000))
    own = await ask(api, "key", by="key")
    assert [row["name"] for row in own["data"]] == ["key-1"]
    assert own["total"]["cost_usd"] == "0.0000015"
    assert (await api.ask("GET", USAGE, "key", params={"key_id": "key-2"})).status_code == 404
    assert (await ask(api, "other"))["data"] == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"by": "colour"}, "by"),
        ({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
        ({"by": "hour", "since": "2020-01-01T00:00:00Z"}, "since"),
        ({"since": "x"}, "since"),
        ({"key_id": "x" * 65}, "key_id"),
        ({"day": "1"}, "day"),
    ],
)
async def test_questions_that_make_no_sense(api, query, param):
    response = await api.ask("GET", USAGE, params=query)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


MINE = frozenset({"usage:view", "logs:view", "feedback:view"})


async def test_people_see_what_was_theirs_when_it_was_called(api, path):
    theirs = {"user_id": "ada-1", "team_id": "t"}
    by_key, signed_in = call(**theirs), call(**theirs, key_id=None, model_used="local/other")
    of_client = call(key_id=None, team_id="t")
    moved = call(team_id="t", key_id="key-moved")
    strange = call(key_id="ada-1", team_id="u", user_id="bob")  # its team is another's; its name is no user's
    store(path, by_key, signed_in, of_client, moved, strange, call(key_id=None))
    api.doors.known["own"] = who("ada", "default", kind="user", user_id="ada-1", scope="own", permissions=MINE)
    api.doors.known["lead"] = who("eve", "default", kind="user", user_id="eve-1", scope="team:t", permissions=MINE)
    both = (("team:t", MINE), ("own", MINE))
    api.doors.known["both"] = who("ada", "default", kind="user", user_id="ada-1", scope="own", grants=both)
    seen = {
        "own": {by_key.id, signed_in.id},
        "lead": {by_key.id, signed_in.id, of_client.id, moved.id},
        "both": {by_key.id, signed_in.id, of_client.id, moved.id},
    }
    for name, ids in seen.items():
        logs = (await api.ask("GET", "/api/v1/logs", name)).json()["data"]
        assert {one["id"] for one in logs} == ids, name
        for one in (by_key, signed_in, of_client, moved, strange):
            found = await api.ask("GET", f"/api/v1/traces/{one.id}", name)
            assert found.status_code == (200 if one.id in ids else 404), name
        for by in ("model", "provider", "key", "user", "day", "hour", "status", "route"):
            used = await ask(api, name, by=by)
            assert used["total"]["requests"] == len(ids) and used["complete"], (name, by)
        minutes = await ask(api, name, by="minute", since=ago(3_600_000_000))
        assert sum(row["requests"] for row in minutes["data"]) == len(ids), name
    assert [(row["name"], row["requests"]) for row in (await ask(api, "own", by="model"))["data"]] == [
        ("local/mock", 1),
        ("local/other", 1),
    ]
    lead = await ask(api, "lead", by="key")
    told = [(row["name"], row["requests"]) for row in lead["data"]]
    assert told == [(None, 2), ("key-1", 1), ("key-moved", 1)]  # what was called by no key


def ago(micros: int) -> str:
    return instant(NOW - micros).isoformat()


@pytest.mark.parametrize("within", [Narrow(user_id="u"), Narrow(key_id="k")])
async def test_an_index_finds_the_calls_of_one(api, path, within):
    where = [records.c.tenant_id == "default", *of_index(LogFilter(within=within))]
    query = select(records.c.id).where(*where).order_by(records.c.at.desc())
    async with api.parts.logs._engine.connect() as con:
        text = str(query.compile(con.sync_engine, compile_kwargs={"literal_binds": True}))
        plan = (await con.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")).all()
    assert "INDEX records_user" in str(plan) or "INDEX records_key" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
