"""Targets that are shut are left out, but never all of them for good."""

from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headgate.core.call import Call
from headgate.core.errors import UpstreamFailed
from headgate.pipeline.shut import usable
from headgate.providers.breaker import IN_A_ROW
from headgate.routing.health import Health
from tests.routing.test_health import fail, target


def call_of(*names: str, room: float = 100.0) -> Call:
    plan = tuple(target(name) for name in names)
    return cast(Call, SimpleNamespace(plan=plan, verdicts=[], deadline=monotonic() + room))


def tried(call: Call, health: Health) -> tuple[list[str], float]:
    targets, delay = usable(call, health)
    return [one.name for one in targets], delay


def verdicts(call: Call) -> list[Any]:
    return [(v.target, v.act, v.rule) for v in call.verdicts]


def test_a_shut_target_is_skipped_and_the_record_says_why() -> None:
    health, call = Health(), call_of("a/x", "b/y")
    fail(health, "a/x", times=IN_A_ROW)
    assert tried(call, health) == (["b/y"], 0.0)
    assert verdicts(call) == [("a/x", "removed", "breaker")]
    assert "failed again and again" in call.verdicts[0].reason


def test_no_more_than_half_are_left_out_for_their_faults() -> None:
    health, call = Health(), call_of("a/x", "b/y", "c/z")
    for name in ("a/x", "b/y"):
        fail(health, name, times=IN_A_ROW)
    assert tried(call, health) == (["c/z", "a/x"], 0.0)
    assert verdicts(call) == [("a/x", "sunk", "breaker"), ("b/y", "removed", "breaker")]


def test_where_all_failed_one_call_in_ten_goes_to_the_best() -> None:
    health = Health()
    for name in ("a/x", "b/y"):
        fail(health, name, times=IN_A_ROW)
    let_through = 0
    for _ in range(30):
        try:
            assert tried(call_of("a/x", "b/y"), health) == (["a/x"], 0.0)
            let_through += 1
        except UpstreamFailed as refused:
            assert (refused.status, refused.code, refused.billed) == (503, "upstream_unavailable", "none")
            assert 1 <= (refused.wait or 0) <= 5
    assert let_through == 3


def test_where_all_asked_to_wait_the_first_to_be_ready_is_waited_for() -> None:
    health, call = Health(), call_of("a/x", "b/y")
    fail(health, "a/x", "upstream_rate_limited", wait=30.0, upstream_status=429)
    fail(health, "b/y", "upstream_rate_limited", wait=10.0, upstream_status=429)
    names, delay = tried(call, health)
    assert names == ["b/y"] and 8.0 < delay <= 10.0


def test_who_asked_to_wait_is_waited_for_where_the_others_failed() -> None:
    health = Health()
    fail(health, "a/x", times=IN_A_ROW)
    fail(health, "b/y", "upstream_rate_limited", wait=10.0, upstream_status=429)
    for _ in range(3):
        names, delay = tried(call_of("a/x", "b/y"), health)
        assert names == ["b/y"] and 8.0 < delay <= 10.0
    assert tried(call_of("a/x", "b/y", room=5.0), health) == (["a/x"], 0.0), (
        "where that is too late, one in ten goes on"
    )
    with pytest.raises(UpstreamFailed) as raised:
        tried(call_of("a/x", "b/y", room=5.0), health)
    assert raised.value.status == 503 and 1 <= (raised.value.wait or 0) <= 5


def test_a_wait_past_the_deadline_is_told_to_the_caller() -> None:
    health, call = Health(), call_of("a/x", room=5.0)
    fail(health, "a/x", "upstream_rate_limited", wait=30.0, upstream_status=429)
    with pytest.raises(UpstreamFailed) as raised:
        usable(call, health)
    assert raised.value.status == 429 and 28 < (raised.value.wait or 0) <= 30


def test_what_was_switched_off_by_hand_is_never_tried() -> None:
    health, call = Health(), call_of("a/x")
    health.set_by_hand({"a/x": "open"})
    with pytest.raises(UpstreamFailed) as raised:
        usable(call, health)
    assert (raised.value.status, raised.value.code) == (503, "upstream_unavailable")
