"""Requests for more over the API: asked, decided by others, in effect, and told."""

from typing import Any

import pytest

from headgate.access.permissions import OWN_KEY, ROLES
from headgate.access.types import Principal
from tests.admin.conftest import KEYS, who

APPROVALS = "/api/v1/approvals"


@pytest.fixture
async def key(api):
    made = await api.make(models=["a/m"], limits={"rpm": 5}, budgets=[{"usd": "5", "window": "month"}])
    own = Principal(kind="key", id=made["id"], tenant_id="default", name="k", scope="own", permissions=OWN_KEY)
    api.doors.known["mine"] = own
    api.doors.known["boss"] = who("boss", "default", scope="tenant", permissions=ROLES["tenant-admin"])
    return made


async def ask(api, caller="mine", **fields):
    body = {"kind": "models", "subject_kind": "key", "models": ["b/m"], "reason": "a test", **fields}
    return await api.ask("POST", APPROVALS, caller, json={k: v for k, v in body.items() if v is not None})


async def asked(api, key, **fields):
    response = await ask(api, subject_id=key["id"], **fields)
    assert response.status_code == 201, response.text
    return response.json()


async def present(api, key):
    return (await api.ask("GET", f"{KEYS}/{key['id']}")).json()


async def test_a_key_asks_for_a_model_and_has_it_once_that_is_granted(api, key):
    one = await asked(api, key)
    assert (one["state"], one["ask"]["models"], one["asked_by"]) == ("open", ["b/m"], key["id"])
    told = (await api.ask("GET", "/api/v1/notifications", "boss")).json()["data"]
    assert [(line["event"], line["link"]) for line in told] == [("approvals:open", f"/approvals?id={one['id']}")]
    response = await api.ask("POST", f"{APPROVALS}/{one['id']}/approve", "boss", json={"answer": "go on"})
    assert (response.json()["state"], response.json()["answer"]) == ("approved", "go on")
    assert (await present(api, key))["models"] == ["a/m", "b/m"]
    mine = (await api.ask("GET", "/api/v1/notifications", "mine")).json()["data"]
    assert "go on" in mine[0]["text"]
    assert (await api.ask("POST", f"/api/v1/notifications/{mine[0]['id']}/read", "mine")).status_code == 200
    assert (await api.ask("GET", "/api/v1/notifications", "mine", params={"unread": True})).json()["data"] == []


async def test_limits_and_budgets(api, key):
    limits = await asked(api, key, kind="limits", models=None, limits={"rpm": 50})
    budget = await asked(api, key, kind="budget", models=None, usd="20", window="month")
    for one in (limits, budget):
        assert (await api.ask("POST", f"{APPROVALS}/{one['id']}/approve", "boss")).status_code == 200
    now = await present(api, key)
    assert (now["limits"]["rpm"], now["budgets"][0]["usd"]) == (50, "20")
    assert budget["ask"]["usd"] == "20"


async def test_nobody_decides_on_his_own_unless_the_tenant_lets_him(api, key):
    response = await ask(api, "boss", subject_id=key["id"])
    path = f"{APPROVALS}/{response.json()['id']}/approve"
    refused = await api.ask("POST", path, "boss")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "own_request")
    assert (await api.ask("POST", path, "mine")).status_code == 403
    let = await api.ask("PATCH", "/api/v1/tenants/default", json={"self_approval": True})
    assert let.json()["self_approval"] is True
    assert (await api.ask("PATCH", "/api/v1/tenants/default", json={"logging": {}})).json()["self_approval"] is True
    assert (await api.ask("POST", path, "boss")).status_code == 200


