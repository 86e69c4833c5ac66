"""Calls, tokens and cost added up."""

import pytest

from headgate.admin.fields import instant
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
    assert (await ask(api, by="team"))["data"] == []
    days = [r["name"] for r in (await ask(api, by="day"))["data"]]
    assert days == [f"{instant(NOW - 2 * DAY):%Y-%m-%d}", f"{instant(NOW):%Y-%m-%d}"]
    assert len((await ask(api, by="hour"))["data"]) == 2
    assert (await ask(api, by="day", since=instant(NOW - DAY).isoformat()))["total"]["requests"] == 1


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
