"""Finished calls in brief: filters, pages, and who may see which."""

import pytest

from tests.admin.records import NOW, call, store

LOGS = "/api/v1/logs"
MINUTE = 60_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "headgate.db"


async def ids(api, who: str = "admin", **query) -> list[str]:
    response = await api.ask("GET", LOGS, who, params=query)
    assert response.status_code == 200, response.text
    return [log["id"] for log in response.json()["data"]]


async def test_a_call_in_brief(api, path):
    one = call()
    store(path, one)
    (log,) = (await api.ask("GET", LOGS)).json()["data"]
    assert log["id"] == one.id
    assert (log["status"], log["http_status"], log["attempts"]) == ("success", 200, 1)
    assert (log["input_tokens"], log["output_tokens"], log["cost_usd"]) == (100, 20, "0.0000015")
    assert (log["model_requested"], log["model_used"], log["provider_used"]) == ("fast", "local/mock", "local")
    assert (log["total_ms"], log["first_token_ms"], log["tags"]) == (12.346, 10.5, ["team-a"])
    assert log["at"].endswith("Z")


async def test_a_call_without_a_price_costs_null_and_not_nothing(api, path):
    store(path, call(cost_nano=None))
    assert (await api.ask("GET", LOGS)).json()["data"][0]["cost_usd"] is None


async def test_pages_of_calls_of_the_same_instant(api, path):
    calls = [call() for _ in range(7)]
    store(path, *calls)
    seen: list[str] = []
    after = None
    while True:
        page = (await api.ask("GET", LOGS, params={"limit": 3, **({"after": after} if after else {})})).json()
        seen += [log["id"] for log in page["data"]]
        after = page["next"]
        if not page["has_more"]:
            break
    assert seen == sorted((c.id for c in calls), reverse=True)
    assert after is None


async def test_filters(api, path):
    old = call(at=NOW - 60 * MINUTE)
    failed = call(status="failure", http_status=502, code="upstream_connect_error", model_used=None, provider_used=None)
    dear = call(cost_nano=2_000_000_000, key_id="key-2")
    other = call(model_used="claude/x", provider_used="claude")
    store(path, old, failed, dear, other)
    every = {old.id, failed.id, dear.id, other.id}
    assert set(await ids(api)) == every
    from headgate.admin.fields import instant

    ago = instant(NOW - 30 * MINUTE).isoformat()
    assert set(await ids(api, since=ago)) == every - {old.id}
    assert await ids(api, until=ago) == [old.id]
    assert await ids(api, status="failure") == [failed.id]
    assert await ids(api, model="claude/x") == [other.id]
    assert await ids(api, model="fast") == [failed.id]
    assert await ids(api, provider="claude", status="success") == [other.id]
    assert await ids(api, key_id="key-2") == [dear.id]
    assert await ids(api, min_cost="1.5") == [dear.id]
    assert await ids(api, key_id="nobody") == []


async def test_a_virtual_key_sees_its_own_alone(api, path):
    mine, foreign = call(), call(key_id="key-2", tags=("canary",))
    store(path, mine, foreign)
    assert await ids(api, "key") == [mine.id]
    assert await ids(api, "key", key_id="key-1") == [mine.id]
    response = await api.ask("GET", LOGS, "key", params={"key_id": "key-2"})
    assert (response.status_code, response.json()["error"]["param"]) == (404, "key_id")


async def test_another_tenant_sees_nothing(api, path):
    store(path, call(tags=("canary",)))
    assert await ids(api, "other") == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"status": "fine"}, "status"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"until": "99999-01-01T00:00:00Z"}, "until"),
        ({"min_cost": "-1"}, "min_cost"),
        ({"min_cost": "NaN"}, "min_cost"),
        ({"min_cost": "1e99"}, "min_cost"),
        ({"limit": "0"}, "limit"),
        ({"limit": "9" * 30}, "limit"),
        ({"after": "x"}, "after"),
        ({"after": "1.x"}, "after"),
        ({"after": "9" * 30 + "." + "a" * 36}, "after"),
        ({"model": "x" * 300}, "model"),
        ({"user": "x"}, "user"),
    ],
)
async def test_filters_that_make_no_sense(api, query, param):
    response = await api.ask("GET", LOGS, params=query)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("text", ["\0", "\ud800", "' OR 1=1 --", "%", "🔑"])
