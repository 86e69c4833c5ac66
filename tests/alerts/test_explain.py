"""What homes tell, in words: every unhealthy state says why and what to do."""

import pytest

from headgate.alerts.explain import CLOCK, LOW_DISK, MUCH_BEHIND, SOON, explained
from headgate.alerts.readings import Signal
from headgate.alerts.signals import BY_HAND, breakers, certificate, counted, expires
from headgate.core.ids import now
from headgate.routing.health import Told
from tests.transport.certificates import certificate as certificate_in

AT = 1_800_000_000_000_000


def one(name, value, subject="", text="why"):
    return Signal(node="n1", name=name, subject=subject, value=value, text=text)


@pytest.mark.parametrize(
    ("signal", "check", "state"),
    [
        (one("breaker", 1, "openai"), "provider openai", "fail"),
        (one("breaker", 1, "openai#1"), "provider openai", "fail"),
        (one("breaker", 1, "openai/gpt"), "deployment openai/gpt", "warn"),
        (one("failing", 90, "outlet otlp"), "outlet otlp", "warn"),
        (one("dropped", 3, "outlet otlp"), "outlet otlp", "warn"),
        (one("dropped", 1, "journal lines"), "journal lines", "warn"),
        (one("broken", 1, "archive"), "archive", "warn"),
        (one("behind", MUCH_BEHIND // 2), "journal", "warn"),
        (one("behind", MUCH_BEHIND * 2), "journal", "fail"),
        (one("disk", LOW_DISK - 1), "disk", "warn"),
        (one("disk", 1), "disk", "fail"),
        (one("clock", -CLOCK - 1), "clock", "warn"),
        (one("certificate", AT + SOON - 1, "tls.pem"), "certificate", "warn"),
        (one("certificate", AT - 1, "tls.pem"), "certificate", "fail"),
    ],
)
def test_what_is_wrong_says_what_to_do(signal, check, state):
    (found,) = explained([signal], AT)
    assert (found.check, found.state) == (check, state)
    assert found.do and found.words
    if signal.name in ("breaker", "failing", "dropped"):
        assert "why" in found.words


def test_what_is_well_says_so():
    told = [
        one("breaker", 0, "a/m"), one("dropped", 0, "outlet x"), one("behind", 0), one("disk", 10**12), one("clock", 9),
        one("certificate", AT + 2 * SOON, "x"),
    ]  # fmt: skip
    found = list(explained(told, AT))
    assert [each.check for each in found] == ["deployments", "queues", "journal", "disk", "clock", "certificate"]
    assert all(each.state == "ok" and not each.do for each in found)


def test_a_deployment_is_shut_where_every_worker_says_so_and_nobody_wanted_it():
    rows = [
        Told("a/m", "open", "5 of 5 failed"), Told("a/m", "half-open", "5 of 5 failed"), Told("b/m", "open", "x"),
        Told("b/m", "closed"), Told("c/m", "open", BY_HAND),
        Told("d/m", "half-open", "d/m asked to wait"),
    ]  # fmt: skip
    assert {each.subject: (each.value, each.text) for each in breakers(rows)} == {
        "a/m": (1, "5 of 5 failed"), "b/m": (0, ""), "c/m": (0, ""), "d/m": (0, ""),
    }  # fmt: skip


def test_what_stands_on_a_page_of_metrics():
    page = """# HELP headgate_outlet_dropped_total x
headgate_outlet_dropped_total{outlet="otlp"} 7
headgate_payloads_lost_total 2
headgate_payloads_failing 1
headgate_archive_failing 0
headgate_outlet_failing_seconds{outlet="otlp"} 61.5
headgate_dead_letters 1
headgate_journal_behind_bytes 4096
headgate_requests_total{surface="openai"} 5
"""
    told = {(each.name, each.subject): each.value for each in counted(page, {"otlp": "refused"})}
    assert told == {
        ("dropped", "outlet otlp"): 7, ("dropped", "payloads"): 2, ("failing", "outlet otlp"): 61, ("broken", "payloads"): 1, ("broken", "archive"): 0,
        ("dropped", "journal lines"): 1, ("behind", ""): 4096,
    }  # fmt: skip


def test_when_a_certificate_expires(tmp_path):
    assert expires(tmp_path / "none.pem") is None
    assert list(certificate(None)) == []
    file = certificate_in(tmp_path).cert
    (found,) = certificate(file)
    assert found.value == expires(file) and found.value > now() and found.subject == str(file)
