"""Routes by API: shown as they are in force, and explained."""

import pytest

from headgate.billing.resolve import scope
from headgate.storage.object_rows import Author
from tests.admin.test_budgets import made, run, spent

ROUTES = "/api/v1/routes"


async def test_routes_are_listed_as_compiled(api):
    found = {row["name"]: row for row in (await api.ask("GET", ROUTES)).json()["data"]}
    assert list(found) == ["plain", "cheap", "safe"]
    assert found["cheap"]["managed_by"] == "file"
    assert found["cheap"]["strategy"] == [{"kind": "cost"}]
    assert found["cheap"]["fallback"] == "plain"
    assert found["safe"]["targets"][0]["tags"] == ["hipaa"]


async def test_an_explanation_names_what_ranked_and_what_it_would_cost(api):
    answer = await api.ask("POST", f"{ROUTES}/explain", json={"model": "cheap", "body": {"max_tokens": 100}})
    told = answer.json()
    assert answer.status_code == 200, told
    assert told["reason"] == "route cheap: fair/m first, by cost"
    first, second = told["candidates"]
    assert (first["target"], first["act"], first["rule"]) == ("fair/m", "chosen", "cost")
    assert first["reason"].startswith("cost: about $0.0001")
    assert float(second["hold_usd"]) == pytest.approx(5 * float(first["hold_usd"]))


async def test_an_explanation_names_what_was_removed(api):
    told = (await api.ask("POST", f"{ROUTES}/explain", json={"model": "safe"})).json()
    assert [(one["target"], one["act"], one["rule"]) for one in told["candidates"]] == [
        ("dear/m", "chosen", "compliance"),
        ("fair/m", "removed", "compliance"),
    ]


async def test_a_keys_grants_limits_and_budgets_count(api):
    key = await api.make(
        models=["dear/*"],
        limits={"rpm": 60},
        budgets=[{"usd": "0.0001", "window": "day"}, {"usd": "9", "window": "month"}],
    )
    question = {"model": "plain", "key_id": key["id"], "body": {"max_tokens": 1000}}
    told = (await api.ask("POST", f"{ROUTES}/explain", json=question)).json()
    assert [(one["act"], one["rule"]) for one in told["candidates"]] == [("chosen", ""), ("removed", "grant")]
    assert told["limits"]["rpm"] == 60
    assert [room["enough"] for room in told["budgets"]] == [False, True]
    assert told["budgets"][1]["used_usd"] == "0"


async def test_budgets_of_others_stand_as_all_have_spent_of_them(api):
    await made(api, name="everybody", usd="1")
    await made(api, name="words", usd=None, tokens=1000)
    await made(api, name="per user", usd="2", each="end_user")
    await made(api, name="of another model", usd="3", match={"model": "fair/m"})
    key = await api.make()
    question = {"model": "plain", "key_id": key["id"], "user": "eve", "body": {"max_tokens": 100}}
    rooms = {one["name"]: one for one in (await api.ask("POST", f"{ROUTES}/explain", json=question)).json()["budgets"]}
    assert len(rooms) == 3, "the one of another model does not bind"
    kept = {row.name: scope(row) for row in await api.parts.money.budgets.every("default")}
    await run(
        api, spent(kept["everybody"], 999_999_000, 400), spent(f"{kept['per user']}:eve", 500_000_000),
        spent(f"{kept['per user']}:bob", 10**9),
    )  # fmt: skip
    told = (await api.ask("POST", f"{ROUTES}/explain", json=question)).json()["budgets"]
    found = {one["name"].split("'")[1]: one for one in told}
    assert (found["everybody"]["used_usd"], found["everybody"]["enough"]) == ("0.999999", False)
    assert (found["words"]["used_tokens"], found["words"]["cap_usd"], found["words"]["enough"]) == (400, None, True)
    assert 300 < found["words"]["after_tokens"] < 500
    assert (found["per user"]["used_usd"], found["per user"]["enough"]) == ("0.5", True)


async def test_the_tags_of_a_key_count(api):
    config = {
        "targets": ["fair/m", {"model": "dear/m", "tags": ["hipaa"]}],
        "strategy": [{"kind": "compliance", "require": ["hipaa"], "when": {"tags": ["patient"]}}],
    }
    for tags, first in (([], "fair/m"), (["patient"], "dear/m")):
        key = await api.make(tags=tags)
        question = {"model": "new", "config": config, "key_id": key["id"]}
        told = (await api.ask("POST", f"{ROUTES}/explain", json=question)).json()
        assert told["candidates"][0]["target"] == first


async def test_what_is_refused_is_told_as_such(api):
    key = await api.make(models=["else/m"])
    told = (await api.ask("POST", f"{ROUTES}/explain", json={"model": "plain", "key_id": key["id"]})).json()
    assert "may not use the model" in told["refused"]
    assert {one["act"] for one in told["candidates"]} == {"removed"}


async def test_a_switched_off_deployment_is_shut(api):
    await api.parts.switches.set("fair/m", "open", Author(kind="admin", id="a", tenant_id="default"))
    told = (await api.ask("POST", f"{ROUTES}/explain", json={"model": "cheap"})).json()
    assert (told["candidates"][0]["act"], told["candidates"][0]["rule"]) == ("shut", "health")


async def test_unknown_names_are_404(api):
    assert (await api.ask("POST", f"{ROUTES}/explain", json={"model": "nothing"})).status_code == 404
    assert (await api.ask("POST", f"{ROUTES}/explain", json={"model": "plain", "key_id": "nobody"})).status_code == 404
    assert (await api.ask("DELETE", f"{ROUTES}/nothing")).status_code == 404


async def test_a_virtual_key_sees_no_routes(api):
    assert (await api.ask("GET", ROUTES, "key")).status_code == 403


async def test_a_draft_is_explained_before_it_is_stored(api):
    draft = {"targets": ["dear/m", "fair/m"], "strategy": [{"kind": "prefer", "targets": ["fair"]}]}
    told = (await api.ask("POST", f"{ROUTES}/explain", json={"model": "fresh", "config": draft})).json()
    assert told["reason"] == "route fresh: fair/m first, by prefer"
    assert (await api.ask("POST", f"{ROUTES}/explain", json={"model": "fresh"})).status_code == 404
    answer = await api.ask("POST", f"{ROUTES}/explain", json={"model": "fresh", "config": {"targets": ["no/m"]}})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "config.targets[0]")
