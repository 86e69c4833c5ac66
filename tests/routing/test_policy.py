"""Strategies together: the first counts most, what was removed stays away, and the record alone tells the order."""

import random
from typing import Any

import msgspec
import pytest

from headgate.core.errors import Forbidden
from headgate.core.money import Price
from headgate.core.record import Choice
from headgate.routing.candidates import TICK, TOLD
from headgate.routing.policy import Policy, digest
from headgate.routing.retold import remade, verdicts
from headgate.routing.types import Measured
from tests.routing.options import Stated, candidate, candidates, sight

THREE = candidates("a/x", "b/x", "c/x")


def order(
    entries: Any, options: Any, standing: Any = None, chance: float = 0.5, **seen: Any
) -> tuple[list[str], Choice]:
    chosen, choice = Policy("r", entries, options).decide(sight(**seen), options, standing or Stated(), chance)
    return [one.name for one in chosen], choice


def test_later_strategies_decide_between_equals():
    entries = [{"kind": "prefer", "targets": ["c/x"]}, {"kind": "least_busy"}]
    names, _ = order(entries, THREE, Stated(a_x=Measured(inflight=3), b_x=Measured(inflight=1)))
    assert names == ["c/x", "b/x", "a/x"]


def test_what_is_removed_stays_away_and_the_verdict_names_the_rule():
    options = [candidate("a/x", 0), candidate("b/x", 1, tags=["hipaa"]), candidate("c/x", 2, tags=["hipaa"])]
    entries: Any = [{"kind": "priority"}, {"kind": "compliance", "require": ["hipaa"]}]
    policy = Policy("r", entries, options)
    chosen, choice = policy.decide(sight(), options, Stated(), 0.5)
    assert [one.name for one in chosen] == ["b/x", "c/x"]
    told = {one.target: one for one in verdicts(choice)}
    assert (told["a/x"].act, told["a/x"].rule) == ("removed", "compliance")
    assert (told["b/x"].act, told["b/x"].rule) == ("chosen", "priority")
    assert told["b/x"].reason == "priority: number 2 of the list; compliance: has hipaa"


def test_nothing_left_is_refused_with_the_rule():
    with pytest.raises(Forbidden) as refused:
        order([{"kind": "compliance", "require": ["hipaa"]}], THREE)
    assert refused.value.code == "no_deployment_allowed"
    assert "compliance removed the last of 3" in refused.value.message


def test_a_strategy_counts_only_when_its_conditions_are_met():
    entries = [{"kind": "prefer", "targets": ["c/x"], "when": {"tags": ["night"]}}]
    assert order(entries, THREE)[0] == ["a/x", "b/x", "c/x"]
    assert order(entries, THREE, tags=("night",))[0] == ["c/x", "a/x", "b/x"]


def test_amid_tool_calls_a_conversation_stays_where_it_was():
    entries = [{"kind": "least_busy"}, {"kind": "sticky"}]
    busy = Stated(b_x=Measured(inflight=9))
    assert order(entries, THREE, busy, session="s", last="b/x")[0][-1] == "b/x"
    assert order(entries, THREE, busy, session="s", last="b/x", in_tool_loop=True)[0][0] == "b/x"


FILTERS: tuple[dict[str, Any], ...] = (
    {"kind": "compliance", "require": ["hipaa"]},
    {"kind": "capability"},
    {"kind": "slo", "remove": True},
    {"kind": "geography", "regions": ["eu"]},
)
RANKS: tuple[dict[str, Any], ...] = (
    {"kind": "weighted"},
    {"kind": "cost", "floor": 0.3},
    {"kind": "performance"},
    {"kind": "least_busy"},
    {"kind": "sticky"},
    {"kind": "round_robin"},
    {"kind": "hybrid", "factors": {"cost": 0.6, "performance": 0.4}},
    {"kind": "prefer", "targets": ["p3/x", "p1"], "when": {"tags": ["night"]}},
)


def test_random_decisions_are_worked_out_again_from_their_records():
    chance = random.Random(7)
    made = 0
    for _ in range(400):
        options = [
            candidate(
                f"p{place}/x",
                place,
                weight=chance.randint(1, 5),
                tags=["hipaa"] if chance.random() < 0.8 else [],
                quality=chance.random(),
                region=chance.choice(["eu", "us"]),
                price=Price(chance.randint(1, 9) * 10**5, 10**6),
                capabilities=("chat", "tools") if chance.random() < 0.8 else ("chat",),
            )
            for place in range(chance.randint(1, TOLD))
        ]
        standing = Stated(
            **{
                f"p{place}_x": Measured(
                    samples=chance.randint(0, 50),
                    latency_ms=chance.randint(1, 900),
                    p95_ms=chance.randint(900, 3000),
                    inflight=chance.randint(0, 3),
                )
                for place in range(TOLD)
            }
        )
        entries = [*chance.sample(FILTERS, chance.randint(0, 2)), *chance.sample(RANKS, chance.randint(1, 3))]
        chance.shuffle(entries)
        entries = [
            {**e, "targets": [n for n in e["targets"] if n in {o.name for o in options}] or ["p0"]}
            if e["kind"] == "prefer"
            else e
            for e in entries
        ]
        seen = {
            "needs": frozenset(chance.sample(["tools"], chance.randint(0, 1))),
            "session": chance.choice(["s", "t"]),
            "in_tool_loop": chance.random() < 0.3,
            "last": "p0/x",
            "tags": chance.choice([(), ("night",)]),
            "turn": chance.randint(0, 99),
        }
        try:
            names, choice = order(entries, options, standing, chance.random(), **seen)
        except Forbidden:
            continue
        made += 1
        kept = msgspec.json.decode(msgspec.json.encode(choice), type=Choice)
        assert remade(kept) == names
    assert made > 200


