"""The table, the targets and the JSON."""

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from .cases import BY_NAME
from .results import Plan, Result, Timing

MORE_BUSY = 1.5  # load average per core at the start above which the run says so


@dataclass(frozen=True)
class Check:
    """A figure that is promised: at most *limit*; *value* is None where it could not be measured."""

    name: str
    limit: float
    value: float | None
    unit: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.value is None else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


@dataclass
class Report:
    """Everything of one run."""

    plan: Plan
    machine: dict[str, Any]
    results: dict[str, Result] = field(default_factory=dict)
    steps: list[Timing] = field(default_factory=list)

    @classmethod
    def begin(cls, plan: Plan) -> "Report":
        cores = len(os.sched_getaffinity(0))
        machine: dict[str, Any] = {"cores": cores, "processor": processor(), "kernel": platform.release()}
        machine |= {"python": platform.python_version(), "load_at_start": os.getloadavg()[0]}
        machine |= {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        return cls(plan, machine)

    def checks(self) -> list[Check]:
        return list(promised(self.results))

    def met(self) -> bool:
        return all(check.met for check in self.checks())

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "plan": asdict(self.plan),
            "targets": {name: result.as_json() for name, result in self.results.items()},
            "checks": [check.as_json() for check in self.checks()],
            "steps_us": {timing.name: asdict(timing) for timing in self.steps},
        }

    def print(self) -> None:
        console = Console(width=max(Console().width, 190))
        console.print(overview(self.results))
        if others := further(self.results):
            console.print(others)
        print_checks(console, self.checks())
        print_steps(self.steps)
        for result in self.results.values():
            if result.not_run:
                console.print(f"not run: {result.name}: {result.not_run}", markup=False, soft_wrap=True)
        if self.machine["load_at_start"] > MORE_BUSY * self.machine["cores"]:
            console.print(
                f"The machine was busy (load {self.machine['load_at_start']:.1f}): do not quote these figures."
            )


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    except OSError:
        return "unknown"


def ratio(results: Mapping[str, Result], case: str, other: str) -> float | None:
    """How much of the other's CPU the gateway takes."""
    pair = [results[name].middle(case) if name in results else None for name in ("headgate", other)]
    own, base = pair
    return own.median / base.median if own and base and base.median else None


def within(results: Mapping[str, Result], case: str, base: str) -> float | None:
    """How much more CPU the gateway takes for *case* than for *base*."""
    own = results.get("headgate", Result("headgate"))
    more, less = own.middle(case), own.middle(base)
    return more.median / less.median if more and less and less.median else None


