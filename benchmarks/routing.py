"""`python -m benchmarks.routing`: what a decision takes among 500 models, and what a route adds to a request.

The second part runs the gateway: the CPU of a request to a route of ten targets, in turns with a request to one target.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, sleep, thread_time_ns
from typing import Any

from headgate.core.money import Price
from headgate.dialects.base import Abilities
from headgate.providers.base import Target, Timeouts
from headgate.routing.health import Health
from headgate.routing.kinds import BUILTIN
from headgate.routing.policy import Policy, option
from headgate.routing.table import TargetConfig
from headgate.routing.types import Option, Sight

from .cases import BY_NAME
from .measure import cpu_ns
from .results import Plan
from .stage import Stage, say
from .targets import Command, Headgate, Live, Place

MODELS = 500
MEDIAN_US, P99_US = 100.0, 1000.0
ADDED = 0.10  # of the CPU of a request to one target
DECISIONS = 2000
TARGETS = 10
FIXED = "one"
DRAINED = 0.6  # seconds after which the last calls of a load are in the database

STRATEGIES: dict[str, dict[str, Any]] = {
    "priority": {},
    "weighted": {},
    "weighted, sticky": {"sticky": "user"},
    "round_robin": {},
    "least_busy": {},
    "cost": {"floor": 0.2},
    "performance": {},
    "capability": {},
    "use_case": {"use_case": "code"},
    "prefer": {"targets": ["p3", "p4/m24"], "only": True},
    "condition": {"match": {"metadata": {"tier": "gold"}, "tags": ["a", "b"]}, "targets": ["p1"]},
    "time_of_day": {"hours": "09:00-17:00", "zone": "Europe/Paris", "targets": ["p1"], "otherwise": ["p2"]},
    "geography": {"regions": ["eu", "us"], "require": True},
    "compliance": {"require": ["hipaa"]},
    "budget_aware": {},
    "complexity": {"small": ["p0"], "large": ["p1"]},
    "remote": {"provider": "judge"},
    "sticky": {},
    "sticky, weights": {},
    "slo": {"p95_ms": 1500, "error_rate": 0.1, "tokens_per_second": 20},
    "hybrid": {"factors": {"cost": 0.6, "performance": 0.4}},
}
"""What is timed: a kind of strategy, after a comma what is special, and its settings."""
ROUTES: dict[str, list[dict[str, Any]]] = {
    "list": [],
    "weighted": [{"kind": "weighted"}],
    "cost": [{"kind": "capability"}, {"kind": "cost"}],
    "sticky": [{"kind": "sticky"}],
    "hybrid": [{"kind": "slo"}, {"kind": "hybrid", "factors": {"cost": 0.6, "performance": 0.4}}],
}
"""Routes of ten targets that a whole request is measured with."""


@dataclass(frozen=True)
class Decided:
    """Microseconds of CPU that one decision takes, with what is kept of it for the record."""

    name: str
    median: float
    p99: float

    @property
    def met(self) -> bool:
        return self.median <= MEDIAN_US and self.p99 <= P99_US


def candidates(count: int, *, weights: bool = False) -> list[Option]:
    """Deployments of twenty providers, no two alike in price."""
    chance = random.Random(1)
    return [_option(place, chance.randint(1, 9) if weights else 1, chance) for place in range(count)]


def _option(place: int, weight: float, chance: random.Random) -> Option:
    name = f"p{place % 20}/m{place}"
    target = Target(
        provider=Named(name.partition("/")[0]),
        model=f"m{place}",
        name=name,
        price=Price(input=chance.randint(50_000, 15_000_000), output=chance.randint(200_000, 75_000_000)),
        context=128_000,
        max_output=4096,
        abilities=Abilities(f"m{place}", name),
        timeouts=Timeouts(),
        capabilities=("chat", "tools"),
    )
    config = TargetConfig(name, weight, quality=chance.random(), tags=["hipaa"] if chance.random() < 0.5 else [])
    region = chance.choice(("eu-west-1", "us-east-1", "ap-south-1"))
    return option(target, config, place, (frozenset((region,)), frozenset(), frozenset(("code",))))


class Named:
    """A provider that is only named."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def measured(options: list[Option]) -> Health:
    """A standing in which every deployment has been called."""
    chance, health = random.Random(2), Health()
    for one in options:
        figures = health.at(one.target).measured
        figures.samples = 50
        figures.latency_ms, figures.p95_ms = chance.uniform(200, 4000), chance.uniform(500, 9000)
        figures.tokens_per_second, figures.error_rate = chance.uniform(5, 200), chance.uniform(0, 0.2)
        figures.inflight = chance.randint(0, 9)
    return health


def requests(chance: random.Random) -> Iterator[Sight]:
    """Requests of which no two are alike."""
    while True:
        yield Sight(
            route="bench",
            model="bench",
            operation="chat",
            prompt_bound=int(10 ** chance.uniform(2, 5)),
            max_output=chance.choice((None, 256, 1000)),
            user=f"u{chance.randint(1, 10_000)}",
            session=f"s{chance.randint(1, 10_000)}",
            tags=("a",),
            metadata={"tier": "gold"},
            needs=frozenset(("tools",)),
            at=1_763_700_000_000_000 + chance.randint(0, 86_400_000_000),
            turn=chance.randint(0, 10**6),
            text="Why does this query scan the whole table, and how would you index it?",
            spent_share=0.9,
        )


