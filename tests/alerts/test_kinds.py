"""What each kind of rule finds bad, from readings that are given."""

from urllib.parse import parse_qs, urlsplit

import pytest

from headgate.alerts.gateway import BreakerOpen, Certificates, Drops, Home, ProviderDown, Unsettled
from headgate.alerts.kinds import FILES, KINDS, kind_of, made
from headgate.alerts.readings import Ending, Fresh, Group, Signal, Stand
from headgate.alerts.robust import unusual
from headgate.alerts.rules import SECOND
from headgate.alerts.shipped import SHIPPED
from headgate.alerts.tenant import (
    BudgetSpent,
    CostAnomaly,
    ErrorRate,
    GuardrailSpike,
    KeysExpiring,
    Latency,
    NewError,
)

HOUR = 3600 * SECOND
AT = 490_000 * HOUR
USD = 1_000_000_000


class Given:
    """Readings as they are given."""

    def __init__(self, **given):
        self.given = given

    def __getattr__(self, name):
        def read(*args):
            value = self.given.get(name, ())
            return value(*args) if callable(value) else value

        return read


def look(rule, **given):
    return [(one.subject, one.text) for one in rule.look("t1", AT, Given(**given))]


def test_a_share_of_failures_counts_where_there_are_calls_enough():
    groups = [Group("a/m", 100, 30), Group("b/m", 100, 5), Group("c/m", 10, 10)]
    rule = ErrorRate(above=0.1, by="model")
    ((subject, text),) = look(rule, calls=groups)
    assert subject == "a/m" and "30.0% of 100 calls of a/m failed" in text
    assert look(ErrorRate(above=0.3, by="model"), calls=groups) == []


def test_an_alert_leads_to_the_records_behind_it():
    (one,) = ErrorRate(by="key", window=600).look("t1", AT, Given(calls=[Group("k1", 100, 99)]))
    asked = parse_qs(urlsplit(one.link).query)
    assert urlsplit(one.link).path == "/logs"
    assert asked == {
        "since": ["2025-11-24T15:50:00Z"], "until": ["2025-11-24T16:00:00Z"], "key_id": ["k1"], "status": ["failure"],
    }  # fmt: skip


def test_a_percentile_over_its_bound():
    groups = [Group("fast", 100, 0, 900.0), Group("slow", 100, 0, 31_000.0), Group("new", 3, 0, 90_000.0)]
    ((subject, text),) = look(Latency(by="route", above=30), calls=groups)
    assert subject == "slow" and "31.0 s (95th percentile" in text


def test_guardrails_that_refuse_far_more_than_usual():
    def blocked(now, usual):
        return lambda tenant, since, until: now if until == AT else usual

    assert look(GuardrailSpike(), blocked=blocked(100, 14 * 144 * 20)) == []
    assert look(GuardrailSpike(), blocked=blocked(19, 0)) == []
    ((_, text),) = look(GuardrailSpike(), blocked=blocked(100, 144 * 10))
    assert "refused 100 calls" in text and "10.0 are usual" in text


def test_budgets_by_share_and_by_name():
    rows = [Stand("b1", "month", "", 0.85, True, 0), Stand("b2", "teams", "red", 1.2, True, 0)]
    assert [subject for subject, _ in look(BudgetSpent(share=0.8), budgets=rows)] == ["b2:red", "b1"]
    ((_, text),) = look(BudgetSpent(share=1), budgets=rows)
    assert text == "120% of the budget teams of red is spent: its calls are refused"
    assert look(BudgetSpent(share=0.8, budgets=["other"]), budgets=rows) == []


def usual(now, days=14):
    """Ten dollars an hour by day and one by night, with an odd hour among them."""
    past = {hour: (10 if 8 <= hour % 24 < 20 else 1) * USD for hour in range(now - 24 * days, now)}
    return {**past, now - 24 * 3: 900 * USD}


def test_an_hour_that_costs_far_more_than_its_like():
    now = AT // HOUR
    ((_, text),) = look(CostAnomaly(), hourly={**usual(now), now: 60 * USD})
    assert "costs 60 USD, where 10 USD is usual" in text
    assert look(CostAnomaly(), hourly={**usual(now), now: 14 * USD}) == []
    assert look(CostAnomaly(), hourly={**usual(now, days=2), now: 60 * USD}) == []
    assert look(CostAnomaly(), hourly={}) == []


