"""Everything that looks at calls, switched on: what it costs the workers and the drainer, what a sink that never
answers does to callers, and whether secrets or personal data come out anywhere.

Three gateways at one provider: one tells nobody of its calls; one tells OpenTelemetry, Langfuse, a file and a webhook,
and archives; the third also keeps what was said, masked. The workers' CPU is read in turns, so that whatever else the
machine does is in all of them alike.
"""

import os
import random
import signal
import socket
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2

from headgate.faultlab.wall import Wall
from headgate.storage.sql import open_sql
from tests.e2e.processes import Gateway
from tests.observe.sinks import Server
from tests.proofs import Progress
from tests.proofs.asker import asked
from tests.proofs.load import Load, Tally
from tests.proofs.told import canaries, look, shown, wait

CALLS = 1_000
"""Of one gateway in one turn."""
TURNS = 24
"""Many short ones in changing order: what slows this machine for some seconds slows all gateways alike."""
CONCURRENCY = 16
MOST, LEAST, LEAST_OFF = 1.1, 0.9, 0.8
DRAIN = 0.5
"""Milliseconds of CPU that the draining process may take for a call."""
SECRETS = 40
ASKED, ASKED_AT_ONCE = 2_000, 200
RATE = 100.0
OUTLETS = 4
PROVIDERS = """
providers:
  wall: {{kind: openai-compatible, base_url: "http://127.0.0.1:{wall}/v1", price: {{input: 1, output: 2}}}}
"""
OBSERVE = """
observe:
  otlp: {{endpoint: "{sink}"}}
  langfuse: {{host: "{sink}", public_key: pk-lf-1, secret_key: sk-lf-of-the-proof}}
  log: {{to: "{folder}/calls.jsonl"}}
  webhook: {{url: "{sink}/hook", secret: s3cret-of-the-hook}}
  stores: {{lake: {{to: "{folder}/lake"}}}}
  archive: {{to: lake}}
"""


@dataclass
class Measured:
    """A gateway, and what its processes have used."""

    gateway: Gateway
    key: str
    heard: bool = False
    """Its sinks take what they are sent."""
    said: bool = False
    """It keeps what was said."""
    calls: int = 0
    drain: float = 0.0
    drained: int = 0

    def __post_init__(self) -> None:
        self.tally = Tally()
        self.each: list[float] = []
        """CPU of the workers for a call, in milliseconds, by turns."""
        self.apart: list[float] = []
        """The same, while the draining process stands still."""
        self.rates: list[float] = []
        """Calls a second, by turns of either kind."""

    @property
    def parent(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid

    @property
    def workers(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.parent}/task/{self.parent}/children").read_text().split()]

    def turn(self, calls: int, *, alone: bool = False) -> None:
        """Let callers make so many calls, and wait until they are told everywhere.

        *alone*: the draining process stands still meanwhile. Else it takes the caches of the same cores, and what is
        read of the workers is not theirs alone.
        """
        workers, drained = self.workers, cpu(self.parent)
        if alone:
            os.kill(self.parent, signal.SIGSTOP)
        before, begun = sum(map(cpu, workers)), time.monotonic()
        try:
            Load(
                self.gateway.port, self.key, "wall/good", concurrency=CONCURRENCY, tally=self.tally, total=calls
            ).join()
            assert self.workers == workers, f"a worker has ended: {self.gateway.printed[-2000:]}"
            (self.apart if alone else self.each).append((sum(map(cpu, workers)) - before) / calls * 1000)
        finally:
            os.kill(self.parent, signal.SIGCONT)
        self.rates.append(calls / (time.monotonic() - begun))
        self.calls += calls
        wait(lambda: self.count("records") >= self.calls and (not self.said or self.count("payloads") >= self.calls))
        if self.heard:
            wait(lambda: self.metric("outlet_sent_total") >= self.calls * OUTLETS, every=0.5)
        self.drain += cpu(self.parent) - drained
        self.drained += calls

    def metric(self, name: str) -> float:
        page = httpx2.get(f"{self.gateway.url}/metrics", timeout=20).text
        lines = [line for line in page.splitlines() if line.startswith(f"headgate_{name}")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def count(self, table: str) -> int:
        sql = open_sql(self.gateway.home / "headgate.db")
        try:
            found: int = sql.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            return found
        finally:
            sql.close()

    def memory(self) -> float:
        """MB of all its processes that are its own."""
        return sum(pss(pid) for pid in (self.parent, *self.workers)) / 1024


def prove(scale: float, folder: Path, progress: Progress) -> str:
    calls, turns = max(round(CALLS * scale), 100), TURNS if scale >= 0.5 else 1
    with ExitStack() as at_end:
        wall, sink = Wall(), at_end.enter_context(Server())
        stuck = at_end.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))  # never says a word
        providers = PROVIDERS.format(wall=wall.port)
        off = started(at_end, folder / "off", providers)
        on, kept, held = (
            started(at_end, folder / name, providers + OBSERVE.format(sink=to, folder=folder / name))
            for name, to in (
                ("on", sink.url),
                ("kept", sink.url),
                ("held", f"http://127.0.0.1:{stuck.getsockname()[1]}"),
            )
        )
        keep(kept)
        on.heard = kept.heard = kept.said = True
        all_of_them = (off, on, kept, held)
        for one in all_of_them:
            one.turn(100)
            one.drain, one.drained = 0.0, 0
            one.each.clear()
            one.rates.clear()
        memory: list[float] = []
        for number in range(turns):
            for one in random.Random(number).sample(all_of_them, len(all_of_them)):
                one.turn(calls)
                one.turn(calls, alone=True)
            memory.append(held.memory())
            progress(number + 1, turns)
        slow = p99((off, on, kept), max(round(ASKED * scale), 50))
        said = canaries(kept, folder / "kept", sink, max(round(SECRETS * scale), 4))
        pages = shown(kept)
        lost = {one.gateway.home.name: one.calls - one.count("ledger") for one in all_of_them}
        for one in all_of_them:
            assert not one.tally.broken and set(one.tally.statuses) == {200}, one.tally.statuses
            assert one.gateway.stop() == 0, one.gateway.printed[-2000:]
        look(folder / "kept", sink, said, pages)
    assert set(lost.values()) == {0}, f"rows of the ledger that are not there: {lost}"
    beside = f"p99 of a call amid {RATE:.0f} a second {slow['off']:.1f} ms, x{slow['on'] / slow['off']:.2f} (goal 1.2)"
    told = f"{beside}, x{slow['kept'] / slow['off']:.2f} with what was said kept"
    return f"{judge(off, on, kept, held, memory, scale)}; {told}; {len(said)} secrets in prompts and answers: 0 hits"


