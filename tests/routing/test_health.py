"""What the standing of a deployment follows from."""

from typing import Any, cast

import pytest

from headgate.core.errors import AnswerFailed, UpstreamFailed
from headgate.providers.base import Target
from headgate.providers.breaker import IN_A_ROW
from headgate.routing.health import MAX_DEPLOYMENTS, Health
from tests.clock import Clock


class FakeProvider:
    def __init__(self, name: str) -> None:
        self.name = name


class FakeTarget:
    def __init__(self, name: str) -> None:
        self.name = name
        self.provider = FakeProvider(name.partition("/")[0])


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(1000.0)


@pytest.fixture
def health(clock: Clock[float]) -> Health:
    return Health(clock)


def target(name: str) -> Target:
    return cast(Target, FakeTarget(name))


def fail(health: Health, name: str, code: str = "upstream_unavailable", times: int = 1, **fields: Any) -> None:
    error = UpstreamFailed("no", status=503, code=code, **{"upstream_status": 503, **fields})
    for _ in range(times):
        one = health.at(target(name))
        health.failed(one, error, probe=health.enter(one), counts=True)


def test_a_stranger_is_open_and_unmeasured(health: Health) -> None:
    assert health.shut("a/b") is None and health.of("a/b").samples == 0 and health.quiet


def test_faults_shut_one_deployment_and_not_its_neighbour(health: Health, clock: Clock[float]) -> None:
    fail(health, "a/b", times=IN_A_ROW)
    assert "failed again and again" in (health.shut("a/b") or "")
    assert health.shut("a/c") is None
    clock.now += 5
    one = health.at(target("a/b"))
    assert health.shut("a/b") is None and health.enter(one) and health.shut("a/b") is not None
    health.answered(one, 10.0, None, 0)
    assert health.shut("a/b") is None and health.quiet and health.of("a/b").inflight == 0


@pytest.mark.parametrize(
    "code", ["context_length_exceeded", "content_filter", "upstream_bad_request", "deadline_exceeded"]
)
def test_what_a_caller_did_never_counts(health: Health, code: str) -> None:
    fail(health, "a/b", code, times=1000, retry=False, upstream_status=400)
    assert health.quiet and health.of("a/b").error_rate == 0.0


@pytest.mark.parametrize("code", ["upstream_auth_error", "upstream_quota_exhausted"])
def test_an_account_that_is_locked_out_benches_all_its_deployments(
    health: Health, clock: Clock[float], code: str
) -> None:
    fail(health, "a/b", code)
    assert health.shut("a/b") and health.shut("a/c") and health.shut("b/b") is None
    clock.now += 60
    assert health.shut("a/c") is None


def test_a_rate_limit_benches_as_long_as_it_says(health: Health, clock: Clock[float]) -> None:
    fail(health, "a/b", "upstream_rate_limited", wait=12.0, upstream_status=429)
    clock.now += 11.9
    assert health.shut("a/b") and health.wait(target("a/b")) == pytest.approx(0.1)
    clock.now += 0.1
    assert health.shut("a/b") is None


def test_a_probe_whose_caller_leaves_gives_its_place_back(health: Health, clock: Clock[float]) -> None:
    fail(health, "a/b", times=IN_A_ROW)
    clock.now += 5
    one = health.at(target("a/b"))
    health.left(one, probe=health.enter(one))
    assert health.shut("a/b") is None and health.enter(one)


def test_a_probe_is_done_when_its_answer_begins(health: Health, clock: Clock[float]) -> None:
    fail(health, "a/b", times=IN_A_ROW)
    clock.now += 5
    one = health.at(target("a/b"))
    health.enter(one)
    health.proven(one)
    assert health.shut("a/b") is None and health.quiet


def test_a_hand_is_obeyed_and_taken_back(health: Health) -> None:
    health.set_by_hand({"a": "open", "b/c": "open"})
    assert health.shut("a/x") == "switched off by hand" == health.shut("b/c")
    assert health.kind(target("a/x")) == "hand"
    health.set_by_hand({})
    assert health.shut("a/x") is None and health.quiet


def test_what_is_told(health: Health) -> None:
    fail(health, "a/b", times=IN_A_ROW)
    fail(health, "c/d", "upstream_auth_error")
    told = {one.name: one for one in health.told()}
    assert told["a/b"].state == "open" and told["a/b"].wait == 5.0
    assert told["c"].state == "benched" and "credential" in told["c"].reason


def test_invented_names_do_not_grow_memory(health: Health) -> None:
    for i in range(MAX_DEPLOYMENTS * 2):
        fail(health, f"a/{i}", "upstream_model_not_found", upstream_status=404)
    assert len(health.told()) <= MAX_DEPLOYMENTS
    assert len(health._watched) <= MAX_DEPLOYMENTS + 1


def test_an_answer_that_its_model_spoilt_is_proof_that_its_deployment_works(
    health: Health, clock: Clock[float]
) -> None:
    spoilt = AnswerFailed("no", same_target=True)
    fail(health, "a/b", times=IN_A_ROW - 1)
    for _ in range(2 * IN_A_ROW):
        one = health.at(target("a/b"))
        health.failed(one, spoilt, probe=health.enter(one), counts=True)
    fail(health, "a/b")
    assert health.shut("a/b") is None, "faults on both sides of it are not in a row"
    fail(health, "a/b", times=IN_A_ROW)
    clock.now += 5
    probe = health.enter(one)
    health.failed(one, spoilt, probe=probe, counts=True)
    assert probe and health.shut("a/b") is None and health.quiet and health.of("a/b").inflight == 0
