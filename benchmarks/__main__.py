"""`make bench`: measure the gateway beside its peers; print a table, write JSON and a chart."""

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from . import chart, report, runs
from .cases import BY_NAME
from .peers import PEERS
from .results import Plan, Timing
from .stage import Stage, say
from .targets import Direct, Headgate, Nginx, Recipe

OUT = Path(__file__).parent / "out"
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (Direct(), Nginx(), Headgate(), *PEERS)}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how often each load is repeated (3)")
    parser.add_argument("--seconds", type=float, help="length of one load (3)")
    parser.add_argument("--quick", action="store_true", help="one short round of each: to see it work, not to quote")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of {', '.join(RECIPES)}; direct is always run")
    parser.add_argument("--cases", default="", metavar="NAME,...", help=f"of {', '.join(BY_NAME)}")
    parser.add_argument(
        "--soak", action="store_true", help="500,000 requests through the gateway, memory at each fifth"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave out idle memory and the fill")
    parser.add_argument("--steps", action="store_true", help="only the microseconds of the gateway's own steps")
    parser.add_argument("--strict", action="store_true", help="end with status 1 unless every target is met")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON here too")
    return parser.parse_args()


def named(text: str, known: dict[str, object]) -> list[str]:
    """The names in *text*, or all; an unknown one ends the run."""
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return wanted or list(known)


def plan_of(given: argparse.Namespace) -> Plan:
    plan = Plan.quick() if given.quick else Plan()
    if given.rounds:
        plan = replace(plan, rounds=given.rounds)
    if given.seconds:
        plan = replace(plan, seconds=given.seconds)
    if given.soak:
        plan = replace(plan, soak=500_000)
    if given.no_memory:
        plan = replace(plan, idle_seconds=0.0, fill=0, soak=0)
    return plan


def timings() -> list[Timing]:
    from . import steps  # the only part that imports the gateway: loads need no more of it than its command

    return steps.measure()


def measure(given: argparse.Namespace) -> report.Report:
    plan = plan_of(given)
    wanted = {"direct", *named(given.only, dict(RECIPES))}
    recipes = [recipe for name, recipe in RECIPES.items() if name in wanted]
    cases = [BY_NAME[name] for name in named(given.cases, dict(BY_NAME))]
    done = report.Report.begin(plan)
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        stage = Stage(plan, Path(folder), cases)
        with stage.up(recipes):
            runs.rounds(stage)
            runs.memory(stage)
        gateway = RECIPES["headgate"]
        if isinstance(gateway, Headgate) and "headgate" in stage.live:
            runs.cold_starts(gateway, stage.results["headgate"], Path(folder), plan.cold_starts)
    done.results = stage.results
    done.steps = timings()
    return done


def main() -> int:
    given = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the targets are stopped
    if given.steps:
        report.print_steps(timings())
        return 0
    done = measure(given)
    OUT.mkdir(exist_ok=True)
    text = json.dumps(done.as_json(), indent=2) + "\n"
    for file in (OUT / "latest.json", given.json):
        if file:
            file.write_text(text)
    (OUT / "latest.svg").write_text(chart.draw(done.results))
    done.print()
    say(f"written: {OUT / 'latest.json'}, {OUT / 'latest.svg'}")
    return 1 if given.strict and not done.met() else 0


if __name__ == "__main__":
    sys.exit(main())
