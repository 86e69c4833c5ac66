"""Routes with strategies: what does not fit is told with its line and the nearest name."""

import msgspec
import pytest

from headgate.config import ConfigError, loads
from headgate.routing.kinds import KINDS
from headgate.routing.table import TargetConfig
from tests.config.conftest import KNOWN

WITH = msgspec.structs.replace(KNOWN, strategies=KINDS)
TWO = "routes:\n  r:\n    targets: [sandbox/chat, sandbox/code]\n"


def faults(text: str) -> list[str]:
    try:
        loads(text.encode(), {}, WITH)
    except ConfigError as error:
        return [f"{p.line}:{p.column} {p.path}: {p.message}" for p in error.problems]
    return []


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("[{kind: csot}]", "4:23 routes.r.strategy[0].kind: unknown kind `csot`; did you mean `cost`?"),
        ("[cost]", "4:16 routes.r.strategy[0]: must be a strategy, such as `{kind: cost}`"),
        ("{kind: cost}", "4:15 routes.r.strategy: must be a list"),
        ("[{kind: cost, flor: 1}]", "unknown key `flor`; did you mean `floor`?"),
        ("[{kind: cost, floor: 2}]", "routes.r.strategy[0].floor: must be from 0 to 1"),
        ("[{kind: performance, by: speed}]", "must be one of first_token, latency, throughput, not `speed`"),
        ("[{kind: prefer}]", "needs `targets`"),
        ("[{kind: prefer, targets: [sandbox/cod]}]", "`sandbox/cod` is no target of this route; did you mean"),
        ("[{kind: time_of_day, hours: 9-5, targets: [sandbox]}]", "must be a part of the day, such as `09:00-17:30`"),
        ("[{kind: time_of_day, hours: '09:00-17:00', zone: Mars, targets: [sandbox]}]", "no such time zone"),
        ("[{kind: cost, when: {days: [fryday]}}]", "when.days: must be of mon, tue"),
        ("[{kind: hybrid, factors: {csot: 1}}]", "knows no strategy `csot`"),
        ("[{kind: hybrid, factors: {prefer: 1}}]", "cannot hold `prefer`, which needs settings"),
        ("[{kind: hybrid, factors: {cost: 0}}]", "must give `cost` more than 0"),
        ("[{kind: compliance, require: []}]", "must name a tag"),
        ("[{kind: geography}]", "must name a region, or `metadata`"),
        ("[{kind: complexity, small: [], large: [sandbox]}]", "small: must name a deployment"),
    ],
)
def test_one_fault_of_a_strategy(strategy, said):
    found = faults(f"{TWO}    strategy: {strategy}\n")
    assert len(found) == 1, found
    assert said in found[0]
    assert found[0].startswith("4:")


def test_targets_may_say_more():
    text = (
        "routes: {r: {targets: [sandbox/chat, {model: sandbox/code, weight: 3, region: eu, tags: [hipaa]}], "
        "strategy: [{kind: weighted, sticky: user}]}}"
    )
    route = loads(text.encode(), {}, WITH).routes["r"]
    assert route.targets == ["sandbox/chat", TargetConfig("sandbox/code", 3, "eu", ["hipaa"])]
    assert route.strategy == [{"kind": "weighted", "sticky": "user"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "routes:\n  r:\n    targets:\n      - {model: sandbox/chat, weight: 0}",
            "4:39 routes.r.targets[0].weight: must",
        ),
        ("routes:\n  r:\n    targets:\n      - {model: nowhere/x}", "4:17 routes.r.targets[0].model: no provider"),
        ("routes:\n  r:\n    targets:\n      - {weight: 1}", "needs `model`"),
        (TWO + "    fallback: q", "4:15 routes.r.fallback: no route `q`"),
        (TWO + "    fallback: r", "4:15 routes.r.fallback: leads in a circle: r -> r"),
        (TWO + "    fan_out: {n: 4}", "4:14 routes.r.fan_out: asks 4 targets, which `attempts` does not allow"),
        (TWO + "    fan_out: {n: 3}", "4:14 routes.r.fan_out: asks 3 targets, and the route has 2"),
        (TWO + "    fan_out: {}\n    hedge: {}", "5:12 routes.r.hedge: goes with one target at a time"),
        (TWO + "    experiment: {}", "4:17 routes.r.experiment: needs `strategy: [{kind: weighted, sticky: user}]`"),
        (
            TWO + "    strategy: [{kind: weighted, sticky: user}]\n    experiment: {since: yesterday}",
            "5:25 routes.r.experiment.since: must be a day or an instant",
        ),
        (TWO + "    shadow: {target: sandbx/chat}", "4:22 routes.r.shadow.target: no provider `sandbx`; did you mean"),
        (
            TWO + "    strategy: [{kind: compliance, require: [x]}]\n    shadow: {target: sandbox/embed}",
            "5:22 routes.r.shadow.target: must be one of the route's targets: `compliance` says where",
        ),
        (TWO + "    shadow: {share: 0.5}", "routes.r.shadow: needs `target`"),
        ("routes:\n  r: {targets: [sandbox/chat], hedge: {}}", "routes.r.hedge: needs a second target"),
    ],
)
def test_one_fault_of_a_route(text, said):
    found = faults(text)
    assert len(found) == 1, found
    assert said in found[0]


