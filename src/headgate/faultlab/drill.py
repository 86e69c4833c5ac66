"""Put a gateway through the scenarios: what its caller saw, what the provider saw, and what is wrong with it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from headgate.core.secret import Secret
from headgate.faultlab.caller import Seen, ask
from headgate.faultlab.scenarios import FLAPPING, PROBES, SCENARIOS, Limits, Run, Scenario, expect
from headgate.faultlab.wall import Wall

BACK = 30.0  # seconds in which a provider that is well again must be used again
RATE = 0.2  # seconds between the calls while it is down


class Outcome(msgspec.Struct, frozen=True):
    """One scenario on one route."""

    id: str
    title: str
    route: str
    caller: str
    """What the caller saw, in words."""
    primary: int
    """Times that the first deployment was asked."""
    spare: int
    complaint: str
    """What is wrong; empty where nothing is."""


class Stage(msgspec.Struct, frozen=True):
    """Where a scenario is played: a route, and its first two deployments as gateway and wall call them.

    ``spare`` is empty where there is only one.
    """

    route: str
    primary: str
    spare: str


def play(scenario: Scenario, stage: Stage, wall: Wall, port: int, key: Secret, limits: Limits) -> Outcome:
    """Play *scenario* against the gateway on *port*."""
    if scenario.id == FLAPPING:
        return flap(scenario, stage, wall, port, key, limits)
    wall.faults[stage.primary] = scenario.fault
    if stage.spare:
        wall.faults[stage.spare] = "good"
    seen = ask(port, key, stage.route, stream=scenario.stream)
    run = Run(seen, wall.seen(stage.primary), wall.seen(stage.spare), limits)
    return outcome(scenario, stage, str(seen), run, scenario.judge(run))


def flap(scenario: Scenario, stage: Stage, wall: Wall, port: int, key: Secret, limits: Limits) -> Outcome:
    """Take the primary down for a while under steady calls, bring it back, and wait until it is used again."""
    wall.faults[stage.primary], wall.faults[stage.spare] = scenario.fault, "good"
    answers: list[Seen] = []
    began = time.monotonic()
    while time.monotonic() < began + limits.flapping:
        answers.append(ask(port, key, stage.route))
        time.sleep(RATE)
    tried = [attempt.at - began for attempt in wall.seen(stage.primary)]
    wall.faults[stage.primary] = "good"
    back = time.monotonic()
    while time.monotonic() < back + BACK:
        last = ask(port, key, stage.route)
        answers.append(last)
        if last.good and last.headers.get("x-headgate-model") == stage.primary:
            break
        time.sleep(RATE)
    took = time.monotonic() - back
    bad = [seen for seen in answers if not seen.good]
    probes = [at for at in tried if at > PROBES]  # what came before is how the fault was found out
    complaint = expect(
        (not bad, f"{len(bad)} of {len(answers)} callers got {bad[0] if bad else ''}"),
        (took < BACK, f"the primary was not used again within {BACK:.0f} s"),
        (len(probes) <= limits.flapping / PROBES + 1, f"the primary was asked {len(probes)} times while it was down"),
    )
    run = Run(answers[-1], wall.seen(stage.primary), wall.seen(stage.spare), limits)
    told = f"{len(answers) - len(bad)} of {len(answers)} answered; the first deployment again after {took:.1f} s"
    return outcome(scenario, stage, told, run, complaint)


def outcome(scenario: Scenario, stage: Stage, caller: str, run: Run, complaint: str) -> Outcome:
    """Return what is kept of a run."""
    counts = len(run.primary), len(run.spare)
    return Outcome(scenario.id, scenario.title, stage.route, caller, *counts, complaint)


def play_all(
    stages: dict[str, Stage],
    wall: Wall,
    port: int,
    key: Secret,
    limits: Limits,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Play every scenario at once, each on the stage of its id; return the outcomes in the catalogue's order."""

    def one(scenario: Scenario) -> Outcome:
        result = play(scenario, stages[scenario.id], wall, port, key, limits)
        done(result)
        return result

    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        return list(pool.map(one, [s for s in SCENARIOS if s.id in stages]))
