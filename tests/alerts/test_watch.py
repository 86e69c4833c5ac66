"""Rules looked at over a real database: what fires is told once, survives a restart, and one home at a time looks."""

import json

import msgspec
import pytest

from headgate.alerts.gateway import ProviderDown
from headgate.alerts.readings import Signal
from headgate.alerts.rules import SECOND
from headgate.alerts.sql import SqlReadings
from headgate.alerts.tenant import BudgetSpent, ErrorRate, KeysExpiring
from headgate.alerts.watch import InForce, LeaseLost, Watch
from headgate.core.money import Usage
from headgate.core.record import Status
from headgate.observe.facts import Facts
from headgate.observe.metrics import Page
from headgate.observe.views import Views
from headgate.storage import alerts as store
from headgate.storage.sql import open_sql

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
TENANT = """INSERT INTO tenants (id, name, is_active, settings, created_at, updated_at) VALUES (?, ?, ?, '{}', 1, 1)
    ON CONFLICT (id) DO NOTHING"""
CHANNEL = """INSERT INTO channels (id, tenant_id, kind, name, target, events, is_active, created_at, updated_at)
    VALUES (?, ?, 'email', ?, 'x@y.test', ?, ?, 1, 1)"""
BUDGET = """INSERT INTO budgets (id, tenant_id, name, conditions, each, unit, amount, period, hard, is_active, created_at,
    updated_at) VALUES (?, ?, ?, ?, ?, 'nano', ?, 'day', ?, ?, 1, 1)"""
BALANCE = "INSERT INTO balances (scope, period, start, nano, tokens) VALUES (?, 'd', ?, ?, 0)"
KEY = """INSERT INTO keys (id, tenant_id, kind, name, key_hash, key_prefix, last4, environment, models, limits, budgets,
    tags, is_active, expires_at, created_at, updated_at)
    VALUES (?, ?, 'key', ?, ?, 'hg_', 'abcd', 'live', '[]', '{}', ?, '[]', ?, ?, 1, 1)"""


@pytest.fixture
def sql(url):
    made = open_sql(url)
    made.transact(lambda sql: sql.execute(TENANT, ("default", "Default", True)))
    made.transact(lambda sql: sql.execute(TENANT, ("t1", "One", True)))
    yield made
    made.close()


def call(at, *, failed=False, code=None, model="a/m", tenant="t1", ms=100.0, **fields):
    status: Status = "failure" if failed else "success"
    return Facts(
        id=f"{at}-{fields.get('n', 0)}", trace_id="t", at=at, tenant_id=tenant, surface="openai", status=status,
        model_requested=model, model_used=None if failed else model, provider_used=None if failed else "a",
        route="fast", usage=Usage(input=1, output=1), cost_nano=5, billed="usage", total_ms=ms,
        code=code or ("upstream_error" if failed else None), key_id="k1",
    )  # fmt: skip


def stored(sql, *calls, node="n1"):
    views = Views(node)
    sql.transact(lambda sql: views.add(sql, calls))
    views.done()


def watching(url, node="n1", signals=(), **rules):
    force = InForce(rules, {}, frozenset(("ops",)))
    return Watch(url, node, lambda: force, lambda: [Signal(node="", name="x", value=0), *signals])


def outbox(sql):
    rows = sql.execute("SELECT tenant_id, channel_id, event, payload FROM outbox ORDER BY created_at, id").fetchall()
    return [(tenant, channel, json.loads(payload)) for tenant, channel, _, payload in rows]


def states(sql, tenant="t1"):
    return [(row.rule, row.subject, row.state) for row in store.page(sql, tenant)]


RULE = ErrorRate(above=0.1, calls=10, window=300, after=60, clear=60, channels=["ops", "team", "nobody"])


def failing(sql, at):
    stored(sql, *(call(at - MINUTE, failed=n < 5) for n in range(20)))


