"""The stage of a run: the mock, every target started and pinned, and the generators that are sent at them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import process
from .cases import Case
from .load import Job, Tally
from .measure import idle_share, pss_bytes
from .process import NotRun, Running
from .results import Plan, Result, Times
from .targets import Direct, Live, Place, Recipe

ROOT = Path(__file__).parents[1]
# A generator that wakes at every chunk makes a proxy's cost per chunk flip between two values, one twice the other,
# by who happens to wait for whom; one that looks at all its streams three times a millisecond leaves it steady.
DOZE = 0.0003
GREETING = 64  # requests of each case before anything is measured


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def start(recipe: Recipe, place: Place, stack: ExitStack) -> tuple[Running, float]:
    """Start a target on its core; its process and the seconds until it was ready."""
    command = recipe.command(place)
    pin = process.cores()[0]
    running = stack.enter_context(process.running(recipe.name, command.argv, place.home, pin, command.env))
    place.port, took = running.wait_ready(lambda: recipe.ready_port(place), recipe.starts_within)
    return running, took


@contextmanager
def alone(recipe: Recipe) -> Iterator[tuple[Running, Place]]:
    """One target and the mock behind it, started in a folder of their own; `place.mock` is the mock's port."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        place = Place(folder / recipe.name, process.free_port(), process.free_port(), process.free_port())
        place.home.mkdir()
        argv = [sys.executable, "-m", "benchmarks.mock", "--port", str(place.mock)]
        stack.enter_context(process.running("mock", argv, folder, process.cores()[1], {"PYTHONPATH": str(ROOT)}))
        yield start(recipe, place, stack)[0], place


class Stage:
    """The running targets, by name, and what is known of them."""

    def __init__(self, plan: Plan, folder: Path, cases: Sequence[Case]) -> None:
        self.plan = plan
        self.cases = cases
        self.folder = folder
        self.live: dict[str, Live] = {}
        self.results: dict[str, Result] = {}
        self.mock_port = process.free_port()

    @contextmanager
    def up(self, recipes: Sequence[Recipe]) -> Iterator[None]:
        """Install and start the targets one after another, measure them idle, greet them; stop them at the end."""
        with ExitStack() as stack:
            self.start_mock(stack)
            for recipe in recipes:
                self.results[recipe.name] = Result(recipe.name)
                with self.excused(recipe.name):
                    self.live[recipe.name] = self.bring_up(recipe, stack)
            self.measure_idle()
            for live in list(self.live.values()):
                with self.excused(live.name):
                    self.greet(live)
            yield

    @contextmanager
    def excused(self, name: str) -> Iterator[None]:
        """A target that cannot take part is noted with the reason, and the run goes on without it."""
        try:
            yield
        except NotRun as reason:
            self.results[name].not_run = str(reason)
            self.live.pop(name, None)
            say(f"{name}: not run: {reason}")

    def start_mock(self, stack: ExitStack) -> None:
        argv = [sys.executable, "-m", "benchmarks.mock", "--port", str(self.mock_port)]
        env = {"PYTHONPATH": str(ROOT)}
        self.mock = stack.enter_context(process.running("mock", argv, self.folder, process.cores()[1], env))
        self.mock.wait_ready(lambda: self.mock_port if process.status(self.mock_port, "/") else None, 10)

    def bring_up(self, recipe: Recipe, stack: ExitStack) -> Live:
        say(f"{recipe.name}: starting")
        result = self.results[recipe.name]
        place = Place(self.folder / recipe.name, self.mock_port, process.free_port(), process.free_port())
        place.home.mkdir()
        recipe.prepare()
        result.version = recipe.version()
        if isinstance(recipe, Direct):
            place.port = self.mock_port
            return Live(recipe, place, self.mock, time.monotonic())
        running, result.first_start = start(recipe, place, stack)
        return Live(recipe, place, running, time.monotonic())

    def measure_idle(self) -> None:
        """Memory, as long after each target was ready as the plan says, and the CPU it takes unasked."""
        for live in self.live.values():
            time.sleep(max(0.0, live.ready_at + self.plan.idle_seconds - time.monotonic()))
            self.results[live.name].memory["idle"] = pss_bytes(live.running) / 1e6
        for live in self.live.values():
            live.idle = self.results[live.name].idle_share = idle_share(live.running)

    def greet(self, live: Live) -> None:
        """See every case answered well before it is measured."""
        live.headers = live.recipe.headers(live.place)
        for case in self.cases:
            if case.name not in live.recipe.cases:
                continue
            tally = self.generate(self.job(live, case, requests=GREETING, timeout=60))
            if tally.bad or tally.ok < GREETING:
                raise NotRun(f"{case.name}: {tally.bad} bad answers, {tally.ok} good: {tally.trouble!r}")

    def job(self, live: Live, case: Case, *, requests: int = 0, seconds: float = 0.0, timeout: float) -> Job:
        recipe = live.recipe
        job = Job(live.place.port, recipe.path(case.door), case.body(recipe.model(case.model)), dict(live.headers))
        job.concurrency, job.events = case.concurrency, case.events
        job.seconds, job.requests, job.timeout = seconds, requests, timeout
        job.doze = DOZE if case.events else 0.0
        return job

    def generate(self, job: Job) -> Tally:
        """Send a load; a generator that fails or hangs is a tally with its complaint."""
        text, trouble = helper("benchmarks.load", job.dump(), job.timeout + 10)
        return Tally(**json.loads(text)) if text else Tally(bad=1, trouble=trouble)

    def take_turns(self, target: Job, direct: Job) -> Times:
        given = json.dumps({"target": target.dump(), "direct": direct.dump()})
        text, trouble = helper("benchmarks.latency", given, target.timeout + 30)
        return Times(**json.loads(text)) if text else Times(trouble=trouble)


def helper(module: str, given: str, timeout: float) -> tuple[str, str]:
    """Run a generator on its core: its output, else its complaint."""
    pin = process.cores()[2]
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=given,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=timeout,
            preexec_fn=lambda: os.sched_setaffinity(0, pin),
        )
    except subprocess.TimeoutExpired:
        return "", f"the generator hung for {timeout:.0f} s"
    return done.stdout, done.stderr.strip()[-300:]
