"""Sums and durations by any dimension, beside the time before; and kinds of errors."""

import pytest

from headgate.admin.fields import instant
from headgate.core.record import Attempt, Cached
from tests.admin.records import NOW, call, store

ANALYTICS = "/api/v1/analytics"
ERRORS = "/api/v1/errors"
HOUR = 3_600_000_000
DAY = 24 * HOUR


@pytest.fixture
def path(tmp_path):
    return tmp_path / "headgate.db"


async def ask(api, who="admin", **query):
    response = await api.ask("GET", ANALYTICS, who, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def ago(micros: int) -> str:
    return instant(NOW - micros).isoformat()


async def test_the_greatest_names_with_rates_and_durations(api, path):
    hit = call(cache=Cached(cache="c", verdict="hit", saved_nano=700), cost_nano=0, total_ms=1.0, first_token_ms=None)
    failed = call(status="failure", http_status=502, code="upstream_error", model_used="a/b", provider_used="a")
    store(path, *(call(total_ms=float(ms)) for ms in (100, 200, 300, 400)), hit, failed)
    found = await ask(api, by="model", limit=1)
    (first,) = found["data"]
    assert (first["name"], first["requests"], first["cache_hits"], first["saved_usd"]) == (
        "local/mock",
        5,
        1,
        "0.0000007",
    )
    assert first["cache_hit_rate"] == pytest.approx(0.2)
    assert first["latency"]["p50"] == pytest.approx(200, rel=0.02)
    assert first["latency"]["p99"] == pytest.approx(400, rel=0.02)
    assert first["first_token"]["mean"] == pytest.approx(10.5, rel=0.02)
    assert (found["more"], found["source"], found["complete"]) == (1, "sums", True)
    assert (found["total"]["requests"], found["total"]["failures"]) == (6, 1)
    assert found["total"]["error_rate"] == pytest.approx(1 / 6)


async def test_a_series_and_the_time_before(api, path):
    store(path, call(at=NOW - 30 * HOUR), call(at=NOW - 3 * HOUR), call(at=NOW - 2 * HOUR, model_used="a/b"), call())
    found = await ask(api, by="model", interval="hour", compare="true")
    assert [(one["name"], one["requests"]) for one in found["series"]] == [
        ("local/mock", 1),
        ("a/b", 1),
        ("local/mock", 1),
    ]
    assert all(one["at"] and one["latency"]["p50"] for one in found["series"])
    assert found["previous"]["total"]["requests"] == 1
    changes = {one["name"]: (one["now"], one["before"], one["share"]) for one in found["previous"]["changes"]}
    assert changes == {None: (3, 1, 2.0), "local/mock": (2, 1, 1.0), "a/b": (1, 0, None)}


async def test_names_series_and_what_moved_have_calls_without_a_name(api, path):
    stray = {"model_used": None, "route": None, "provider_used": None, "cost_nano": None, "status": "failure"}
    store(path, call(at=NOW - 30 * HOUR, **stray), call(at=NOW - 2 * HOUR), call(**stray), call(**stray))
    found = await ask(api, by="model", interval="hour", compare="true")
    assert [(one["name"], one["requests"], one["failures"]) for one in found["data"]] == [
        ("", 2, 2),
        ("local/mock", 1, 0),
    ]
    assert [(one["name"], one["requests"]) for one in found["series"]] == [("local/mock", 1), ("", 2)]
    assert found["data"][0]["latency"] is None
    assert found["total"]["requests"] == 3
    changes = {one["name"]: (one["now"], one["before"]) for one in found["previous"]["changes"]}
    assert changes == {None: (3, 1), "": (2, 1), "local/mock": (1, 0)}
    least = await ask(api, by="model", interval="hour", sort="cost", limit=1)
    assert {one["name"] for one in least["series"]} == {"local/mock"}


async def test_a_total_is_of_the_same_windows_as_its_rows(api, path):
    store(path, call(team_id="t"), call(team_id="t", at=NOW - HOUR), call(team_id="t", at=NOW - HOUR // 2, route=None))
    for since in (ago(HOUR // 4), ago(HOUR // 2), ago(HOUR)):  # teams alone are kept by minute, with models by hour
        for by in ("model", "provider", "key", "team"):
            found = await ask(api, by=by, team_id="t", since=since, compare="true")
            assert sum(one["requests"] for one in found["data"]) == found["total"]["requests"]
            assert found["total"]["latency"] is not None


async def test_pairs_come_from_sums_and_other_questions_from_calls(api, path):
    store(path, call(), call(key_id="key-2"), call(route="slow", end_user="x", team_id="t"))
    by_key = await ask(api, by="key", model="local/mock")
    assert (by_key["source"], [one["requests"] for one in by_key["data"]]) == ("sums", [2, 1])
    odd = await ask(api, by="surface", route="slow", team_id="t", interval="hour")
    assert (odd["source"], odd["complete"], odd["total"]["requests"]) == ("calls", True, 1)
    assert [(one["name"], one["requests"]) for one in odd["data"]] == [("openai", 1)]
    assert len(odd["series"]) == 1
    assert (await ask(api, tag="team-a"))["total"]["requests"] == 3


async def test_a_virtual_key_sees_its_own_alone(api, path):
    store(path, call(), call(key_id="key-2", route="secret"))
    assert (await ask(api, "key"))["total"]["requests"] == 1
    assert [one["name"] for one in (await ask(api, "key", by="route"))["data"]] == ["fast"]
    assert (await ask(api, "key", by="model"))["source"] == "sums"
    assert (await ask(api, "other"))["total"]["requests"] == 0
    assert (await api.ask("GET", ANALYTICS, "key", params={"key_id": "key-2"})).status_code == 404
    assert (await api.ask("GET", ERRORS, "key")).status_code == 403


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"by": "colour"}, "by"),
        ({"interval": "minute", "since": "2020-01-01T00:00:00Z"}, "interval"),
        ({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
        ({"sort": "beauty"}, "sort"),
        ({"limit": "0"}, "limit"),
    ],
)
async def test_questions_that_make_no_sense(api, query, param):
    response = await api.ask("GET", ANALYTICS, params=query)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_kinds_of_errors(api, path):
    bad = Attempt(provider="a", model="b", started_ms=0, outcome="upstream_server_error", error="it broke")
    good = Attempt(provider="local", model="mock", started_ms=5)
    store(path, call(attempts=(bad, good), status="fallback"), call())
    store(path, call(attempts=(bad,), status="failure", http_status=502, code="upstream_server_error", key_id="key-2"))
    store(path, last := call(status="failure", http_status=429, code="insufficient_quota", attempts=(), at=NOW + 1))
    found = (await api.ask("GET", ERRORS)).json()["data"]
    assert [(one["kind"], one["code"], one["count"]) for one in found] == [
        ("policy", "insufficient_quota", 1), ("provider", "upstream_server_error", 2),
    ]  # fmt: skip
    assert found[0]["examples"][0]["id"] == last.id
    assert (found[1]["provider"], found[1]["model"], found[1]["keys"]) == ("a", "a/b", ["key-1", "key-2"])
    assert found[1]["examples"][0]["message"] == "it broke"
    for query, count in (({"kind": "caller"}, 0), ({"provider": "a"}, 1), ({"since": ago(-1)}, 1), ({"limit": 1}, 1)):
        assert len((await api.ask("GET", ERRORS, params=query)).json()["data"]) == count
    assert (await api.ask("GET", ERRORS, "other")).json() == {"data": [], "more": 0}
