"""One call, whole."""

import asyncio

import msgspec
import pytest

from headgate.core.ids import new_id
from headgate.core.money import Usage
from headgate.core.record import Attempt, Cached, Choice
from tests.admin.records import NOW, call, store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "headgate.db"


async def test_everything_that_happened(api, path):
    failed = Attempt(provider="a", model="b", started_ms=0.1, ended_ms=4.0, outcome="upstream_timeout", error="no")
    one = call(metadata={"ticket": 7})
    one = call(id=one.id, attempts=(failed, *one.attempts), status="fallback", metadata={"ticket": 7})
    store(path, one)
    trace = (await api.ask("GET", f"/api/v1/traces/{one.id}")).json()
    assert trace["id"] == one.id
    assert trace["call"]["metadata"] == {"ticket": 7}
    assert trace["call"]["parameters"] == {"temperature": 0.5}
    assert trace["route"] == {
        "name": "fast",
        "reason": "route fast: local/mock first",
        "candidates": [],
        "choice": None,
        "model_used": "local/mock",
        "provider_used": "local",
    }
    assert [(a["number"], a["provider"], a["outcome"]) for a in trace["attempts"]] == [
        (1, "a", "upstream_timeout"),
        (2, "local", "ok"),
    ]
    assert (trace["attempts"][1]["held_usd"], trace["attempts"][1]["cost_usd"]) == ("0.000009", "0.0000015")
    assert trace["attempts"][1]["headers_ms"] == 10.123
    assert trace["ledger"] == [
        {"attempt": 1, "target": "local/mock", "usd": "0.0000015", "tokens": 120, "billed": "usage"}
    ]
    assert trace["usage"] == {
        "input": 100, "output": 20, "total": 120, "cached": 30, "cache_write": 0, "reasoning": 5, "more": {},
    }  # fmt: skip
    assert trace["timing"] == {"total_ms": 12.346, "overhead_ms": 0.3, "latency_ms": 11.5, "first_token_ms": 10.5}
    assert (trace["outcome"]["status"], trace["outcome"]["cost_usd"]) == ("fallback", "0.0000015")
    assert trace["outcome"]["dropped"] == ["logit_bias"]


async def test_who_says_what_it_cost(api, path):
    usual = call()
    tried = msgspec.structs.replace(usual.attempts[0], cost_source="stated", stated_nano=1_500)
    told = call(attempts=(tried,))
    odd = call(attempts=(msgspec.structs.replace(tried, cost_source="doubted", stated_nano=-5), tried))
    store(path, usual, told, odd)
    expected = {usual.id: ("price", None), told.id: ("stated", "0.0000015"), odd.id: ("doubted", "-0.000000005")}
    for id, (source, said) in expected.items():
        trace = (await api.ask("GET", f"/api/v1/traces/{id}")).json()
        first = trace["attempts"][0]
        assert (trace["outcome"]["cost_source"], first["cost_source"], first["stated_usd"]) == (source, source, said)
    logs = (await api.ask("GET", "/api/v1/logs")).json()["data"]
    assert {one["id"]: one["cost_source"] for one in logs} == {id: source for id, (source, _) in expected.items()}


async def test_what_a_cache_did_and_what_else_there_is(api, path):
    hit = Cached(cache="answers", verdict="hit", kind="exact", of="x", saved_nano=1_500, saved_tokens=120)
    one = call(cache=hit, passed=("team",), parent_id="a" * 16, team_id="t", usage=Usage(input=9, images=2))
    store(path, one)
    trace = (await api.ask("GET", f"/api/v1/traces/{one.id}")).json()
    assert trace["cache"] == {
        "cache": "answers", "verdict": "hit", "kind": "exact", "of": "x", "saved_tokens": 120, "saved_usd": "0.0000015",
    }  # fmt: skip
    assert (trace["call"]["parent_id"], trace["call"]["team_id"]) == ("a" * 16, "t")
    assert (trace["outcome"]["soft_budgets"], trace["usage"]["more"]) == (["team"], {"images": 2})


async def test_why_a_deployment_was_chosen(api, path):
    choice = Choice(by=("cost",), targets=("a/x", "b/x"), scores=[[2e9, 1e9]], order=[1, 0])
    one = call(choice=choice, verdicts=({"target": "b/x", "act": "removed", "rule": "breaker"},))
    store(path, one)
    route = (await api.ask("GET", f"/api/v1/traces/{one.id}")).json()["route"]
    assert route["choice"]["order"] == [1, 0]
    assert [(told["target"], told["act"], told["rule"]) for told in route["candidates"]] == [
        ("b/x", "chosen", "cost"),
        ("a/x", "kept", "cost"),
        ("b/x", "removed", "breaker"),
    ]
    assert route["candidates"][0]["reason"] == "cost: about $0.001"


async def test_by_the_trace_id_of_the_caller_or_of_our_own_making(api, path):
    own = call()
    own = call(id=own.id, trace_id=own.id.replace("-", ""))
    theirs = call(trace_id="ab" * 16)
    store(path, own, theirs)
    for id, expected in ((own.id.replace("-", ""), own.id), ("ab" * 16, theirs.id)):
        assert (await api.ask("GET", f"/api/v1/traces/{id}?wait=2")).json()["id"] == expected


@pytest.mark.parametrize(("who", "status"), [("admin", 200), ("key", 404), ("other", 404)])
async def test_who_may_see_it(api, path, who, status):
    foreign = call(key_id="key-2", tags=("canary",))
    store(path, foreign)
    response = await api.ask("GET", f"/api/v1/traces/{foreign.id}", who)
    assert response.status_code == status
    assert ("canary" in response.text) is (status == 200)
    nothing = await api.ask("GET", "/api/v1/traces/01a1fd2f-2afe-7f31-bdac-dfc543cf49a1", who)
    assert nothing.status_code == 404
    if status == 404:
        assert nothing.json() == response.json()


async def test_a_key_sees_its_own(api, path):
    mine = call()
    store(path, mine)
    assert (await api.ask("GET", f"/api/v1/traces/{mine.id}", "key")).json()["id"] == mine.id


@pytest.mark.parametrize("id", ["%00", "x" * 300, "' OR 1=1", "%ff%fe"])
async def test_what_is_no_id(api, id):
    assert (await api.ask("GET", f"/api/v1/traces/{id}?wait=2")).status_code == 404


async def test_what_was_asked_for_a_call_is_part_of_it(api, tmp_path):
    whole = call(at=NOW - 1000)
    whole = msgspec.structs.replace(whole, trace_id=whole.id.replace("-", ""))
    part = call(trace_id=whole.trace_id, part_of=whole.id, surface="judge", cost_nano=2_000)
    store(tmp_path / "headgate.db", whole, part)
    found = (await api.ask("GET", f"/api/v1/traces/{whole.trace_id}", "admin")).json()
    assert (found["id"], found["part_of"]) == (whole.id, None)
    (made,) = found["parts"]
    assert (made["id"], made["surface"], made["cost_usd"]) == (part.id, "judge", "0.000002")
    inner = (await api.ask("GET", f"/api/v1/traces/{part.id}", "admin")).json()
    assert (inner["part_of"], inner["parts"]) == (whole.id, [])


async def test_a_call_that_has_just_ended_is_waited_for(api, path):
    id = new_id()
    asked = asyncio.ensure_future(api.ask("GET", f"/api/v1/traces/{id}?wait=2"))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(store, path, call(id=id))
    assert (await asked).json()["id"] == id