def decide(name: str, count: int = MODELS, decisions: int = DECISIONS) -> Decided:
    """Time one strategy over *count* deployments."""
    options = candidates(count, weights=name.endswith("weights"))
    health = measured(options)
    policy = Policy("bench", [{"kind": name.partition(",")[0], **STRATEGIES[name]}], options)
    sights = requests(random.Random(3))
    chance, took = random.Random(4), []
    for number in range(decisions + decisions // 10):
        sight, drawn = next(sights), chance.random()
        began = thread_time_ns()
        policy.decide(sight, policy.options, health, drawn)
        if number >= decisions // 10:
            took.append(thread_time_ns() - began)
    took.sort()
    return Decided(name, median(took) / 1000, took[len(took) * 99 // 100] / 1000)


class Routed(Headgate):
    """The gateway with routes of ten targets, all of which are the mock."""

    name = "routed"

    def command(self, place: Place) -> Command:
        made = super().command(place)
        config = place.home / "headgate.yaml"
        text = config.read_text()
        names = [f"mock{n}/mock" for n in range(TARGETS)]
        accounts = "".join(
            f'  mock{n}: {{kind: openai-compatible, base_url: "http://127.0.0.1:{place.mock}/v1", '
            f'api_key: "${{BENCH_UPSTREAM_KEY}}", price: {{input: {n + 1}, output: {n + 2}}}}}\n'
            for n in range(TARGETS)
        )
        text = text.replace("providers:\n", f"providers:\n{accounts}", 1)
        routes = {name: {"targets": names, "strategy": strategy} for name, strategy in ROUTES.items()}
        config.write_text(f"{text}routes: {json.dumps(routes)}\n")
        return made

    def model(self, model: str) -> str:
        return model if model in ROUTES else "mock0/mock"


def added(rounds: int, requests: int) -> dict[str, list[float]]:
    """The CPU that each route adds to a request, as shares of that of one target: one for each round.

    Many short rounds, in each of which every route has its turn: what slows a machine for a second slows them all.
    """
    shares: dict[str, list[float]] = {name: [] for name in ROUTES}
    case = BY_NAME["small"]
    turns = [FIXED, *ROUTES]
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        stage = Stage(Plan(rounds, idle_seconds=1.0, fill=0), Path(folder), [case])
        with stage.up([Routed()]):
            live = stage.live["routed"]
            for name in turns:
                cpu(stage, live, name, requests)
            for number in range(rounds):
                order = random.Random(number).sample(turns, len(turns))
                spent = {name: cpu(stage, live, name, requests) for name in order}
                for name, found in shares.items():
                    found.append(spent[name] / spent[FIXED] - 1)
                told = ", ".join(f"{name} {spent[name]:.1f}" for name in turns)
                say(f"round {number + 1}: CPU us per request: {told}")
    return shares


def cpu(stage: Stage, live: Live, model: str, requests: int) -> float:
    """Microseconds of CPU that a request to *model* costs all processes, until it is in the database."""
    job = stage.job(live, replace(BY_NAME["small"], model=model), requests=requests, timeout=60)
    before, began = cpu_ns(live.running), monotonic()
    tally = stage.generate(job)
    sleep(DRAINED)
    idle = live.idle * (monotonic() - began) * 1e9
    if tally.bad or not tally.ok:
        raise SystemExit(f"{model}: {tally.bad} bad answers: {tally.trouble}")
    return (cpu_ns(live.running) - before - idle) / tally.ok / 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.routing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--requests", type=int, default=3000, help="of each route in each round")
    parser.add_argument("--decisions-only", action="store_true", help="leave out the requests")
    parser.add_argument("--strict", action="store_true", help="end with status 1 unless every figure is met")
    given = parser.parse_args()
    missing = set(BUILTIN) - {name.partition(",")[0] for name in STRATEGIES}
    if missing:
        sys.exit(f"not timed: {', '.join(sorted(missing))}")
    print(f"A decision among {MODELS} models (at most {MEDIAN_US:.0f} µs median, {P99_US:.0f} µs p99)")
    good = True
    for name in STRATEGIES:
        one = decide(name)
        good &= one.met
        print(f"  {name:18} {one.median:7.1f} µs {one.p99:7.1f} µs{'' if one.met else '  over'}")
    if not given.decisions_only:
        shares = added(given.rounds, given.requests)
        print(f"CPU that a route of {TARGETS} targets adds to a request (at most {ADDED:.0%})")
        for name, found in shares.items():
            good &= median(found) <= ADDED
            low, _, high = quantiles(found, n=4)
            print(f"  {name:18} {median(found):+7.1%}   half of the rounds: {low:+.1%} to {high:+.1%}")
    return 1 if given.strict and not good else 0


if __name__ == "__main__":
    sys.exit(main())
