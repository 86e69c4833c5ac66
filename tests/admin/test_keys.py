"""Keys through the management API."""

import pytest

from headgate.access.assemble import Assembler
from headgate.access.keys import digest
from headgate.access.types import Budget, Limits
from headgate.core.secret import Secret
from tests.admin.conftest import DERIVED, KEYS


async def test_a_key_is_made_shown_once_and_stored_as_its_digest(api):
    made = await api.make(
        name="billing",
        models=["fast", "local/*", "fast"],
        limits={"rps": 2.5, "tpm": 1000},
        budgets=[{"usd": "5.25", "window": "month"}, {"usd": 0.5, "window": "day"}],
        tags=["team-a"],
        expires_at="2031-01-01T00:00:00+02:00",
    )
    row = await api.keys.get("default", made["id"])
    assert row is not None
    assert row.key_hash == digest(Secret(made["key"]), DERIVED)
    whole = await api.keys.whole("default", made["id"])
    assert whole is not None
    who = Assembler().key(whole)
    assert who.limits == Limits(rps=2.5, tpm=1000)
    assert who.budgets == (Budget(5_250_000_000, "month"), Budget(500_000_000, "day"))
    assert who.models == {"fast", "local/*"}
    assert made["expires_at"] == "2030-12-31T22:00:00.000000Z"
    shown = (await api.ask("GET", f"{KEYS}/{made['id']}")).json()
    assert {k: v for k, v in made.items() if k != "key"} == shown
    assert shown["prefix"] == made["key"][:8]
    assert shown["last4"] == made["key"][-4:]
    assert shown["budgets"] == [{"usd": "5.25", "window": "month"}, {"usd": "0.5", "window": "day"}]


async def test_pages(api):
    made = [(await api.make(name=f"k{i}"))["id"] for i in range(7)]
    seen, after = [], ""
    for _ in range(4):
        page = (await api.ask("GET", KEYS, params={"limit": 2, **({"after": after} if after else {})})).json()
        seen += [key["id"] for key in page["data"]]
        after = page["next"]
        assert page["has_more"] is (after is not None)
        if after is None:
            break
    assert seen == made
    assert "key" not in page["data"][0]


async def test_revoking_is_for_ever_and_can_be_repeated(api):
    made = await api.make()
    for _ in range(2):
        gone = await api.ask("DELETE", f"{KEYS}/{made['id']}")
        assert (gone.status_code, gone.json()["status"]) == (200, "revoked")
    first = gone.json()["revoked_at"]
    assert (await api.ask("DELETE", f"{KEYS}/{made['id']}")).json()["revoked_at"] == first
    refused = await api.ask("POST", f"{KEYS}/{made['id']}/rotate")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "key_revoked")


async def test_rotation_keeps_the_id_and_what_it_may(api):
    made = await api.make(limits={"rpm": 5})
    turned = await api.ask("POST", f"{KEYS}/{made['id']}/rotate", json={"overlap": 60})
    new = turned.json()
    assert (turned.status_code, new["id"], new["limits"]["rpm"]) == (200, made["id"], 5)
    assert new["key"] != made["key"]
    assert new["overlap_until"] > new["rotated_at"]
    row = await api.keys.get("default", made["id"])
    assert row is not None
    assert row.rotated_from == digest(Secret(made["key"]), DERIVED)
    assert row.key_hash == digest(Secret(new["key"]), DERIVED)