def test_what_fires_is_told_once_and_how_it_ends(url, sql):
    at = sql.now() // MINUTE * MINUTE
    sql.transact(lambda sql: sql.execute(CHANNEL, ("c1", "default", "team", "[]", True)))
    sql.transact(lambda sql: sql.execute(CHANNEL, ("c2", "t1", "own", '["alerts"]', True)))
    failing(sql, at)
    watch = watching(url, fail=RULE)
    sql.transact(watch.take)
    watch.look(sql, at)
    assert states(sql) == [("fail", "", "pending")] and outbox(sql) == []
    again = watching(url, fail=RULE)  # the process began anew
    for seconds in (60, 90, 120):
        again.look(sql, at + seconds * SECOND)
    (row,) = store.page(sql, "t1")
    assert (row.state, row.fired) == ("firing", 1)
    sent = outbox(sql)
    assert sorted((tenant, channel) for tenant, channel, _ in sent) == [
        ("default", "c1"), ("default", "file:ops"), ("t1", "c2"),
    ]  # fmt: skip
    said = sent[0][2]
    assert said["text"].startswith("warning: fail: 25.0% of 20 calls failed")
    assert said["link"].startswith("/logs?") and "status=failure" in said["link"]
    assert said["data"]["key"] == "headgate:t1:fail:" and said["data"]["event"] == "fired"
    again.look(sql, at + 10 * MINUTE)  # nothing of it is in the window any more
    (row,) = store.page(sql, "t1")
    assert row.state == "resolved"
    assert store.of_rule(sql, "t1", "fail", ["x"]) == {} != store.of_rule(sql, "t1", "fail", ["x", ""])
    assert [payload["data"]["event"] for _, _, payload in outbox(sql)] == ["fired"] * 3 + ["resolved"] * 3
    told = [one.event for one in store.events(sql, "t1", row.id)]
    assert sorted(told) == ["fired", "not_told", "resolved"]
    lines = sql.execute("SELECT recipient, text, link FROM notifications ORDER BY created_at").fetchall()
    assert [line[0] for line in lines] == ["alerts:view"] * 2 and lines[1][1].startswith("resolved: fail")
    assert lines[0][2] == f"/alerts?id={row.id}"


def test_one_home_at_a_time_looks_and_another_takes_over(url, sql):
    one, two = watching(url, "n1", fail=RULE), watching(url, "n2", fail=RULE)
    assert one.turn() and not two.turn() and one.turn()
    with pytest.raises(LeaseLost):
        sql.transact(two.take)
    sql.transact(lambda sql: sql.execute("UPDATE agenda SET until = 0"))
    assert two.turn() and not one.turn()
    nodes = sql.execute("SELECT DISTINCT node FROM alert_signals ORDER BY node").fetchall()
    assert nodes == [("n1",), ("n2",)]  # each tells of itself, whoever looks


def test_a_rule_that_is_gone_or_off_has_ended(url, sql):
    at = sql.now() // MINUTE * MINUTE
    failing(sql, at)
    rule = msgspec.structs.replace(RULE, after=0, channels=[])
    watch = watching(url, fail=rule)
    sql.transact(watch.take)
    watch.look(sql, at)
    assert states(sql) == [("fail", "", "firing")]
    watching(url, fail=msgspec.structs.replace(rule, enabled=False)).look(sql, at)
    assert states(sql) == [("fail", "", "resolved")]
    watch.look(sql, at + 15 * SECOND)
    assert [(row.state, row.fired) for row in store.page(sql, "t1")] == [("firing", 2)], "the same one again"


def test_what_homes_tell_of_their_breakers_is_the_operators(url, sql):
    down = [Signal(node="", name="breaker", subject="a/m", value=1, text="9 of 9 failed")]
    rule = ProviderDown(channels=["ops"])
    watch = watching(url, "n1", down, down=rule)
    assert watch.turn()
    watch.write(page := Page())
    assert b'headgate_alerts_firing{severity="warning"} 1' in page.bytes()
    assert states(sql, "default") == [("down", "a", "firing")] and states(sql) == []
    ((tenant, channel, said),) = outbox(sql)
    assert (tenant, channel) == ("default", "file:ops") and "9 of 9 failed" in said["text"]


def test_what_waits_for_a_channel_has_a_bound(url, sql, monkeypatch):
    monkeypatch.setattr(store, "MAX_WAITING", 0)
    down = [Signal(node="", name="breaker", subject="a/m", value=1, text="")]
    watching(url, "n1", down, down=ProviderDown(channels=["ops"])).turn()
    assert outbox(sql) == []
    (row,) = store.page(sql, "default")
    assert "not_told" in [one.event for one in store.events(sql, "default", row.id)]


def test_calls_by_name_with_their_percentiles(url, sql):
    at = sql.now() // MINUTE * MINUTE
    calls = [call(at - MINUTE, ms=float(n), n=n) for n in range(1, 101)]
    calls += [call(at - MINUTE, failed=True, model="b/m", n=n) for n in range(3)]
    calls += [call(at - MINUTE, failed=True, code="invalid_value", model="b/m", n=n) for n in range(10, 14)]
    calls += [call(at - 20 * MINUTE), call(at - MINUTE, tenant="default")]
    stored(sql, *calls[:50])
    stored(sql, *calls[50:], node="n2")
    of = SqlReadings(sql, at)
    span = ("t1", at - 5 * MINUTE, at)
    (all_,) = of.calls(*span, {}, "")
    assert (all_.calls, all_.failures) == (107, 3)  # a caller's own mistakes are not counted
    (model,) = of.calls(*span, {"model": "a/m"}, "", 95)
    assert model.calls == 100 and model.ms == pytest.approx(95, rel=0.03)
    assert {one.name: (one.calls, one.failures) for one in of.calls(*span, {}, "model")} == {
        "a/m": (100, 0), "b/m": (7, 7),
    }  # fmt: skip
    assert of.calls("t2", at - HOUR, at, {}, "") == []
    assert sum(of.hourly("t1", at - 2 * HOUR, at + HOUR).values()) == 5 * 108
    stored(sql, call(at, failed=True, code="content_policy_violation"))
    assert (of.blocked("t1", at - HOUR, at + HOUR), of.blocked("t1", at - HOUR, at - MINUTE)) == (1, 0)