def test_a_record_of_very_many_candidates_stays_small_and_agrees():
    options = candidates(*[f"p{n}/x" for n in range(500)])
    names, choice = order([{"kind": "weighted", "sticky": "user"}], options, user="u")
    assert len(choice.targets) == TOLD
    assert choice.omitted == 500 - TOLD
    assert remade(choice) == names[:TOLD]
    assert len(msgspec.json.encode(choice)) < 4096


def test_amid_tool_calls_the_order_stands_where_nobody_knows_who_answered():
    entries = [{"kind": "prefer", "targets": ["c"]}, {"kind": "sticky"}]
    for session in map(str, range(20)):
        assert order(entries, THREE, session=session)[0][0] == "c/x"
        assert order(entries, THREE, session=session, in_tool_loop=True)[0][0] == "c/x"
        assert order(entries, THREE, session=session, in_tool_loop=True, last="a/x")[0][0] == "a/x"


def test_a_candidate_is_known_by_the_hash_of_its_name():
    policy = Policy("r", [{"kind": "sticky"}], THREE)
    assert policy.named(digest(b"a/x")) == "a/x"
    assert policy.named(digest(b"z/x")) == policy.named(0) == ""


def test_decisions_of_one_policy_are_those_of_a_new_one():
    """What is kept from one decision for the next changes none of them."""
    chance = random.Random(11)
    options = [
        candidate(
            f"p{n}/x", n, weight=n + 1, tags=["hipaa"] * (n % 3 > 0), quality=n / 8, price=Price(10**6 * (8 - n), 10**6)
        )
        for n in range(8)
    ]
    routes: list[list[dict[str, Any]]] = [
        [{"kind": "weighted"}],
        [{"kind": "capability"}, {"kind": "cost", "floor": 0.3}],
        [{"kind": "slo"}, {"kind": "hybrid", "factors": {"cost": 0.6, "performance": 0.4}}],
        [{"kind": "compliance", "require": ["hipaa"]}, {"kind": "performance"}, {"kind": "weighted"}],
        [{"kind": "cost", "when": {"tags": ["night"]}}, {"kind": "sticky"}],
    ]
    for entries in routes:
        policy = Policy("r", entries, options)
        for turn in range(1, 120):
            measured = {
                f"p{n}_x": Measured(samples=50, latency_ms=chance.randint(1, 900), p95_ms=chance.randint(900, 3000))
                for n in range(8)
            }
            seen = sight(
                at=turn * TICK,
                prompt_bound=chance.choice([10, 5000]),
                session=chance.choice(["s", "t"]),
                tags=chance.choice([(), ("night",)]),
                needs=frozenset(chance.sample(["tools"], chance.randint(0, 1))),
            )
            standing, drawn = Stated(**measured), chance.random()
            kept = policy.decide(seen, options, standing, drawn)
            new = Policy("r", entries, options).decide(seen, options, standing, drawn)
            assert [one.name for one in kept[0]] == [one.name for one in new[0]] and kept[1] == new[1]
            assert remade(kept[1]) == [one.name for one in kept[0]]


def test_what_is_measured_stands_for_a_moment():
    policy = Policy("r", [{"kind": "performance", "explore": 0}], THREE)
    standing = Stated(a_x=Measured(latency_ms=10), b_x=Measured(latency_ms=20), c_x=Measured(latency_ms=30))

    def first(at: int) -> str:
        return policy.decide(sight(at=at), policy.options, standing, 0.5)[0][0].name

    assert first(50 * TICK) == "a/x"
    standing.measured["b/x"].latency_ms = 1
    assert first(51 * TICK - 1) == "a/x"
    assert first(51 * TICK) == "b/x"
    standing.measured["c/x"].latency_ms = 0.1
    standing.generation += 1
    assert first(51 * TICK) == "c/x", "deployments that came or went count at once"
    standing.measured["a/x"].latency_ms = 0.01
    assert first(0) == "a/x", "a call without an instant looks for itself"