def test_a_tenant_that_spent_next_to_nothing_may_spend_a_little():
    assert unusual(USD // 2, [0] * 50, 6, USD) is None
    assert unusual(2 * USD, [0] * 50, 6, USD) == 0
    assert unusual(1, [], 6, 0) is None


def test_new_errors_and_keys_that_expire():
    fresh = [Fresh("g1", "upstream_error of a/m", 12, AT - 60, {"model": "a/m"}), Fresh("g2", "x", 1, AT, {})]
    assert look(NewError(), fresh=fresh) == [("g1", "a new error: upstream_error of a/m, 12 times")]
    ((subject, text),) = look(KeysExpiring(), ending=[Ending("k1", "the admin key ops", AT + HOUR)])
    assert subject == "k1" and text == "the admin key ops expires at 2025-11-24T17:00:00Z"


def shut(name, value=1, node="n1"):
    return Signal(node=node, name="breaker", subject=name, value=value, text="5 of 5 calls failed")


def test_a_provider_is_down_where_nothing_of_it_is_called():
    signals = [shut("a/m"), shut("a/n"), shut("b/m"), shut("b/n", 0), shut("c"), shut("c/m", 0), shut("d#0")]
    assert [subject for subject, _ in look(ProviderDown(), signals=signals)] == ["a", "c", "d"]
    assert [subject for subject, _ in look(ProviderDown(provider="c"), signals=signals)] == ["c"]
    account = Signal(node="n1", name="breaker", subject="a", value=0, text="")
    assert look(ProviderDown(), signals=[account, shut("a/m")]) == [
        ("a", "the provider a is down: 5 of 5 calls failed")
    ]


def test_a_deployment_that_one_home_still_calls_is_not_shut():
    signals = [shut("a/m"), shut("a/m", 0, "n2"), shut("b/m"), shut("b/m", 1, "n2")]
    assert [subject for subject, _ in look(BreakerOpen(), signals=signals)] == ["b/m"]


def test_what_was_dropped_of_late_and_who_takes_nothing():
    signals = [
        Signal(node="n1", name="dropped", subject="outlet otlp", value=7, grown_at=AT - SECOND, text="full"),
        Signal(node="n2", name="dropped", subject="outlet otlp", value=7, grown_at=AT - 3 * HOUR),
        Signal(node="n1", name="failing", subject="outlet webhook", value=400, text="refused"),
        Signal(node="n1", name="failing", subject="outlet log", value=20),
    ]
    assert [subject for subject, _ in look(Drops(), signals=signals)] == ["n1:outlet otlp", "n1:outlet webhook"]


def test_a_home_whose_journal_disk_or_clock_is_wrong():
    signals = [
        Signal(node="n1", name="behind", value=60_000_000),
        Signal(node="n1", name="disk", value=10),
        Signal(node="n1", name="clock", value=-9 * SECOND),
        Signal(node="n2", name="behind", value=10),
        Signal(node="n2", name="disk", value=10**12),
        Signal(node="n2", name="clock", value=1),
    ]
    assert [subject for subject, _ in look(Home(), signals=signals)] == ["n1:behind", "n1:disk", "n1:clock"]


def test_charges_in_doubt_and_a_certificate_that_runs_out():
    assert look(Unsettled(), uncertain=(10, USD)) == []
    ((_, text),) = look(Unsettled(), uncertain=(11, USD))
    assert text == "11 charges of 60 min are in doubt, 1 USD: import what was billed"
    signals = [
        Signal(node="n1", name="certificate", value=AT + 13 * 24 * HOUR),
        Signal(node="n2", name="certificate", value=AT + 15 * 24 * HOUR),
    ]
    assert [subject for subject, _ in look(Certificates(), signals=signals)] == ["n1:certificate"]


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_has_defaults_and_says_nothing_of_nothing(kind):
    rule = made({"kind": kind})
    assert kind_of(rule) == kind and type(rule) is KINDS[kind]
    nothing = {"hourly": {}, "uncertain": (0, 0), "blocked": 0}
    assert look(rule, **nothing) == []


def test_what_is_shipped_tells_the_dashboard_alone():
    assert all(not rule.channels for rule in SHIPPED.values())
    assert {kind_of(rule) for rule in SHIPPED.values()} == set(FILES) - {"latency"}
