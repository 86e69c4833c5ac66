"""Alerts by API: seen, seen to, silenced and tried; their rules made, changed and refused."""

import json

import pytest

from headgate.access.permissions import ROLES
from headgate.alerts.readings import Signal
from headgate.alerts.tenant import ErrorRate
from headgate.alerts.watch import InForce, Watch
from headgate.storage import alerts as store
from headgate.storage.alert_rows import AlertRow
from headgate.storage.sql import open_sql
from tests.admin.conftest import who

ALERTS, RULES = "/api/v1/alerts", "/api/v1/alert-rules"
RATE = {"kind": "error_rate", "above": 0.05}


@pytest.fixture
def sql(database):
    made = open_sql(f"sqlite:///{database}")
    yield made
    made.close()


def firing(sql, tenant="default", **fields):
    told = {
        "id": f"0190-{tenant}", "tenant_id": tenant, "rule": "fail", "kind": "error_rate", "subject": "",
        "severity": "warning", "state": "firing", "text": "12% failed", "link": "/logs?status=failure",
        "channels": '[["default","file:ops"]]', "since": 1, "seen_at": 2, "fired_at": 2, "told_at": 2, "fired": 1,
        "updated_at": 2, **fields,
    }  # fmt: skip
    row = AlertRow(**told)
    sql.transact(lambda sql: store.put(sql, row))
    return row


def outbox(sql):
    rows = sql.execute("SELECT channel_id, payload FROM outbox ORDER BY created_at, id").fetchall()
    return [(channel, json.loads(payload)) for channel, payload in rows]


async def test_one_is_seen_acknowledged_and_silenced(api, sql):
    row = firing(sql)
    (shown,) = (await api.ask("GET", ALERTS)).json()["data"]
    assert (shown["id"], shown["state"], shown["link"]) == (row.id, "firing", "/logs?status=failure")
    known = await api.ask("POST", f"{ALERTS}/{row.id}/ack")
    assert known.json()["state"] == "acknowledged" and known.json()["acknowledged_by"] == "admin:admin-1"
    ((channel, said),) = outbox(sql)
    assert channel == "file:ops" and said["data"]["event"] == "acknowledged"
    quiet = await api.ask("POST", f"{ALERTS}/{row.id}/silence", json={"until": "2027-01-01T00:00:00Z"})
    assert quiet.json()["silenced_until"].startswith("2027-01-01")
    for until in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "soon"):
        assert (await api.ask("POST", f"{ALERTS}/{row.id}/silence", json={"until": until})).status_code == 400
    loud = await api.ask("POST", f"{ALERTS}/{row.id}/silence", json={"until": None})
    assert loud.json()["silenced_until"] is None
    history = (await api.ask("GET", f"{ALERTS}/{row.id}/history")).json()["data"]
    assert sorted(one["event"] for one in history) == ["acknowledged", "silenced", "unsilenced"]
    audit = (await api.ask("GET", "/api/v1/audit")).json()["data"]
    assert [one["action"] for one in audit[:3]] == ["alerts:silence", "alerts:silence", "alerts:acknowledge"]


async def test_what_has_ended_is_not_acknowledged(api, sql):
    row = firing(sql, state="resolved")
    refused = await api.ask("POST", f"{ALERTS}/{row.id}/ack")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_firing")


async def test_another_tenants_do_not_exist(api, sql):
    row = firing(sql, tenant="other")
    assert (await api.ask("GET", ALERTS)).json()["data"] == []
    for method, path in (("GET", ""), ("GET", "/history"), ("POST", "/ack"), ("POST", "/test")):
        answer = await api.ask(method, f"{ALERTS}/{row.id}{path}")
        never = await api.ask(method, f"{ALERTS}/0190-never{path}")
        assert answer.status_code == never.status_code == 404
        assert answer.json()["error"]["message"] == never.json()["error"]["message"]
    assert (await api.ask("GET", f"{ALERTS}/{row.id}", "other")).status_code == 200


async def test_pages_go_on_where_the_one_before_ended(api, sql):
    for number in range(5):
        firing(sql, id=f"0190-{number}", subject=str(number), updated_at=number)
    first = (await api.ask("GET", f"{ALERTS}?limit=3&state=firing")).json()
    then = (await api.ask("GET", f"{ALERTS}?limit=3&after={first['next']}")).json()
    assert [one["subject"] for one in (*first["data"], *then["data"])] == list("43210")
    assert first["has_more"] and not then["has_more"] and then["next"] is None