async def test_nobody_decides_on_his_own_by_another_credential(api, key):
    """Users make keys: a user's own, an admin key of nobody's, and one of a third."""
    everything = ROLES["tenant-admin"]

    def door(word, kind, id, user=None):
        scope, permissions = ("own", OWN_KEY) if kind == "key" else ("tenant", everything)
        api.doors.known[word] = Principal(
            kind=kind, id=id, tenant_id="default", name=word, scope=scope, permissions=permissions, user_id=user
        )

    async def made(path, caller="admin", **body):
        response = await api.ask("POST", f"/api/v1/{path}", caller, json=body)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    ann, bob, cid = [await made("users", email=f"{name}@x.example") for name in ("ann", "bob", "cid")]
    for name, id in (("ann", ann), ("bob", bob), ("cid", cid)):
        door(name, "user", id, id)
    door("anns", "key", await made("keys", name="anns", user_id=ann), ann)
    door("nobodys", "admin", await made("keys", "ann", name="nobodys", kind="admin"))
    door("made", "admin", await made("keys", "nobodys", name="made", kind="admin"))
    door("bobs", "admin", await made("keys", "ann", name="bobs", kind="admin", user_id=bob), bob)
    door("cids", "admin", await made("keys", "ann", name="cids", kind="admin", user_id=cid), cid)
    door("first", "admin", await made("keys", name="first", kind="admin"))
    door("second", "admin", await made("keys", name="second", kind="admin"))
    for asker, decider, status in (
        ("anns", "ann", 403), ("nobodys", "ann", 403), ("made", "ann", 403), ("ann", "nobodys", 403),
        ("nobodys", "made", 403), ("bobs", "bob", 403), ("bob", "bobs", 403), ("ann", "bobs", 403),
        ("anns", "bob", 200), ("ann", "bob", 200), ("bobs", "cids", 200), ("nobodys", "cid", 200),
        ("first", "second", 200), ("anns", "first", 200),
    ):  # fmt: skip
        own = api.doors.known[asker].id if asker == "anns" else key["id"]
        fields = {"kind": "limits", "models": None, "limits": {"rpm": 50}}
        one = await ask(api, asker, subject_id=own, **fields)
        assert one.status_code == 201, one.text
        assert "behind" not in one.json()
        answer = await api.ask("POST", f"{APPROVALS}/{one.json()['id']}/approve", decider)
        assert answer.status_code == status, (asker, decider, answer.text)
        assert status == 200 or answer.json()["error"]["code"] == "own_request"

    one = await ask(api, "anns", subject_id=api.doors.known["anns"].id, **fields)
    taken = await api.ask("PATCH", f"{KEYS}/{api.doors.known['anns'].id}", json={"user_id": None})
    assert taken.status_code == 200
    answer = await api.ask("POST", f"{APPROVALS}/{one.json()['id']}/approve", "ann")
    assert answer.json()["error"]["code"] == "own_request", "whose it was when it asked"


async def test_it_is_decided_once_and_taken_back_by_who_asked(api, key):
    one, two = await asked(api, key), await asked(api, key, models=["c/m"])
    assert (await api.ask("POST", f"{APPROVALS}/{one['id']}/refuse", "boss")).json()["state"] == "refused"
    again = await api.ask("POST", f"{APPROVALS}/{one['id']}/approve", "boss")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_decided")
    assert (await api.ask("POST", f"{APPROVALS}/{two['id']}/withdraw", "boss")).status_code == 403
    assert (await api.ask("POST", f"{APPROVALS}/{two['id']}/withdraw", "mine")).json()["state"] == "withdrawn"
    assert (await present(api, key))["models"] == ["a/m"]
    assert [a["state"] for a in (await api.ask("GET", APPROVALS)).json()["data"]] == ["withdrawn", "refused"]


async def test_others_requests_are_not_seen(api, key):
    one = await asked(api, key)
    assert (await api.ask("GET", f"{APPROVALS}/{one['id']}", "other")).status_code == 404
    assert (await api.ask("POST", f"{APPROVALS}/{one['id']}/approve", "other")).status_code == 404
    assert (await api.ask("GET", f"{APPROVALS}/{one['id']}", "key")).status_code == 404
    assert (await api.ask("GET", APPROVALS, "key")).json()["data"] == []
    assert (await ask(api, "key", subject_id=key["id"])).status_code == 400
    assert (await ask(api, "other", subject_id=key["id"])).status_code == 400


async def test_what_makes_no_sense_is_refused(api, key):
    wrong: tuple[dict[str, Any], ...] = (
        {"models": ["a/m"]},
        {"models": None},
        {"usd": "5"},
        {"kind": "budget", "models": None, "usd": "5", "window": "month"},
        {"kind": "budget", "models": None, "usd": "50", "window": "day"},
        {"kind": "budget", "models": None, "usd": "50"},
        {"kind": "limits", "models": None, "limits": {}},
        {"kind": "providers", "models": None, "providers": ["x"]},
        {"subject_kind": "budget"},
        {"subject_kind": "team"},
        {"expires_in": 1},
        {"state": "approved"},
    )
    for fields in wrong:
        response = await ask(api, subject_id=key["id"], **fields)
        assert response.status_code == 400, (fields, response.text)