async def test_an_admin_key_can_be_made(api):
    made = await api.make(kind="admin")
    assert made["key"].startswith("hga_")
    assert made["kind"] == "admin"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "name", "missing_parameter"),
        ({"name": ""}, "name", "invalid_parameter"),
        ({"name": "x" * 101}, "name", "invalid_parameter"),
        ({"name": 5}, "name", "invalid_parameter"),
        ({"name": "a\nb"}, "name", "invalid_parameter"),
        ({"name": "\x1b[31mred"}, "name", "invalid_parameter"),
        ({"name": "a", "colour": 1}, "colour", "unknown_parameter"),
        ({"name": "a", "key_hash": "x"}, "key_hash", "unknown_parameter"),
        ({"name": "a", "tenant_id": "other"}, "tenant_id", "unknown_parameter"),
        ({"name": "a", "kind": "root"}, "kind", "invalid_parameter"),
        ({"name": "a", "limits": {"rps": 0}}, "limits.rps", "invalid_parameter"),
        ({"name": "a", "limits": {"rps": -1, "rpm": 0}}, "limits.rps", "invalid_parameter"),
        ({"name": "a", "limits": {"rpm": 1.5}}, "limits.rpm", "invalid_parameter"),
        ({"name": "a", "limits": {"rpm": 10**30}}, "limits.rpm", "invalid_parameter"),
        ({"name": "a", "limits": {"rph": 1}}, "limits.rph", "unknown_parameter"),
        ({"name": "a", "limits": []}, "limits", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "0", "window": "day"}]}, "budgets[0].usd", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "-1", "window": "day"}]}, "budgets[0].usd", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "NaN", "window": "day"}]}, "budgets[0].usd", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "1e30", "window": "day"}]}, "budgets[0].usd", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "1e-10", "window": "day"}]}, "budgets[0].usd", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "1", "window": "year"}]}, "budgets[0].window", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "1", "window": "day"}] * 2}, "budgets", "invalid_parameter"),
        ({"name": "a", "budgets": [{"usd": "1"}]}, "budgets[0].window", "missing_parameter"),
        ({"name": "a", "models": ["x"] * 501}, "models", "invalid_parameter"),
        ({"name": "a", "models": [""]}, "models[0]", "invalid_parameter"),
        ({"name": "a", "models": "x"}, "models", "invalid_parameter"),
        ({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "invalid_parameter"),
        ({"name": "a", "expires_at": "2030-01-01T00:00:00"}, "expires_at", "invalid_parameter"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at", "invalid_parameter"),
        ({"name": "a", "expires_at": 1}, "expires_at", "invalid_parameter"),
        ({"name": "a", "expires_at": "soon"}, "expires_at", "invalid_parameter"),
    ],
)
async def test_what_is_refused_names_its_field(api, body, param, code):
    response = await api.ask("POST", KEYS, json=body)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, param, code), error
    assert error["type"] == "invalid_request_error"
    assert (await api.keys.list("default")) == []


async def test_an_admin_key_takes_no_budget(api):
    body = {"name": "a", "kind": "admin", "budgets": [{"usd": "1", "window": "day"}]}
    assert (await api.ask("POST", KEYS, json=body)).status_code == 400


async def test_text_that_no_database_holds_is_mended(api):
    content = b'{"name": "a\\u0000b\\ud800c"}'
    response = await api.ask("POST", KEYS, content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["name"]) == (201, "a\ufffdb\ufffdc")


@pytest.mark.parametrize("overlap", [-1, 1e9, "x", None])
async def test_an_overlap_that_makes_no_sense(api, overlap):
    made = await api.make()
    response = await api.ask("POST", f"{KEYS}/{made['id']}/rotate", json={"overlap": overlap})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "overlap")


async def test_keys_of_another_tenant_do_not_exist(api):
    made = await api.make(name="canary-canary")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        response = await api.ask(method, f"{KEYS}/{made['id']}{path}", "other")
        assert response.status_code == 404
        assert "canary" not in response.text
    assert (await api.ask("GET", KEYS, "other")).json()["data"] == []
    row = await api.keys.get("default", made["id"])
    assert row is not None
    assert row.revoked_at is None


@pytest.mark.parametrize("id", ["nothing", "%00", "%ff", "' OR 1=1", "x" * 300, "%2e%2e%2f"])
async def test_what_is_no_id_is_not_found(api, id):
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        response = await api.ask(method, f"{KEYS}/{id}{path}")
        assert response.status_code in (404, 405), response.text