def test_budgets_and_keys(url, sql):
    at = sql.now()
    day = at - at % (24 * HOUR)
    own = '[{"amount": 100, "window": "day"}]'

    def fill(sql):
        sql.execute(BUDGET, ("b1", "t1", "whole", "[]", None, 1000, True, True))
        sql.execute(BUDGET, ("b2", "t1", "keys", "[]", "key", 100, False, True))
        sql.execute(KEY, ("k1", "t1", "first", b"1", own, True, at + HOUR))
        sql.execute(KEY, ("k2", "t1", "second", b"2", "[]", True, at + 60 * 24 * HOUR))
        sql.execute(KEY, ("k3", "t2", "other", b"3", "[]", True, at + HOUR))
        for scope, nano in (("tenant:t1", 850), ("k1", 90), ("k3", 500)):
            sql.execute(BALANCE, (scope, day, nano))

    sql.transact(fill)
    of = SqlReadings(sql, at)
    found = {(one.name, one.subject): round(one.share, 2) for one in of.budgets("t1", at)}
    assert found == {("whole", ""): 0.85, ("keys", "k1"): 0.9, ("of the key first", ""): 0.9}
    assert len(BudgetSpent(share=0.86).look("t1", at, of)) == 2
    assert [one.subject for one in KeysExpiring().look("t1", at, of)] == ["k1"]


def test_a_new_kind_of_error(url, sql):
    group = """INSERT INTO error_groups (tenant_id, id, node, kind, provider, model, code, first_at, last_at, count,
        keys, examples) VALUES ('t1', ?, ?, 'upstream', 'a', 'a/m', ?, ?, ?, ?, '[]', '[]')"""
    at = sql.now()

    def fill(sql):
        sql.execute(group, ("g1", "n1", "upstream_error", at - HOUR, at, 9))
        sql.execute(group, ("g1", "n2", "upstream_error", at - SECOND, at, 9))
        sql.execute(group, ("g2", "n1", "upstream_timeout", at - SECOND, at, 4))
        sql.execute(group, ("g2", "n2", "upstream_timeout", at, at, 5))

    sql.transact(fill)
    (one,) = SqlReadings(sql, at).fresh("t1", at - MINUTE)
    assert (one.id, one.count, one.words) == ("g2", 9, "upstream_timeout of a/m")
    assert one.filter == {"outcome": "upstream_timeout", "tried": "a/m"}


def test_silenced_and_acknowledged_by_hand_stay_so(url, sql):
    at = sql.now() // MINUTE * MINUTE
    failing(sql, at)
    rule = msgspec.structs.replace(RULE, after=0, repeat=60, channels=["ops"])
    watch = watching(url, fail=rule)
    sql.transact(watch.take)
    watch.look(sql, at)
    (row,) = store.page(sql, "t1")
    assert sql.transact(lambda sql: store.acknowledge(sql, row, "user:ann", at))
    watch.look(sql, at + 2 * MINUTE)
    (row,) = store.page(sql, "t1", "firing")
    assert row.acked_by == "user:ann" and len(outbox(sql)) == 1
    sql.transact(lambda sql: store.silence(sql, row, at + 24 * HOUR, at))
    watch.look(sql, at + 10 * MINUTE)
    failing(sql, at + 20 * MINUTE)
    watch.look(sql, at + 20 * MINUTE)
    (row,) = store.page(sql, "t1")
    assert (row.state, row.fired, row.acked_by) == ("firing", 2, None)
    assert [payload["data"]["event"] for _, _, payload in outbox(sql)] == ["fired", "resolved"]


def test_what_ended_long_ago_is_forgotten(url, sql):
    at = sql.now() // MINUTE * MINUTE
    failing(sql, at)
    watch = watching(url, fail=msgspec.structs.replace(RULE, after=0))
    sql.transact(watch.take)
    watch.look(sql, at)
    later = at + 100 * 24 * HOUR
    assert sql.transact(lambda sql: store.prune(sql, later)) == 2  # what befell it; it still fires
    watching(url).look(sql, at + HOUR)
    assert sql.transact(lambda sql: store.prune(sql, later)) == 2
    assert states(sql) == []
