"""What the platform makes for a tenant, the tenant sees, and neither changes nor removes."""

import asyncio

import pytest

from headgate.access.permissions import ROLES
from headgate.storage.object_rows import Author
from tests.admin.conftest import who

API = "/api/v1"
ME = Author(kind="admin", id="root", tenant_id="default")
FOR = {"tenant_id": "acme"}
HOUSE = {"kind": "keywords", "words": ["x"], "always": True}
KINDS = [
    ("guardrails", HOUSE, {"kind": "keywords", "words": ["y"]}),
    ("routes", {"targets": ["fair/m"]}, {"targets": ["dear/m"]}),
    ("aliases", {"target": "fair/m"}, {"target": "dear/m"}),
    ("use-cases", {"targets": ["fair/m"]}, {"targets": ["dear/m"]}),
    ("caches", {"ttl": 60}, {"ttl": 61}),
]


@pytest.fixture
async def acme(api):
    made = await api.ask("POST", f"{API}/tenants", json={"id": "acme", "name": "Acme"})
    assert made.status_code == 201, made.text
    api.doors.known["boss"] = who("boss", "acme", scope="tenant", permissions=ROLES["tenant-admin"])
    return api


def refused(answer):
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "beyond_your_own"), answer.text


@pytest.mark.parametrize(("plural", "config", "other"), KINDS)
async def test_what_was_made_for_a_tenant_stays(acme, plural, config, other):
    path = f"{API}/{plural}"
    made = await acme.ask("POST", path, json={"name": "house", "config": config}, params=FOR)
    assert (made.status_code, made.json()["platform"], made.json()["shared"]) == (201, True, False), made.text
    shown = (await acme.ask("GET", f"{path}/house", "boss")).json()
    assert shown["config"] == made.json()["config"] and shown["platform"] is True
    rows = (await acme.ask("GET", path, "boss")).json()["data"]
    assert [row["platform"] for row in rows if row["name"] == "house"] == [True]

    for change in ({"config": other}, {"config": config, "platform": False}, {"config": other, "dry_run": True}):
        refused(await acme.ask("PUT", f"{path}/house", "boss", json=change))
    refused(await acme.ask("DELETE", f"{path}/house", "boss"))
    changed = await acme.ask("PUT", f"{path}/house", json={"config": other}, params=FOR)
    assert (changed.status_code, changed.json()["platform"]) == (200, True)
    refused(await acme.ask("POST", f"{path}/house/rollback", "boss", json={"version": 1}))
    assert (await acme.ask("GET", f"{path}/house", "boss")).json()["version"] == 2

    handed = await acme.ask("PUT", f"{path}/house", json={"config": other, "platform": False}, params=FOR)
    assert (handed.json()["platform"], handed.json()["version"]) == (False, 3)
    assert (await acme.ask("PUT", f"{path}/house", "boss", json={"config": config})).status_code == 200
    refused(await acme.ask("PUT", f"{path}/house", "boss", json={"config": config, "platform": True}))
    assert (await acme.ask("DELETE", f"{path}/house", "boss")).status_code == 200


async def test_a_name_that_is_free_again_is_the_tenants(acme):
    path, config = f"{API}/guardrails", HOUSE
    await acme.ask("POST", path, json={"name": "house", "config": config}, params=FOR)
    assert (await acme.ask("DELETE", f"{path}/house", params=FOR)).status_code == 200
    made = await acme.ask("POST", path, "boss", json={"name": "house", "config": config})
    assert (made.status_code, made.json()["platform"]) == (201, False), made.text
    assert (await acme.ask("DELETE", f"{path}/house", "boss")).status_code == 200


async def test_what_is_ones_own_and_what_is_shared(acme):
    path, config = f"{API}/guardrails", HOUSE
    own = await acme.ask("POST", path, json={"name": "a", "config": config})
    assert own.json()["platform"] is False, "of the tenant that is the operator's"
    bound = await acme.ask("POST", path, json={"name": "b", "config": config, "platform": True})
    assert bound.json()["platform"] is True
    both = await acme.ask("POST", path, json={"name": "c", "config": config, "platform": True, "shared": True})
    assert (both.status_code, both.json()["error"]["param"]) == (400, "platform")
    shared = await acme.ask("POST", path, json={"name": "c", "config": config, "shared": True})
    assert shared.json()["platform"] is False
    refused(await acme.ask("POST", path, "boss", json={"name": "d", "config": config, "platform": True}))


async def test_a_change_that_came_meanwhile_binds(acme, monkeypatch):
    """What was looked at was not bound; what is stored is."""
    path, config = f"{API}/guardrails", HOUSE
    await acme.ask("POST", path, "boss", json={"name": "a", "config": config})
    real = asyncio.to_thread

    async def meanwhile(function, *args):
        await acme.parts.objects.put("acme", "guardrail", "a", {**config, "words": ["z"]}, author=ME, platform=True)
        return await real(function, *args)

    monkeypatch.setattr("headgate.admin.configured.asyncio.to_thread", meanwhile)
    refused(await acme.ask("PUT", f"{path}/a", "boss", json={"config": config}))
    monkeypatch.undo()
    assert (await acme.ask("GET", f"{path}/a", "boss")).json()["config"]["words"] == ["z"]