def test_a_circle_of_fallbacks_is_told_at_each_of_its_routes():
    text = "".join(
        f"  {name}:\n    targets: [sandbox/{name}]\n    fallback: {to}\n"
        for name, to in (("a", "b"), ("b", "c"), ("c", "b"))
    )
    found = faults("routes:\n" + text)
    assert [one.partition(": ")[2] for one in found] == [
        "leads in a circle: b -> c -> b",
        "leads in a circle: c -> b -> c",
    ]
    assert [one.partition(":")[0] for one in found] == ["7", "10"]


def test_a_strategy_whose_package_is_broken_is_told_at_its_line():
    class Broken(dict):  # type: ignore[type-arg]
        def __getitem__(self, kind):
            raise ImportError("no module named nothing")

    broken = msgspec.structs.replace(KNOWN, strategies=Broken(mine=None))
    with pytest.raises(ConfigError) as refused:
        loads((TWO + "    strategy: [{kind: mine}]").encode(), {}, broken)
    assert "4:23: routes.r.strategy[0].kind: the package of `mine` cannot be loaded" in str(refused.value)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{targets: [sandbox/chat], strategy: [{kind: csot}]}", "use_cases.u.strategy[0].kind: unknown kind `csot`"),
        ("{targets: [sandbox/chat], strategy: [{kind: prefer, targets: [groq]}]}", "`groq` is no target of this route"),
        (
            "{strategy: [{kind: prefer, targets: [sandbx]}]}",
            "`sandbx` is no target of this route; did you mean `sandbox`",
        ),
        ("{strategy: [{kind: slo, p95_ms: -1}]}", "use_cases.u.strategy[0].p95_ms: must be at least 0"),
    ],
)
def test_one_fault_of_a_use_case(case, said):
    found = faults(f"use_cases: {{u: {case}}}")
    assert len(found) == 1, found
    assert said in found[0]
    assert faults("use_cases: {u: {strategy: []}, v: {strategy: [{kind: prefer, targets: [sandbox]}]}}") == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "routes:\n  a: {targets: [sandbox/x], fallback: b}\n  b: {targets: [sandbox/x], fallback: a}\n",
            2,
            "a -> b -> a",
        ),
        ("routes:\n  a: {targets: [sandbox/x], fallback: a}\n", 2, "leads in a circle: a -> a"),
        ("routes:\n  a:\n    targets: [{model: sandbox/x, weight: 0}]\n", 3, "weight: must be from 0.001"),
        ("routes:\n  a:\n    targets: [{model: sandbox/x, weight: -1}]\n", 3, "weight: must be from 0.001"),
        ("routes:\n  a:\n    targets: [nowhere/x]\n", 3, "no provider `nowhere`"),
        ("routes:\n  a:\n    targets: [b]\n  b: {targets: [sandbox/x]}\n", 3, "`b` is a route"),
        ("models:\n  sandbox/chat: {price: {input: -1}}\n", 2, "price.input: must be from 0"),
        ("providers:\n  groq:\n    kind: groq\n    price: {output: -0.5}\n", 4, "price.output: must be from 0"),
        ("aliases:\n  q: sandbox/chat\n  q: sandbox/code\n", 3, "aliases.q: is given twice"),
        ("aliases: {q: sandbox/chat}\nroutes:\n  q: {targets: [sandbox/x]}\n", 3, "is a route and an alias (line 1)"),
        ("aliases:\n  q: r\n  r: q\n", 2, "is an alias too and they lead in a circle"),
        ("aliases:\n  q: q\n", 2, "is an alias of itself"),
        ("routes:\n  a: {targets: [sandbox/x]}\n  a: {targets: [sandbox/y]}\n", 3, "routes.a: is given twice"),
    ],
)
def test_what_leads_nowhere_is_refused_with_its_line(text, line, said):
    found = faults(text)
    assert any(one.startswith(f"{line}:") and said in one for one in found), found
