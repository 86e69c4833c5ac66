"""Each strategy alone: what it ranks first, what it removes, and what it says of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from headgate.core.money import Price, Tier
from headgate.routing.candidates import KEPT, TOLD, Candidates
from headgate.routing.kinds import BUILTIN, KINDS, made
from headgate.routing.rendezvous import draws, mixed
from headgate.routing.types import Measured, Option, When, within
from tests.routing.options import AT, Stated, candidate, candidates, sight

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE


def scores(kind: str, options: Sequence[Option], standing: Any = None, chance: float = 0.5, **given: Any) -> list[Any]:
    seen = given.pop("seen", {})
    return list(made({"kind": kind, **given}).weigh(sight(**seen), Candidates(options), standing or Stated(), chance))


def test_every_kind_is_described_and_named_after_its_file():
    for kind in BUILTIN:
        assert KINDS[kind].__module__ == f"headgate.routing.{kind}"
        assert KINDS[kind].__doc__
        for number in KINDS[kind].ranges:
            assert number in KINDS[kind].__struct_fields__


def test_weighted_draws_in_proportion():
    options = [candidate("a/x", 0, weight=3), candidate("b/x", 1), candidate("c/x", 2)]
    drawn = Counter(scores("weighted", options, chance=n / 1000).index(0) for n in range(1000))
    assert drawn == {0: 600, 1: 200, 2: 200}


def test_weighted_keeps_to_its_side_until_dealt_anew():
    options = candidates("a/x", "b/x")
    sides = [scores("weighted", options, sticky="user", seen={"user": f"u{n}"}) for n in range(50)]
    again = [scores("weighted", options, sticky="user", seen={"user": f"u{n}"}, chance=0.9) for n in range(50)]
    salted = [scores("weighted", options, sticky="user", salt="2", seen={"user": f"u{n}"}) for n in range(50)]
    assert sides == again != salted


@pytest.mark.parametrize("count", [10, TOLD + 1])
def test_a_draw_is_the_same_again_and_for_others_of_the_same_names(count):
    options, same = (Candidates(candidate(f"p{n}/x", n) for n in range(count)) for _ in range(2))
    seeds = [mixed("s", n) for n in range(2000)]
    assert [draws(one, options) for one in (*seeds, *seeds[:9])] == [draws(one, same) for one in (*seeds, *seeds[:9])]
    assert len({tuple(draws(one, options)) for one in seeds}) == 2000
    assert len(options.draws) <= KEPT // count + 1


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 5)])
def test_rendezvous_is_fair_to_weights_and_moves_only_who_must(weights):
    options = Candidates(candidate(f"p{n}/x", n, weight=w) for n, w in enumerate(weights))
    others = Candidates(options[1:])
    met: Counter[int] = Counter()
    for seed in (mixed("s", n) for n in range(6000)):
        drawn = draws(seed, options)
        first = drawn.index(min(drawn))
        met[first] += 1
        if first != 0:
            assert draws(seed, others).index(min(draws(seed, others))) == first - 1
    for options_ in (options, others):
        assert len(options_.draws) * len(options_) <= KEPT + len(options_)
    for place, weight in enumerate(weights):
        expected = 6000 * weight / sum(weights)
        assert abs(met[place] - expected) < 6 * (expected * (1 - weight / sum(weights))) ** 0.5


def test_round_robin_takes_turns():
    options = candidates("a/x", "b/x", "c/x")
    assert [scores("round_robin", options, seen={"turn": n}).index(0) for n in range(6)] == [0, 1, 2, 0, 1, 2]


def test_least_busy_counts_for_its_weight():
    options = [candidate("a/x", 0, weight=4), candidate("b/x", 1)]
    standing = Stated(a_x=Measured(inflight=4), b_x=Measured(inflight=2))
    assert scores("least_busy", options, standing) == [1.0, 2.0]


def test_cost_weighs_prompt_and_answer():
    options = [
        candidate("a/x", 0, price=Price(1_000_000, 9_000_000)),
        candidate("b/x", 1, price=Price(3_000_000, 1_000_000)),
        candidate("c/x", 2, price=None),
    ]
    long_answer = scores("cost", options, seen={"prompt_bound": 40})
    long_prompt = scores("cost", options, seen={"prompt_bound": 400_000, "max_output": 10})
    assert sorted(range(3), key=long_answer.__getitem__) == [1, 0, 2]
    assert sorted(range(3), key=long_prompt.__getitem__) == [0, 1, 2]
    assert made({"kind": "cost"}).tell(long_answer[2]) == "no price is known"
    assert made({"kind": "cost"}).tell(1e9) == "about $0.001"


def test_cost_knows_tiers_a_floor_and_what_a_switch_loses():
    tiered = Price(1, 1, tiers=(Tier(1000, Price(9_000_000, 9_000_000)),))
    options = [candidate("a/x", 0, price=tiered, quality=0.9), candidate("b/x", 1, quality=0.2)]
    low, high = (scores("cost", options, seen={"prompt_bound": size}) for size in (400, 40_000))
    assert low[0] < low[1] < high[1] < high[0]
    assert scores("cost", options, floor=0.5)[1] is None
    kept = [candidate("a/x", 0, price=Price(11, 11, cached=1)), candidate("b/x", 1, price=Price(10, 10, cached=1))]
    seen = {"prompt_bound": 400_000, "last": "a/x"}
    first, second = scores("cost", kept, cached=0.9, seen=seen)
    assert first < second


def test_performance_goes_by_what_is_measured_and_explores():
    options = candidates("a/x", "b/x", "c/x")
    standing = Stated(
        a_x=Measured(samples=9, latency_ms=900, first_token_ms=100, tokens_per_second=10),
        b_x=Measured(samples=9, latency_ms=500, first_token_ms=300, tokens_per_second=50),
        c_x=Measured(samples=2, latency_ms=530, first_token_ms=300, tokens_per_second=80),
    )
    assert scores("performance", options, standing) == [900, 500, 500]  # within a tenth is equal
    assert scores("performance", options, standing, by="first_token").index(100) == 0
    assert scores("performance", options, standing, by="throughput", within=0)[2] == 12.5
    assert scores("performance", options, standing, chance=0.01)[2] == -1
    assert scores("performance", options, Stated(a_x=Measured(latency_ms=1)))[1] == 0


def test_capability_removes_what_cannot_and_only_if_strict_what_may_not():
    options = [
        candidate("a/x", 0, capabilities=("chat", "tools")),
        candidate("b/x", 1, capabilities=("chat",)),
        candidate("c/x", 2),
        candidate("d/x", 3, capabilities=("chat", "tools"), context=100),
    ]
    seen = {"needs": frozenset(("tools",)), "prompt_bound": 4000}
    assert scores("capability", options, seen=seen) == [0, None, 1, None]
    assert scores("capability", options, strict=True, seen=seen) == [0, None, None, None]
    assert scores("capability", options, require=["vision"]) == [None, None, 1, None]


def test_use_case_prefer_and_condition():
    options = [candidate("a/x", 0), candidate("b/x", 1, use_cases=("code",)), candidate("b/y", 2)]
    assert scores("use_case", options, use_case="code") == [1, 0, 1]
    assert scores("prefer", options, targets=["b/y", "b"]) == [2, 1, 0]
    assert scores("prefer", options, targets=["b"], only=True) == [None, 0, 0]
    rule: dict[str, Any] = {"match": {"tenants": ["t"], "metadata": {"tier": "gold"}}, "targets": ["b/y"]}
    gold = {"tenant_id": "t", "metadata": {"tier": "gold"}}
    assert scores("condition", options, **rule, seen=gold) == [1, 1, 0]
    assert scores("condition", options, **rule, seen={"tenant_id": "t"}) == [0, 0, 0]
    assert scores("condition", options, **rule, otherwise=["a"], seen={}) == [0, 1, 1]


def test_time_of_day_goes_by_the_clock_of_its_zone():
    options = candidates("a/x", "b/x")
    rule: dict[str, Any] = {"hours": "09:00-17:00", "days": ["fri"], "targets": ["b"], "otherwise": ["a"]}
    assert scores("time_of_day", options, **rule) == [0, 1]  # 02:13 UTC
    assert scores("time_of_day", options, **rule, zone="Asia/Tokyo") == [1, 0]  # 11:13


def test_hours_that_pass_midnight_belong_to_the_day_they_began():
    midnight = AT - AT % DAY  # as Friday begins
    assert within(midnight - 30 * MINUTE, "22:00-06:00", ["thu"], "UTC")
    assert within(midnight + 30 * MINUTE, "22:00-06:00", ["thu"], "UTC")
    assert not within(midnight + 30 * MINUTE, "22:00-06:00", ["fri"], "UTC")
    assert not within(midnight + 720 * MINUTE, "22:00-06:00", [], "UTC")
    assert within(midnight + 1439 * MINUTE, "00:00-24:00", [], "UTC")


def test_geography_takes_regions_within_one_and_the_callers_own():
    options = [candidate("a/x", 0, region="us-east-1"), candidate("b/x", 1, region="eu-west-1"), candidate("c/x", 2)]
    assert scores("geography", options, regions=["eu", "us"]) == [1, 0, 2]
    assert scores("geography", options, regions=["eu"], require=True) == [None, 0, None]
    asked = {"metadata": {"region": "us"}}
    assert scores("geography", options, regions=["eu"], metadata="region", seen=asked) == [0, 1, 2]


def test_compliance_fails_closed():
    options = [candidate("a/x", 0, tags=["hipaa", "gdpr"]), candidate("b/x", 1, tags=["gdpr"]), candidate("c/x", 2)]
    assert scores("compliance", options, require=["gdpr", "hipaa"]) == [0, None, None]


def test_budget_aware_is_quiet_until_the_budget_nears_its_end():
    options = [candidate("a/x", 0, price=Price(9, 9)), candidate("b/x", 1, price=Price(1, 1))]
    assert scores("budget_aware", options, seen={"spent_share": None}) == [0, 0]
    assert scores("budget_aware", options, seen={"spent_share": 0.8}) == [0, 0]
    first, second = scores("budget_aware", options, seen={"spent_share": 0.81})
    assert second < first


def test_sticky_goes_by_its_session_else_by_the_prefix():
    options = candidates("a/x", "b/x", "c/x")
    by_session = [scores("sticky", options, seen={"session": "s", "prefix": n}) for n in (1, 2)]
    by_prefix = [scores("sticky", options, seen={"prefix": n}) for n in (1, 1, 2)]
    assert by_session[0] == by_session[1]
    assert by_prefix[0] == by_prefix[1] != by_prefix[2]


def test_hybrid_adds_up_shares():
    options = [candidate("a/x", 0, price=Price(1, 1)), candidate("b/x", 1, price=Price(2, 2))]
    slow = Stated(a_x=Measured(latency_ms=900), b_x=Measured(latency_ms=100))
    assert scores("hybrid", options, slow, factors={"cost": 0.6, "performance": 0.4}) == pytest.approx([0.4, 0.6])
    assert scores("hybrid", options, slow, factors={"cost": 0.3, "performance": 0.7}) == pytest.approx([0.7, 0.3])


def test_slo_sinks_or_removes_what_misses_it_but_never_all():
    options = candidates("a/x", "b/x", "c/x")
    standing = Stated(
        a_x=Measured(samples=50, p95_ms=3000), b_x=Measured(samples=50, p95_ms=900), c_x=Measured(samples=3, p95_ms=9e9)
    )
    assert scores("slo", options, standing) == [1.5, 0, 0]
    assert scores("slo", options, standing, remove=True) == [None, 0, 0]
    assert scores("slo", options[:1], standing, remove=True) == [1.5]
    slow = Stated(a_x=Measured(samples=50, tokens_per_second=10, error_rate=0.2))
    assert scores("slo", options[:1], slow, tokens_per_second=30)[0] == 3
    assert scores("slo", options[:1], slow, error_rate=0.05)[0] == 4


@pytest.mark.parametrize(
    ("when", "seen", "met"),
    [
        ({}, {}, True),
        ({"tags": ["a", "b"]}, {"tags": ("b",)}, True),
        ({"tags": ["a"]}, {}, False),
        ({"metadata": {"n": "1"}}, {"metadata": {"n": 1}}, True),
        ({"keys": ["k"]}, {"key_id": "k"}, True),
        ({"users": ["u"]}, {"user": "v"}, False),
        ({"operations": ["embeddings"]}, {}, False),
        ({"stream": True}, {"stream": False}, False),
        ({"above": 100, "below": 500}, {"prompt_bound": 400}, True),
        ({"above": 400}, {"prompt_bound": 400}, False),
    ],
)
def test_conditions(when, seen, met):
    assert When(**when).met(sight(**seen)) is met
