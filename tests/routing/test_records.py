"""Decisions of every kind, made by whole configurations, are worked out again from what the record keeps alone."""

import random
from typing import Any

import msgspec
import pytest

from headgate.cli.compiled import NoSenders
from headgate.config.compile import compile_config
from headgate.config.load import loads
from headgate.core.call import Options
from headgate.core.errors import BadRequest, Forbidden
from headgate.core.record import Choice
from headgate.pipeline.steps import authorize, plan, resolve
from headgate.routing.conversations import Conversations
from headgate.routing.health import Health
from headgate.routing.kinds import BUILTIN
from headgate.routing.retold import remade, verdicts
from headgate.routing.types import Advice
from tests.routing.test_choose import KNOWN, asking

NAMES = [f"p{n}/m{m}" for n in range(6) for m in range(2)]
CALLS = 900


def strategies(chance: random.Random) -> dict[str, dict[str, Any]]:
    """Each kind, with settings of its own."""
    some = chance.sample(NAMES, 3)
    return {
        "budget_aware": {"above": 0.5},
        "capability": {"require": chance.choice([[], ["tools"]])},
        "complexity": {"small": some[:1], "large": some[1:], "code": []},
        "compliance": {"require": ["hipaa"]},
        "condition": {"match": {"tags": ["vip"]}, "targets": some[:2], "only": chance.random() < 0.3},
        "cost": {"floor": chance.choice([None, 0.3]), "cached": chance.choice([0, 0.5])},
        "geography": {"regions": ["eu", "us"], "require": chance.random() < 0.5},
        "hybrid": {"factors": {"cost": 0.5, "performance": 0.3, "least_busy": 0.2}},
        "least_busy": {},
        "performance": {"by": chance.choice(["latency", "first_token", "throughput"])},
        "prefer": {"targets": some, "only": chance.random() < 0.2},
        "priority": {},
        "remote": {"provider": "p0"},
        "round_robin": {},
        "slo": {"p95_ms": 900, "remove": chance.random() < 0.5},
        "sticky": {"by": chance.choice(["session", "user", "prefix"])},
        "time_of_day": {"hours": "08:00-20:00", "targets": some[:1], "otherwise": some[1:]},
        "use_case": {"use_case": "code"},
        "weighted": {"sticky": chance.choice([None, "user"])},
    }


def configured(chance: random.Random) -> tuple[Any, dict[str, Any]]:
    """A configuration with routes of one to three strategies each, some with a fallback, and a use case."""
    routes: dict[str, Any] = {"plain": {"targets": NAMES[:3]}}
    kinds = [*BUILTIN, *BUILTIN]
    chance.shuffle(kinds)
    for number in range(0, len(kinds), 2):
        entries = [{"kind": kind, **strategies(chance)[kind]} for kind in kinds[number : number + 2]]
        for entry in entries:
            if chance.random() < 0.2:
                entry["when"] = {"tags": ["vip"]}
        named = {name for one in entries for f in ("targets", "otherwise", "small", "large") for name in one.get(f, ())}
        targets = list(dict.fromkeys([*named, *chance.sample(NAMES, 5)]))
        listed = [
            {
                "model": name,
                "weight": chance.randint(1, 5),
                "tags": chance.choice([["hipaa"], []]),
                "quality": round(chance.random(), 2),
                "region": chance.choice(["eu-west-1", "us-east-1"]),
            }
            for name in targets
        ]
        routes[f"r{number}"] = {"targets": listed, "strategy": entries}
        if number and chance.random() < 0.4:
            routes[f"r{number}"]["fallback"] = chance.choice(["plain", "r0"])
    account = {"kind": "openai-compatible", "base_url": "http://h/v1"}
    config = {
        "providers": {f"p{n}": {**account, "price": {"input": n + 1, "output": 9 - n}} for n in range(6)},
        "models": {NAMES[0]: {"capabilities": ["tools"], "use_cases": ["code"]}},
        "routes": routes,
        "use_cases": {"quick": {"targets": NAMES[:4]}},
    }
    text = msgspec.json.encode({key: _plain(value) for key, value in config.items()})
    return compile_config(loads(text, {}, KNOWN), {}, NoSenders()), routes


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    return [_plain(one) for one in value] if isinstance(value, list) else value


class Parts:
    def __init__(self, snapshot: Any, chance: random.Random) -> None:
        self.snapshot = snapshot
        self.health = Health()
        self.books = self
        self.conversations = Conversations()
        self.share = chance.random()
        for name in NAMES:
            provider, _, model = name.partition("/")
            figures = self.health.at(snapshot.table.at(provider, model).targets[0]).measured
            figures.samples, figures.inflight = chance.randint(0, 60), chance.randint(0, 3)
            figures.latency_ms, figures.p95_ms = chance.uniform(100, 900), chance.uniform(500, 2000)
            figures.first_token_ms, figures.tokens_per_second = chance.uniform(50, 300), chance.uniform(0, 90)

    def used_share(self, who: Any) -> float:
        return self.share


