"""Budgets over the API: made, changed, removed, seen by those who may, and how they stand."""

from sqlalchemy import insert, text

from headgate.access.types import Principal
from headgate.core.ids import now
from headgate.ledger.windows import bounds
from headgate.storage.schema import balances, grants

BUDGETS = "/api/v1/budgets"


async def make(api, who="admin", **fields):
    body = {"name": "all", "usd": "10", "window": "month", **fields}
    return await api.ask("POST", BUDGETS, who, json=body)


async def made(api, **fields):
    response = await make(api, **fields)
    assert response.status_code == 201, response.text
    return response.json()


async def run(api, *statements):
    async with api.parts.money.budgets.engine.begin() as con:
        for statement in statements:
            await con.execute(statement)


def spent(scope, nano, tokens=0, start=None):
    month = bounds("month", now())[0] if start is None else start
    return insert(balances).values(scope=scope, period="d", start=month, nano=nano, tokens=tokens)


async def test_a_budget_is_made_changed_and_removed(api):
    one = await made(api, match={"model": "a/m", "tags": ["red", "red"]}, each="end_user", hard=False)
    assert (one["usd"], one["tokens"], one["each"], one["hard"]) == ("10", None, "end_user", False)
    assert one["match"]["tags"] == ["red"]
    path = f"{BUDGETS}/{one['id']}"
    got = await api.ask("GET", path)
    changed = await api.ask(
        "PATCH", path, json={"usd": "0.5", "window": "day"}, headers={"if-match": got.headers["etag"]}
    )
    assert (changed.json()["usd"], changed.json()["window"]) == ("0.5", "day")
    stale = await api.ask("PATCH", path, json={"usd": "1"}, headers={"if-match": got.headers["etag"]})
    assert stale.status_code == 412
    assert (await api.ask("PATCH", path, json={"tokens": 7})).json()["tokens"] == 7
    assert [b["id"] for b in (await api.ask("GET", BUDGETS)).json()["data"]] == [one["id"]]
    assert (await api.ask("DELETE", path)).status_code == 200
    assert (await api.ask("GET", path)).status_code == 404


async def test_what_makes_no_sense_is_refused(api):
    for fields in (
        {"usd": None},
        {"tokens": 5},
        {"usd": "0"},
        {"usd": "-1"},
        {"window": "year"},
        {"each": "tenant"},
        {"each": "user", "match": {"user": "u"}},
        {"match": {"key": "nobody"}},
        {"match": {"colour": "x"}},
        {"match": {"model": "m"}},
        {"amount": 5},
    ):
        response = await make(api, **fields)
        assert response.status_code == 400, (fields, response.text)


async def test_names_are_taken_once_and_others_do_not_see_them(api):
    one = await made(api)
    assert (await make(api)).json()["error"]["code"] == "name_taken"
    assert (await api.ask("GET", f"{BUDGETS}/{one['id']}", "other")).status_code == 404
    assert (await api.ask("DELETE", f"{BUDGETS}/{one['id']}", "other")).status_code == 404
    assert (await api.ask("GET", BUDGETS, "other")).json()["data"] == []


async def test_how_it_stands(api):
    one = await made(api)
    month = bounds("month", now())[0]
    lent = {
        "owner": "o",
        "scope": "tenant:default",
        "period": "m",
        "start": month,
        "amount": 1_000_000_000,
        "expires_at": 0,
    }
    await run(api, spent("tenant:default", 2_500_000_000, 70), insert(grants).values(**lent))
    usage = (await api.ask("GET", f"{BUDGETS}/{one['id']}/usage")).json()
    assert (usage["used"]["usd"], usage["remaining"]["usd"], usage["share"]) == ("2.5", "7.5", 0.25)
    assert usage["set_aside"]["usd"] == "1"
    assert "held" not in usage
    tokens = await made(api, name="t", usd=None, tokens=100)
    usage = (await api.ask("GET", f"{BUDGETS}/{tokens['id']}/usage")).json()
    assert (usage["used"], usage["remaining"]) == ({"usd": None, "tokens": 70}, {"usd": None, "tokens": 30})
    spending = (await api.ask("GET", "/api/v1/metrics/spending")).json()
    assert (spending["current_spend"], spending["monthly_budget"]) == ("2.5", "10")


async def test_each_ones_part_is_of_the_tenants_own(api):
    key = await api.make()
    one = await made(api, each="key")
    other = await made(api, name="o", each="end_user")
    await run(api, spent(key["id"], 5), spent("of-another-tenant", 7), spent(f"budget:{other['id']}:eve", 9))
    usage = (await api.ask("GET", f"{BUDGETS}/{one['id']}/usage")).json()
    assert [(each["id"], each["used"]["usd"]) for each in usage["each"]] == [(key["id"], "0.000000005")]
    usage = (await api.ask("GET", f"{BUDGETS}/{other['id']}/usage")).json()
    assert [each["id"] for each in usage["each"]] == ["eve"]


async def test_what_is_set_aside_for_each_is_that_of_who_used_most(api):
    one = await made(api, usd=None, tokens=100, each="end_user")
    month = bounds("month", now())[0]
    eve, bob = f"budget:{one['id']}:eve", f"budget:{one['id']}:bob"
    room = {"owner": "o", "period": "M", "start": month, "expires_at": 0}
    rooms = [insert(grants).values(scope=scope, amount=amount, **room) for scope, amount in ((eve, 40), (bob, 90))]
    await run(api, spent(eve, 1, 60), spent(bob, 2, 10), *rooms)
    usage = (await api.ask("GET", f"{BUDGETS}/{one['id']}/usage")).json()
    told = [usage[name]["tokens"] for name in ("used", "remaining", "set_aside")]
    assert (told, usage["share"]) == ([60, 40, 40], 0.6)


async def test_a_key_sees_its_own_alone(api):
    mine = await api.make(budgets=[{"usd": "5", "window": "day"}])
    own = Principal(
        kind="key",
        id=mine["id"],
        tenant_id="default",
        name="k",
        scope="own",
        permissions=api.doors.known["key"].permissions,
    )
    api.doors.known["mine"] = own
    one = await made(api, match={"key": mine["id"]})
    await made(api, name="whole")
    await run(api, spent(mine["id"], 2_000_000_000, start=bounds("day", now())[0]))
    assert [b["id"] for b in (await api.ask("GET", BUDGETS, "mine")).json()["data"]] == [one["id"]]
    assert (await api.ask("GET", f"{BUDGETS}/{one['id']}/usage", "mine")).json()["used"]["usd"] == "2"
    assert (await api.ask("POST", BUDGETS, "mine", json={})).status_code == 403
    budgets = (await api.ask("GET", "/api/v1/metrics/budgets", "mine")).json()["data"]
    assert [(b["window"], b["used"]["usd"], b["remaining"]["usd"]) for b in budgets] == [("day", "2", "3")]
    for_it = await api.ask("GET", "/api/v1/metrics/budgets", params={"key_id": mine["id"]})
    assert for_it.json()["data"] == budgets


async def test_a_change_is_told_to_the_feed_and_the_log(api):
    one = await made(api)
    async with api.parts.money.budgets.engine.connect() as con:
        told = (await con.execute(text("SELECT kind, object_id FROM changes ORDER BY seq DESC LIMIT 1"))).one()
    assert tuple(told) == ("budget", one["id"])
    entries = (await api.ask("GET", "/api/v1/audit", params={"object_id": one["id"]})).json()["data"]
    assert [(e["action"], e["actor_id"], e["after"]["amount"]) for e in entries] == [
        ("budgets:create", "admin-1", 10_000_000_000)
    ]
