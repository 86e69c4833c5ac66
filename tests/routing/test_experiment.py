"""A comparison that may be looked at after every call: it seldom finds what is not there, and soon what is."""

import random
from typing import Any

import msgspec
import pytest

from headgate.core.money import Usage
from headgate.core.record import Attempt, Choice, Record
from headgate.routing.experiment import Comparison, drawn, outcome, paired, words
from headgate.routing.types import Verdict

LEVEL = 0.05


def decided(measure: Any, first: Any, second: Any, calls: int, rng: random.Random) -> int | None:
    """After how many calls it was decided, looking after each; ``None`` if it was not."""
    test = Comparison(("a/x", "b/y"), measure, LEVEL)
    for number in range(calls):
        side = rng.random() < 0.5
        test.add("a/x" if side else "b/y", (first if side else second)(rng))
        if number % 10 == 0 and test.arms()[1].verdict:
            return number
    return None


def fails(rate: float) -> Any:
    return lambda rng: float(rng.random() < rate)


def takes(middle: float) -> Any:
    return lambda rng: rng.gauss(middle, 0.5)


@pytest.mark.parametrize(
    ("measure", "either"), [("errors", fails(0.05)), ("errors", fails(0.5)), ("latency", takes(6.0))]
)
def test_what_is_not_there_is_seldom_found_however_often_one_looks(measure: Any, either: Any) -> None:
    rng = random.Random(7)
    found = sum(decided(measure, either, either, 1000, rng) is not None for _ in range(120))
    assert found / 120 <= LEVEL, found


def test_what_is_there_is_found() -> None:
    rng = random.Random(8)
    for measure, first, second in (("errors", fails(0.02), fails(0.2)), ("latency", takes(6.0), takes(6.3))):
        after = [decided(measure, first, second, 4000, rng) for _ in range(10)]
        assert None not in after and sum(filter(None, after)) / 10 < 1000, (measure, after)


def test_what_is_told() -> None:
    test = Comparison(("a/x", "b/y", "c/z"), "errors", LEVEL)
    for number in range(400):
        test.add("a/x", 0.0)
        test.add("b/y", float(number % 3 == 0))
        test.add("elsewhere/w", 1.0)
    first, second, third = test.arms()
    assert first.effect is None and first.calls == 400
    assert second.verdict == "worse" and second.effect == pytest.approx(1 / 3, abs=0.01)
    assert second.effect is not None and second.low is not None and second.high is not None
    assert 0 < second.low < second.effect < second.high
    assert second.p < 0.001 and third.calls == 0 and third.verdict == "" and third.effect is None
    assert words([first, second, third], "errors") == "b/y fails more than a/x; not decided yet for c/z"


def record(id: str = "1", **more: Any) -> Record:
    given: dict[str, Any] = {
        "status": "success",
        "http_status": 200,
        "attempts": (Attempt(provider="a", model="x", started_ms=0),),
    }
    return Record(id=id, trace_id=id, at=1, tenant_id="t", surface="openai", operation="chat", **(given | more))


def test_what_a_call_counts_for() -> None:
    chosen = Choice(by=("weighted",), targets=("a/x", "b/y"), scores=[[1.0, 0.0]], order=[1, 0])
    assert drawn(record(choice=chosen)) == "b/y" and drawn(record()) is None
    failed = Attempt(provider="a", model="x", started_ms=0, outcome="upstream_unavailable")
    mistaken = Attempt(provider="a", model="x", started_ms=0, outcome="upstream_bad_request")
    left = Attempt(provider="a", model="x", started_ms=0, outcome="cancelled")
    told = [
        outcome(record(attempts=tries), "errors") for tries in ((failed,), (failed, mistaken), (mistaken,), (left,), ())
    ]
    assert told == [1.0, 1.0, 0.0, None, None], "who answered in its place says nothing for it"
    assert outcome(record(total_ms=0.0), "latency") is None and outcome(
        record(total_ms=100.0), "latency"
    ) == pytest.approx(4.605, abs=0.001)
    assert outcome(record(status="failure", total_ms=9.0), "latency") is None
    assert outcome(record(first_token_ms=9.0), "first_token") is None, "it was no stream"
    assert outcome(record(cost_nano=None), "cost") is None


def test_what_was_shut_when_it_was_drawn_has_failed() -> None:
    chosen = Choice(by=("weighted",), targets=("a/x", "b/y"), scores=[[1.0, 0.0]], order=[1, 0])

    def told(rule: str, measure: Any) -> float | None:
        verdicts = (Verdict("b/y", "removed", rule),) if rule else ()
        return outcome(record(choice=chosen, verdicts=verdicts, total_ms=9.0, cost_nano=9, latency_ms=9.0), measure)

    assert [told(rule, "errors") for rule in ("breaker", "bench", "hand", "context", "")] == [
        1.0,
        1.0,
        None,
        None,
        None,
    ]
    assert told("breaker", "latency") is told("breaker", "cost") is None, "which were another's"
    kept = msgspec.json.decode(
        msgspec.json.encode(record(choice=chosen, verdicts=(Verdict("b/y", "removed", "breaker"),))), type=Record
    )
    assert outcome(kept, "errors") == 1.0, "as it is read again"


def test_copies_are_set_beside_their_calls() -> None:
    there = (Attempt(provider="b", model="y", started_ms=0),)
    one = record("1", cost_nano=2_000_000_000, latency_ms=100.0, usage=Usage(output=10))
    copy = record("2", shadow_of="1", attempts=there, cost_nano=10**9, latency_ms=300.0, usage=Usage(output=30))
    broken = record("3", shadow_of="1", attempts=there, status="failure")
    orphan = record("4", shadow_of="gone", attempts=there)
    [pairs] = paired([one, copy, broken, orphan])
    assert (pairs.target, pairs.calls, pairs.failed) == ("b/y", 2, 1)
    assert (pairs.cost_usd, pairs.cost_usd_copy, pairs.latency_ms, pairs.latency_ms_copy) == (2.0, 1.0, 100.0, 300.0)
    assert (pairs.tokens, pairs.tokens_copy) == (10, 30)
