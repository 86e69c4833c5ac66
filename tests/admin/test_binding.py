"""What the platform sets to bind a tenant, the tenant sees and does not lift."""

import pytest

from headgate.access.permissions import ROLES
from tests.admin.conftest import who

API = "/api/v1"
FOR = {"tenant_id": "acme"}


@pytest.fixture
async def acme(api):
    made = await api.ask("POST", f"{API}/tenants", json={"id": "acme", "name": "Acme"})
    assert made.status_code == 201, made.text
    api.doors.known["boss"] = who("boss", "acme", scope="tenant", permissions=ROLES["tenant-admin"])
    api.doors.known["clerk"] = who("clerk", "acme", scope="tenant", permissions=ROLES["billing"])
    return api


async def budget(api, caller, name="cap", **fields):
    body = {"name": name, "usd": "10", "window": "day", **fields}
    query = FOR if caller == "admin" else {}
    return await api.ask("POST", f"{API}/budgets", caller, json=body, params=query)


def refused(answer):
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "beyond_your_own"), answer.text


async def test_a_budget_that_was_set_for_a_tenant_stays(acme):
    one = (await budget(acme, "admin")).json()
    assert one["platform"] is True
    path = f"{API}/budgets/{one['id']}"
    for caller in ("boss", "clerk"):
        assert (await acme.ask("GET", path, caller)).json()["usd"] == "10"
        for change in ({"usd": "1000000"}, {"is_active": False}, {"platform": False}, {"name": "x"}):
            refused(await acme.ask("PATCH", path, caller, json=change))
    refused(await acme.ask("DELETE", path, "boss"))
    asked = {"kind": "budget", "subject_kind": "budget", "subject_id": one["id"], "usd": "50"}
    request = (await acme.ask("POST", f"{API}/approvals", "boss", json=asked)).json()["id"]
    refused(await acme.ask("POST", f"{API}/approvals/{request}/approve", "clerk"))
    assert (await acme.ask("GET", path, "boss")).json()["usd"] == "10"
    assert (await acme.ask("POST", f"{API}/approvals/{request}/approve", params=FOR)).status_code == 200
    assert (await acme.ask("PATCH", path, json={"usd": "60"}, params=FOR)).json()["usd"] == "60"

    handed = await acme.ask("PATCH", path, json={"platform": False}, params=FOR)
    assert handed.json()["platform"] is False
    assert (await acme.ask("PATCH", path, "clerk", json={"usd": "5"})).status_code == 200
    refused(await acme.ask("PATCH", path, "boss", json={"platform": True}))
    assert (await acme.ask("DELETE", path, "boss")).status_code == 200


async def test_a_tenants_own_budgets_are_its_own(acme):
    one = await budget(acme, "clerk", "own")
    assert one.json()["platform"] is False
    refused(await budget(acme, "clerk", "more", platform=True))
    request = {"kind": "budget", "subject_kind": "budget", "subject_id": one.json()["id"], "usd": "50"}
    id = (await acme.ask("POST", f"{API}/approvals", "boss", json=request)).json()["id"]
    assert (await acme.ask("POST", f"{API}/approvals/{id}/approve", "clerk")).status_code == 200
    own = await acme.ask("POST", f"{API}/budgets", json={"name": "x", "usd": "1", "window": "day"})
    assert own.json()["platform"] is False, "of the tenant that is the operator's"
    bound = await acme.ask("POST", f"{API}/budgets", json={"name": "y", "usd": "1", "window": "day", "platform": True})
    assert bound.json()["platform"] is True


async def test_what_a_tenant_is_billed_others_say(acme):
    body = {"model": "*", "markup_percent": -100}
    for caller in ("boss", "clerk"):
        refused(await acme.ask("POST", f"{API}/billing/prices", caller, json=body))
    one = await acme.ask("POST", f"{API}/billing/prices", json={**body, "markup_percent": 15}, params=FOR)
    assert one.status_code == 201
    path = f"{API}/billing/prices/{one.json()['id']}"
    assert (await acme.ask("GET", path, "clerk")).json()["markup_percent"] == 15
    refused(await acme.ask("PATCH", path, "clerk", json={"markup_percent": -100}))
    refused(await acme.ask("DELETE", path, "clerk"))
    acme.doors.known["house"] = who("house", "default", scope="tenant", permissions=ROLES["billing"])
    assert (await acme.ask("POST", f"{API}/billing/prices", "house", json=body)).status_code == 201

    columns = {name: name for name in ("day", "model", "requests")}
    data = "day,model,requests\n2026-01-01,m,1\n"
    said = {"provider": "mine", "format": "csv", "data": data, "columns": columns}
    refused(await acme.ask("POST", f"{API}/billing/imports", "clerk", json=said))
    told = await acme.ask("POST", f"{API}/billing/imports", "clerk", json={**said, "correct": False})
    assert told.status_code == 201, told.text


async def test_the_id_of_a_tenant_that_is_gone_stays_its_own(acme):
    assert (await acme.ask("DELETE", f"{API}/tenants/acme")).status_code == 200
    again = await acme.ask("POST", f"{API}/tenants", json={"id": "acme", "name": "New"})
    assert (again.status_code, again.json()["error"]["param"]) == (409, "id"), again.text


async def test_a_tenants_day_begins_where_the_platform_says(acme):
    refused(await acme.ask("PATCH", f"{API}/tenants/acme", "boss", json={"zone": "Pacific/Auckland"}))
    changed = await acme.ask("PATCH", f"{API}/tenants/acme", json={"zone": "Pacific/Auckland"})
    assert changed.json()["zone"] == "Pacific/Auckland"