def promised(results: Mapping[str, Result]) -> list[Check]:
    """The project's targets. The ratios compare CPU within one run."""
    own = results.get("headgate", Result("headgate"))
    added = {case: times.added_ms() for case, times in own.first_byte.items()}
    counts = sorted(int(key) for key in own.memory if key != "idle")
    soaked = counts[-1] if counts and counts[-1] >= 500_000 else None
    flat = abs(own.memory[str(soaked)] / own.memory[str(counts[0])] - 1) * 100 if soaked else None
    again = sorted(own.starts)[len(own.starts) // 2] if own.starts else None
    return [
        Check("540-byte request, CPU against nginx", 6.0, ratio(results, "small", "nginx"), "x"),
        Check("540-byte request, CPU against Portkey", 1 / 15, ratio(results, "small", "portkey"), "x"),
        Check("540-byte request, CPU against LiteLLM", 1 / 60, ratio(results, "small", "litellm"), "x"),
        Check("300 KB request, CPU against nginx", 2.0, ratio(results, "large", "nginx"), "x"),
        Check("1,000 stream chunks, CPU against nginx", 3.0, ratio(results, "stream", "nginx"), "x"),
        Check("1,000 stream chunks in one write, CPU against nginx", 3.0, ratio(results, "burst", "nginx"), "x"),
        Check("translated request, CPU against a relayed one", 2.5, within(results, "translate", "small"), "x"),
        Check("translated chunk, CPU against a relayed one", 4.0, within(results, "translate-stream", "stream"), "x"),
        Check("added time to first byte", 1.0, added.get("small"), "ms"),
        Check("added time to first byte of a stream", 1.0, added.get("stream"), "ms"),
        Check("memory 30 s after ready", 80.0, own.memory.get("idle"), "MB"),
        Check("memory change from 100,000 to 500,000 requests", 5.0, flat, "%"),
        Check("ready after a start", 1.0, again, "s"),
    ]


def figure(value: float | None, places: int = 3) -> str:
    if value is None:
        return "-"
    return f"{value:.{places}f}" if value < 100 else f"{value:,.0f}"


def cell(result: Result, case: str) -> str:
    """Median, then least and greatest; or why there is none."""
    if middle := result.middle(case):
        spread = f" ({figure(middle.least)}-{figure(middle.greatest)})" if middle.rounds > 1 else ""
        return figure(middle.median) + spread
    return result.excuse(case) or "-"


def overview(results: Mapping[str, Result]) -> Table:
    table = Table(
        title="CPU ms by the scheduler's account of the process tree, a request or 1,000 chunks: median (min-max)"
    )
    heads = ["target", "version", "540 B\nms", "\nx nginx", "\nrequests/s", "core\nused", "300 KB\nms"]
    heads += ["1,000\nchunks ms", "in one\nwrite ms", "10 ms\napart ms", "first\nbyte +ms", "of a\nstream"]
    heads += ["MB\nidle", "MB after", "start\ns"]
    for index, head in enumerate(heads):
        table.add_column(head, justify="left" if index < 2 else "right", no_wrap=index != 1)
    base = results["nginx"].middle("small") if "nginx" in results else None
    for result in results.values():
        if result.not_run:
            table.add_row(result.name, result.version, "not run")
            continue
        own, rps, use = (result.middle("small", what) for what in ("cpu_ms", "rps", "use"))
        added = [times.added_ms() if (times := result.first_byte.get(case)) else None for case in ("small", "stream")]
        counts = [int(key) for key in result.memory if key != "idle"]
        filled = f"{result.memory[str(max(counts))]:.1f}\n({max(counts):,})" if counts else "-"
        start = sorted(result.starts)[len(result.starts) // 2] if result.starts else result.first_start
        table.add_row(
            result.name,
            result.version,
            cell(result, "small"),
            figure(own.median / base.median, 1) if own and base else "-",
            f"{rps.median:,.0f}" if rps else "-",
            figure(use.median, 2) if use else "-",
            cell(result, "large"),
            cell(result, "stream"),
            cell(result, "burst"),
            cell(result, "paced"),
            *(figure(value) for value in added),
            figure(result.memory.get("idle"), 1),
            filled,
            figure(start, 2),
        )
    return table


def further(results: Mapping[str, Result]) -> Table | None:
    """The cases that only some targets know."""
    names = [name for name in BY_NAME if name.startswith(("messages", "translate"))]
    rows = [(BY_NAME[name], [result for result in results.values() if name in result.rounds]) for name in names]
    if not any(known for _, known in rows):
        return None
    table = Table("load", "unit", "target", "CPU", title="Other dialects")
    for case, known in rows:
        for result in known:
            table.add_row(case.title, case.unit, result.name, cell(result, case.name))
    return table


VERDICTS = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}


def print_checks(console: Console, checks: list[Check]) -> None:
    table = Table("target", "at most", "measured", "", title="Targets")
    for check in checks:
        limit, value = f"{check.limit:.4g} {check.unit}", f"{figure(check.value)} {check.unit}"
        table.add_row(check.name, limit, value, VERDICTS[check.met])
    console.print(table)


def print_steps(timings: list[Timing]) -> None:
    table = Table("step", "us", "least", title="Microseconds per call of the gateway's own steps")
    for timing in timings:
        table.add_row(timing.name, figure(timing.median), figure(timing.least))
    Console().print(table)