async def test_a_rule_is_made_changed_and_tried(api, sql):
    refused = await api.ask("POST", RULES, json={"name": "mine", "config": {**RATE, "channels": ["ops"]}})
    assert refused.status_code == 400 and "no channel ops" in refused.json()["error"]["message"]
    channel = {"name": "ops", "kind": "slack", "secret": "https://hooks.slack.example/x"}
    assert (await api.ask("POST", "/api/v1/billing/channels", json=channel)).status_code == 201
    made = await api.ask("POST", RULES, json={"name": "mine", "config": {**RATE, "channels": ["ops"]}})
    assert made.status_code == 201, made.text
    changed = await api.ask("PUT", f"{RULES}/mine", json={"config": {**RATE, "channels": ["ops"], "window": 600}})
    assert changed.json()["version"] == 2
    assert len((await api.ask("GET", f"{RULES}/mine/versions")).json()["data"]) == 2
    tried = await api.ask("POST", f"{RULES}/mine/test")
    ((_, said),) = outbox(sql)
    assert len(tried.json()["message_ids"]) == 1
    assert said["text"].startswith("a test, nothing is wrong: mine") and said["event"].startswith("alerts-test:")
    assert (await api.ask("DELETE", f"{RULES}/mine")).status_code == 200


async def test_what_became_of_messages(api, sql):
    row = firing(sql)
    sql.transact(lambda sql: store.send(sql, row, {"event": "alerts:x", "text": "hi"}, 1, [("default", "c1")] * 3))
    sql.transact(lambda sql: store.send(sql, row, {"event": "alerts:x", "text": "hi"}, 1, [("other", "c1")]))
    first = (await api.ask("GET", "/api/v1/messages?limit=2")).json()
    then = (await api.ask("GET", f"/api/v1/messages?before={first['next']}")).json()
    assert len({one["id"] for one in (*first["data"], *then["data"])}) == 3 and not then["has_more"]
    assert (then["data"][0]["state"], then["data"][0]["text"]) == ("waiting", "hi")
    assert (await api.ask("GET", "/api/v1/messages", "key")).status_code == 403


async def test_what_is_wrong_with_a_rule_is_named(api):
    wrong = {
        "config.above": {**RATE, "above": 2},
        "config.kind": {"kind": "nonsense"},
        "config.by": {**RATE, "by": "model", "provider": "a"},
        "config": {**RATE, "abov": 1},
    }
    for param, config in wrong.items():
        answer = await api.ask("POST", RULES, json={"name": "mine", "config": config})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


async def test_a_rule_over_the_gateway_itself_is_the_operators(api):
    down = {"name": "down", "config": {"kind": "provider_down"}}
    refused = await api.ask("POST", RULES, "other", json=down)
    assert refused.status_code == 400 and "operator" in refused.json()["error"]["message"]
    assert (await api.ask("POST", RULES, json=down)).status_code == 201


async def test_who_may_change_rules_alone_may_not_make_them(api):
    api.doors.known["changer"] = who(
        "changer", "default", scope="tenant", permissions=frozenset({"alerts:update", "alerts:view"})
    )
    assert (await api.ask("PUT", f"{RULES}/mine", "changer", json={"config": RATE})).status_code == 403
    await api.ask("POST", RULES, json={"name": "mine", "config": RATE})
    assert (await api.ask("PUT", f"{RULES}/mine", "changer", json={"config": {**RATE, "calls": 9}})).status_code == 200
    assert (await api.ask("DELETE", f"{RULES}/mine", "changer")).status_code == 403
    assert (await api.ask("GET", ALERTS, "key")).status_code == 403


async def test_nobody_to_tell_and_no_such_rule(api):
    assert (await api.ask("POST", f"{RULES}/calls-fail/test")).json()["error"]["code"] == "no_channel"
    assert (await api.ask("POST", f"{RULES}/never/test")).status_code == 404
    assert (await api.ask("POST", f"{RULES}/provider-down/test", "other")).status_code == 404


async def test_the_kinds_say_what_can_be_set(api):
    found = (await api.ask("GET", "/api/v1/alert-kinds")).json()
    rate = next(one for one in found["data"] if one["kind"] == "error_rate")
    assert rate["fields"]["above"]["default"] == 0.1 and not rate["platform"]
    assert found["shipped"]["provider-down"]["kind"] == "provider_down"


async def test_whoever_may_see_alerts_has_them_among_his_notifications(api, sql, database):
    down = [Signal(node="", name="breaker", subject="a/m", value=1, text="9 of 9 failed")]
    from headgate.alerts.gateway import ProviderDown

    force = InForce({"down": ProviderDown(), "fail": ErrorRate()}, {}, frozenset())
    Watch(f"sqlite:///{database}", "n1", lambda: force, lambda: down).turn()
    (line,) = (await api.ask("GET", "/api/v1/notifications")).json()["data"]
    assert line["text"].startswith("warning: down: the provider a is down")
    api.doors.known["pal"] = who("pal", "default", scope="tenant", permissions=ROLES["member"])
    assert (await api.ask("GET", "/api/v1/notifications", "pal")).json()["data"] == []