async def test_filters_of_odd_text_find_nothing(api, path, text):
    store(path, call())
    encoded = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
    response = await api.ask("GET", f"{LOGS}?model={encoded}&provider={encoded}&key_id={encoded}")
    assert (response.status_code, response.json()["data"]) == (200, [])


async def test_every_filter(api, path):
    from headgate.core.record import Cached

    plain = call()
    failed = call(status="failure", http_status=502, code="upstream_server_error", total_ms=900.0, team_id="team-1")
    guarded = call(guardrails=({"guardrail": "g", "kind": "pii", "on": "input", "act": "mask"},), user_id="user-1")
    kept = call(cache=Cached(cache="c", verdict="hit"), app_id="app-1", surface="anthropic", tags=("team-a", "b"))
    told = call(metadata={"order": 'say "hi"'}, end_user="u10", route="slow", model_requested="slow")
    store(path, plain, failed, guarded, kept, told)
    for query, wanted in (
        ({"code": "upstream_server_error"}, [failed]),
        ({"min_ms": "800"}, [failed]),
        ({"max_ms": "13", "route": "slow"}, [told]),
        ({"team_id": "team-1"}, [failed]),
        ({"app_id": "app-1"}, [kept]),
        ({"user_id": "user-1"}, [guarded]),
        ({"end_user": "u10"}, [told]),
        ({"tags": "team-a,b"}, [kept]),
        ({"guard": "mask"}, [guarded]),
        ({"cache": "hit"}, [kept]),
        ({"surface": "anthropic"}, [kept]),
        ({"model_requested": "slow"}, [told]),
        ({"contains": 'say "hi"'}, [told]),
        ({"contains": "%_%"}, []),
        ({"min_cost": "0.0000001", "max_cost": "0.000001"}, []),
    ):
        assert await ids(api, **query) == [one.id for one in wanted], query


async def test_pages_both_ways(api, path):
    calls = [call(at=NOW - number * MINUTE) for number in range(7)]
    store(path, *calls)
    names = [one.id for one in calls]
    first = (await api.ask("GET", LOGS, params={"limit": 3})).json()
    second = (await api.ask("GET", LOGS, params={"limit": 3, "after": first["next"]})).json()
    assert [one["id"] for one in first["data"] + second["data"]] == names[:6]
    back = (await api.ask("GET", LOGS, params={"limit": 2, "before": second["previous"]})).json()
    assert [one["id"] for one in back["data"]] == names[1:3]
    top = (await api.ask("GET", LOGS, params={"limit": 5, "before": back["previous"]})).json()
    assert [one["id"] for one in top["data"]] == names[:1]
    store(path, late := call(at=NOW + MINUTE))
    newer = (await api.ask("GET", LOGS, params={"before": first["previous"]})).json()
    assert [one["id"] for one in newer["data"]] == [late.id]
    response = await api.ask("GET", LOGS, params={"after": first["next"], "before": first["next"]})
    assert response.json()["error"]["param"] == "before"


async def test_a_search_that_takes_too_long_goes_on_with_the_next_page(api, path, monkeypatch):
    monkeypatch.setattr("headgate.observe.log.SCAN", 2)
    monkeypatch.setattr("headgate.observe.log.SECONDS", 0.0)
    rare = call(at=NOW - 9 * MINUTE, route="rare")
    store(path, *(call(at=NOW - number * MINUTE) for number in range(9)), rare)
    after, pages, seen = None, 0, []
    while pages == 0 or after:
        page = (await api.ask("GET", LOGS, params={"route": "rare", **({"after": after} if after else {})})).json()
        seen += [one["id"] for one in page["data"]]
        after, pages = page["next"], pages + 1
    assert seen == [rare.id]
    assert pages > 2