def judge(off: Measured, on: Measured, kept: Measured, held: Measured, memory: list[float], scale: float) -> str:
    """Compare turn by turn, and say what it came to."""
    ratio, keeping = (times(one.apart, off.apart) for one in (on, kept))
    beside, keeping_beside = (times(one.each, off.each) for one in (on, kept))
    drain = {name: one.drain / one.drained * 1000 for name, one in (("off", off), ("on", on), ("kept", kept))}
    speed, speed_off = times(held.rates, on.rates), times(held.rates, off.rates)
    grown = memory[-1] / memory[len(memory) * 2 // 3 - 1]  # by then what may wait in memory does
    if scale >= 1:
        assert ratio <= MOST, f"the workers take {ratio:.3f} times the CPU with everything on"
        assert speed > LEAST, f"a stuck sink leaves {speed:.0%} of the throughput that there is with one that answers"
        assert speed_off > LEAST_OFF, f"a stuck sink leaves {speed_off:.0%} of the throughput that there is without one"
        assert grown < 1.05, f"the memory beside a stuck sink goes on growing: {[round(mb) for mb in memory]} MB"
    return (
        f"workers' CPU {statistics.median(off.apart):.3f} ms a call; with everything on x{ratio:.3f} (goal {MOST}), and "
        f"with what was said kept x{keeping:.3f}; x{beside:.3f} and x{keeping_beside:.3f} while the draining process "
        f"works on the same cores; the draining process {drain['off']:.2f} ms a call, {drain['on']:.2f} "
        f"with everything on (goal {DRAIN}), {drain['kept']:.2f} when it masks as well; beside a sink that never answers "
        f"x{speed:.2f} the throughput beside one that does, x{speed_off:.2f} of that with none; no row lost, memory {memory[0]:.0f} MB to {memory[-1]:.0f} MB"
    )


def p99(gateways: tuple[Measured, ...], count: int) -> dict[str, float]:
    """Milliseconds that a hundredth of *count* calls to each takes longer than, one after the other, amid others.

    They have their turns: what slows this machine for a second slows all of them.
    """
    took: dict[str, list[float]] = {one.gateway.home.name: [] for one in gateways}
    for _ in range(max(count // ASKED_AT_ONCE, 1)):
        for one in gateways:
            took[one.gateway.home.name] += some(one, min(count, ASKED_AT_ONCE))
    for one in gateways:
        one.calls = sum(one.tally.statuses.values()) + len(took[one.gateway.home.name])
        wait(lambda one=one: one.count("records") >= one.calls)  # type: ignore[misc]
    return {name: statistics.quantiles(each, n=100)[98] for name, each in took.items()}


def some(one: Measured, count: int) -> list[float]:
    """Return the milliseconds that each of *count* calls took."""
    others = Load(one.gateway.port, one.key, "wall/good", concurrency=8, tally=one.tally, rate=RATE)
    took = asked(one.gateway.port, one.key, count)
    others.stop()
    return took


def times(mine: list[float], base: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, base, strict=True))


def started(at_end: ExitStack, home: Path, config: str) -> Measured:
    # with the same seed: where names lie in tables makes a tenth between two processes that do the same
    gateway = Gateway(home, config=config, HEADGATE_ACCEPT_GRACE="0", PYTHONHASHSEED="0")
    at_end.callback(gateway.kill)
    gateway.start(60)
    wait(lambda: "hg_" in gateway.printed and "hga_" in gateway.printed)  # which it says once it serves
    return Measured(gateway, gateway.first_key)


def keep(one: Measured) -> None:
    """Have what is said kept, masked."""
    body = {"logging": {"payload": "redacted"}}
    headers = {"authorization": f"Bearer {one.gateway.admin_key}"}
    answer = httpx2.patch(f"{one.gateway.url}/api/v1/tenants/default", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    time.sleep(1.5)


def cpu(pid: int) -> float:
    """Seconds that all threads of a process have run, those that have ended too, to the nanosecond.

    By the clock of the process, whose number is made as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime(~pid << 3 | 2)


def pss(pid: int) -> int:
    """KB of a process that are its own, shared ones by their share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
