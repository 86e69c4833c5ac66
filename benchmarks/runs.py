"""The measurements: every load on every target in turn, round after round; then memory, soak and cold starts."""

import os
from contextlib import ExitStack
from pathlib import Path

from . import process
from .cases import BY_NAME, FIRST_BYTE, Case
from .load import Tally
from .measure import Meter, pss_bytes
from .process import NotRun
from .results import Result, Round
from .stage import Stage, say, start
from .targets import Headgate, Live, Place

LEAST_USE = 0.8  # of the core, else idle wake-ups are counted as work
TRIES = 3  # for a round that is rejected
PATIENCE = 900.0  # seconds for the gateway's own fill; peers have the plan's


def rounds(stage: Stage) -> None:
    """Interleaved, so that a noisy minute falls on all targets alike."""
    for number in range(1, stage.plan.rounds + 1):
        for case in stage.cases:
            for live in stage.live.values():
                if case.name in live.recipe.cases:
                    one_round(stage, number, live, case)
        for case in stage.cases:
            if case.name in FIRST_BYTE:
                for live in stage.live.values():
                    first_byte(stage, live, case.name)


def one_round(stage: Stage, number: int, live: Live, case: Case) -> None:
    """One round, tried again while it is rejected."""
    kept = stage.results[live.name].rounds.setdefault(case.name, [])
    for _ in range(TRIES):
        measured = load(stage, live, case)
        kept.append(measured)
        outcome = measured.rejected or f"{measured.cpu_ms:.3f} {case.unit}, {measured.rps:,.0f}/s"
        say(f"round {number}, {case.name}, {live.name}: {outcome}, core used {measured.use:.2f}")
        if not measured.rejected:
            return


def load(stage: Stage, live: Live, case: Case) -> Round:
    """One load, measured until the target is quiet again."""
    seconds = stage.plan.seconds
    meter, mock = Meter(live.running, live.idle), Meter(stage.mock, 0.0)
    tally = stage.generate(stage.job(live, case, seconds=seconds, timeout=seconds + 30))
    meter.loaded()
    mock.loaded()
    spent = meter.spent()
    span = max(tally.seconds, 1e-9)
    mock_seconds = 0.0 if live.running is stage.mock else mock.load_ns() / 1e9
    use = spent.load_cpu_ns / 1e9 / span
    return Round(
        cpu_ms=spent.cpu_ns / 1e6 / max(tally.ok * case.per_answer, 1) * case.scale,
        rps=tally.ok / span,
        use=use,
        ok=tally.ok,
        bad=tally.bad,
        helpers_use=(tally.cpu_seconds + mock_seconds) / span,
        drain_seconds=spent.drain_seconds,
        drained=spent.drained,
        machine_load=os.getloadavg()[0],
        rejected=fault(live, case, use, tally),
        trouble=tally.trouble,
    )


def fault(live: Live, case: Case, use: float, tally: Tally) -> str:
    """Why a round does not count; empty if it does."""
    if not tally.ok or tally.bad > tally.ok / 100 or tally.timed_out:
        return f"{tally.bad} bad answers, {tally.ok} good" + ", timed out" * tally.timed_out
    if live.recipe.python and not case.steady and use < LEAST_USE:
        return f"utilisation {use:.2f}"
    return ""


def first_byte(stage: Stage, live: Live, name: str) -> None:
    direct = stage.live.get("direct")
    if direct is None or live is direct:
        return
    asks = -(-stage.plan.asks // stage.plan.rounds)
    target, base = (stage.job(one, FIRST_BYTE[name], requests=asks, timeout=60) for one in (live, direct))
    times = stage.take_turns(target, base)
    stage.results[live.name].first_byte.setdefault(name, type(times)()).add(times)
    added = times.added_ms()
    say(f"first byte, {name}, {live.name}: " + (times.trouble if added is None else f"{added:+.3f} ms"))


def memory(stage: Stage) -> None:
    """PSS after the plan's number of small requests, and for the gateway at every step of a soak."""
    for live in stage.live.values():
        if live.name == "direct":
            continue
        own = isinstance(live.recipe, Headgate)
        last = max(stage.plan.fill, stage.plan.soak if own else 0)
        limit = PATIENCE if own else stage.plan.fill_seconds
        done = 0
        while done < last and limit > 0:
            job = stage.job(live, BY_NAME["small"], requests=min(stage.plan.fill, last - done), timeout=limit)
            tally = stage.generate(job)
            if not tally.ok:
                break
            done += tally.ok
            limit -= tally.seconds
            Meter(live.running, live.idle).spent()
            megabytes = stage.results[live.name].memory[str(done)] = pss_bytes(live.running) / 1e6
            say(f"{live.name}: {megabytes:.1f} MB after {done:,} requests")


def cold_starts(recipe: Headgate, result: Result, folder: Path, times: int) -> None:
    """Seconds from `headgate serve` until it is ready, with a home that exists already, nothing else running."""
    place = Place(folder / "cold", process.free_port(), process.free_port())
    place.home.mkdir()
    try:
        for number in range(times + 1):
            with ExitStack() as stack:
                place.port = process.free_port()
                _, took = start(recipe, place, stack)
            if number:
                result.starts.append(took)
            else:
                result.first_start = took
    except NotRun as reason:
        say(f"cold start: not run: {reason}")