def a_call(chance: random.Random, routes: dict[str, Any]) -> Any:
    turns = [{"role": "user", "content": chance.choice(["hi", "Prove that this converges, step by step."])}]
    if chance.random() < 0.3:
        turns += [{"role": "assistant", "content": "wait"}, {"role": "tool", "content": "4"}]
    options = Options(
        tags=chance.choice([(), ("vip",)]), user=chance.choice([None, "u1", "u2"]), session=chance.choice([None, "s1"])
    )
    model = chance.choice([*routes, "use-case/quick"])
    fields: dict[str, Any] = {
        "max_tokens": chance.choice([None, 50]),
        "tools": chance.choice([None, [{"type": "function"}]]),
    }
    call = asking(model, messages=turns, options=options, **{name: v for name, v in fields.items() if v is not None})
    if chance.random() < 0.3:
        call.names = tuple(dict.fromkeys([model, *chance.sample([*routes, *NAMES], 2)]))
        kind = chance.choice(sorted(set(BUILTIN) - {"remote", "hybrid"}))
        wish = chance.choice([None, [_plain({"kind": kind, **strategies(chance)[kind]})], "r0"])
        call.options = msgspec.structs.replace(call.options, strategy=wish)
    return call


def test_whatever_was_decided_is_worked_out_from_the_record_alone() -> None:
    chance = random.Random(11)
    decided, lists, removed, kinds = 0, 0, 0, set[str]()
    for number in range(CALLS):
        if number % 100 == 0:
            compiled, routes = configured(chance)
            parts: Any = Parts(compiled.snapshot, chance)
        call = a_call(chance, routes)
        resolve(call, parts)
        authorize(call, parts)
        call.advice = _advice(call, chance)
        call.at += chance.randint(0, 86_400_000_000)
        try:
            plan(call, parts)
        except (Forbidden, BadRequest) as error:
            assert error.code in ("no_deployment_allowed", "invalid_option"), error.message
            continue
        if call.choice is None:
            continue
        kept = msgspec.json.decode(msgspec.json.encode(call.choice), type=Choice)
        assert remade(kept) == [target.name for target in call.plan], number
        told = verdicts(kept)
        assert [one.target for one in told if one.act != "removed"] == [target.name for target in call.plan]
        decided, lists = decided + 1, lists + bool(call.names)
        removed += any(one.act == "removed" for one in told)
        kinds |= {kind for one in (kept, *kept.also) for kind in one.by}
    assert decided > CALLS / 2 and lists > CALLS / 20 and removed > CALLS / 20
    assert kinds == set(BUILTIN), "every kind was part of a decision"


def _advice(call: Any, chance: random.Random) -> dict[int, Advice]:
    found: dict[int, Advice] = {}
    for route in (call.route, *call.asked):
        while route is not None:
            for counsel in route.policy.counsels if route.policy is not None else ():
                found[id(counsel.strategy)] = Advice(tuple(chance.sample(NAMES, 3)), "s")
            route = route.fallback
    return found


LIST = """
providers:
  a: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 5, output: 5}}
  b: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
routes:
  safe:
    targets: [{model: a/m, tags: [hipaa]}, b/m]
    strategy: [{kind: compliance, require: [hipaa]}]
  cheap: {targets: [a/x, b/x], strategy: [{kind: cost}]}
"""


def listed(*names: str, strategy: Any = None) -> Any:
    compiled = compile_config(loads(LIST.encode(), {}, KNOWN), {}, NoSenders())
    call = asking(names[0])
    call.names = names
    call.options = Options(strategy=strategy)
    parts: Any = type("P", (), {"snapshot": compiled.snapshot, "health": Health(), "books": None})()
    resolve(call, parts)
    authorize(call, parts)
    plan(call, parts)
    return call


def ordered(call: Any) -> list[str]:
    return [target.name for target in call.plan]


def test_routes_of_a_list_keep_their_own_rules() -> None:
    assert ordered(listed("cheap", "safe")) == ["b/x", "a/x", "a/m"]
    assert ordered(listed("safe", "cheap")) == ["a/m", "b/x", "a/x"]


def test_a_list_is_ordered_by_the_callers_own_strategy_and_nothing_removed_comes_back() -> None:
    call = listed("safe", "a/y", "b/z", strategy="cost")
    assert ordered(call) == ["b/z", "a/m", "a/y"]
    assert call.reason == "the caller's own list: b/z first, by the caller's own strategy"
    told = {one.target: (one.act, one.rule) for one in verdicts(call.choice)}
    assert told["b/m"] == ("removed", "compliance")
    assert ordered(listed("a/y", "b/z", strategy=[{"kind": "prefer", "targets": ["b"], "only": True}])) == ["b/z"]
    assert ordered(listed("a/y", "b/z", strategy="cheap")) == ["b/z", "a/y"]


@pytest.mark.parametrize(
    ("strategy", "param"),
    [
        ("csot", "headgate.strategy[0].kind"),
        ("remote", "headgate.strategy[0].kind"),
        ("prefer", "headgate.strategy[0]"),
        ([{"kind": "cost", "flor": 1}], "headgate.strategy[0]"),
        ([{"kind": "cost", "floor": 7}], "headgate.strategy[0].floor"),
        ([{"kind": "time_of_day", "hours": "9-5", "targets": ["a"]}], "headgate.strategy[0].hours"),
        ([{"kind": "cost"}] * 9, "headgate.strategy"),
    ],
)
def test_a_strategy_that_makes_no_sense_is_refused(strategy: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        listed("a/y", "b/z", strategy=strategy)
    assert (refused.value.code, refused.value.param) == ("invalid_option", param)
