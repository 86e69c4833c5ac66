"""Counters as Prometheus reads them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headgate.core.money import Usage
from headgate.observe.facts import Did, Facts, Tried
from headgate.observe.metrics import Metrics
from headgate.routing.board import Doing, Post


def facts(**fields) -> Facts:
    values = {
        "id": "i",
        "trace_id": "i",
        "at": 0,
        "tenant_id": "t1",
        "surface": "openai",
        "status": "success",
        "model_used": "local/mock",
        "provider_used": "local",
        "usage": Usage(input=10, output=20),
        "cost_nano": 1500,
        "total_ms": 40.0,
        "overhead_ms": 0.2,
        "first_token_ms": 30.0,
    }
    return Facts(**{**values, **fields})


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    made.know(["local"], ["local/mock"])
    return made


def read(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Parse the page as Prometheus does."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def total(page: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return sum(value for (each, has), value in page.items() if each == name and labels.items() <= dict(has).items())


def test_an_empty_page_parses(metrics):
    assert read(metrics) == {}


def test_counts_of_calls_tokens_and_cost(metrics):
    refused = facts(status="failure", cost_nano=None)
    metrics.add(
        [facts(), refused, facts(cost_nano=None, billed="usage"), facts(usage=Usage(input=5, output=7, cached=3))]
    )
    page = read(metrics)
    assert total(page, "headgate_requests_total") == 4
    assert total(page, "headgate_requests_total", status="failure", provider="local", model="local/mock") == 1
    assert total(page, "headgate_tokens_total", kind="input") == 35
    assert total(page, "headgate_tokens_total", kind="cached") == 3
    assert total(page, "headgate_cost_usd_total") == pytest.approx(0.000003)
    assert total(page, "headgate_unpriced_total") == 1


def test_histograms_are_cumulative_and_in_seconds(metrics):
    metrics.add([facts(total_ms=4.0), facts(total_ms=40.0), facts(total_ms=10**9, first_token_ms=None)])
    page = read(metrics)
    buckets = {
        float(dict(has)["le"]): value
        for (name, has), value in page.items()
        if name == "headgate_request_seconds_bucket"
    }
    assert buckets[0.0025] == 0
    assert buckets[0.005] == 1
    assert buckets[0.05] == 2
    assert buckets[600] == 2
    assert buckets[float("inf")] == 3
    assert list(buckets.values()) == sorted(buckets.values())
    assert total(page, "headgate_request_seconds_count") == 3
    assert total(page, "headgate_request_seconds_sum") == pytest.approx(0.044 + 10**6)
    assert total(page, "headgate_first_token_seconds_count") == 2
    assert total(page, "headgate_overhead_seconds_sum") == pytest.approx(0.0006)


def test_a_bound_belongs_to_its_bucket(metrics):
    metrics.add([facts(total_ms=5.0)])
    assert total(read(metrics), "headgate_request_seconds_bucket", le="0.005") == 1


def test_invented_names_add_no_series(metrics):
    metrics.add([facts(), *(facts(code=f"known{n}") for n in range(64))])
    before = len(read(metrics))
    metrics.add(facts(model_used=f"local/junk{n}", provider_used=f"p{n}", code=f"c{n}") for n in range(100_000))
    page = read(metrics)
    assert len(page) <= 2 * before
    assert total(page, "headgate_requests_total", model="other", provider="other") == 100_000


def test_every_attempt_counts_with_what_became_of_it(metrics):
    tried = (
        Tried(provider="local", model="mock", outcome="upstream_connect_error"),
        Tried(provider="made-up", model="x"),
    )
    metrics.add([facts(attempts=tried), facts(attempts=tried[:1])])
    page = read(metrics)
    failed = {"provider": "local", "model": "local/mock", "outcome": "upstream_connect_error"}
    assert total(page, "headgate_attempts_total", **failed) == 2
    assert total(page, "headgate_attempts_total", provider="other", model="other", outcome="ok") == 1


def test_what_went_wrong_what_guardrails_did_and_whose_it_was(metrics):
    did = (Did("block", guardrail="secrets"), Did("mask", shadow=True, guardrail="names"))
    metrics.add([facts(code="upstream_timeout", status="failure", cost_nano=None), facts(guardrails=did)])
    metrics.add(facts(tenant_id=f"t{n}") for n in range(10_000))
    page = read(metrics)
    assert total(page, "headgate_errors_total", code="upstream_timeout") == 1
    assert total(page, "headgate_guardrails_total", guardrail="secrets", act="block", mode="enforced") == 1
    assert total(page, "headgate_guardrails_total", guardrail="names", act="mask", mode="shadow") == 1
    assert total(page, "headgate_tenant_requests_total", tenant="t1") == 3
    assert total(page, "headgate_tenant_requests_total", tenant="other") == 10_000 - 200
    assert total(page, "headgate_tenant_requests_total") == total(page, "headgate_requests_total")
    assert total(page, "headgate_tenant_tokens_total") == 10_002 * 30
    assert total(page, "headgate_tenant_cost_usd_total") == pytest.approx(10_001 * 0.0000015)


def test_what_no_record_has_is_the_sum_of_all_workers(metrics):
    doing = Doing({"invalid_api_key": 3, "made-up": 1}, {"budget": 2, "provider": 1})
    metrics.states(lambda: [Post(0, 0.0, [], doing), Post(1, 0.0, [], Doing({"invalid_api_key": 4}, {"budget": 5}))])
    page = read(metrics)
    assert total(page, "headgate_refused_total", code="invalid_api_key") == 7
    assert total(page, "headgate_calls_waiting", room="budget") == 7


def test_a_call_that_reached_no_model(metrics):
    metrics.add([facts(model_used=None, provider_used=None, status="failure")])
    assert total(read(metrics), "headgate_requests_total", model="", provider="") == 1


def test_gauges_are_read_at_the_scrape(metrics):
    level = [1.0]
    metrics.gauge("in_flight", "Calls in flight", lambda: level[0])
    assert total(read(metrics), "headgate_in_flight") == 1
    level[0] = 2.5
    assert total(read(metrics), "headgate_in_flight") == 2.5


def test_names_are_escaped(metrics):
    metrics.know(['lo"cal'], ["a\\b\nc"])
    metrics.add([facts(provider_used='lo"cal', model_used="a\\b\nc")])
    assert total(read(metrics), "headgate_requests_total", provider='lo"cal', model="a\\b\nc") == 1
