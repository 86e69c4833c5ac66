"""CPU by the scheduler's account and memory as the kernel shares it out, for a whole process tree."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from .process import Running, stat_fields

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
QUIET_SECONDS = 1.0
QUIET_SHARE = 0.01  # of one core: below it, beyond what the target burns when idle, the work is done
DRAIN_SECONDS = 20.0


def process_cpu_ns(pid: int) -> int:
    """Nanoseconds that *pid* has run: the scheduler's sum over its threads, ended ones too, and its reaped children.

    The clock of another process is `~pid << 3 | CPUCLOCK_SCHED`; it is the sum of the first column of
    `/proc/PID/task/*/schedstat`, which forgets a thread that has ended. Children are counted in ticks (`cutime`).
    <https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html>
    """
    try:
        own = time.clock_gettime_ns(~pid << 3 | 2)
        fields = stat_fields(pid)
    except (OSError, ValueError):
        return 0
    return own + (int(fields[13]) + int(fields[14])) * TICK_NS


def cpu_ns(target: Running) -> int:
    return sum(map(process_cpu_ns, target.pids()))


def pss_bytes(target: Running) -> int:
    """Proportional set size of the tree: a page shared by n processes counts 1/n in each."""
    total = 0
    for pid in target.pids():
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def idle_share(target: Running, seconds: float = 1.0) -> float:
    """The share of a core that the target burns when nobody asks it anything."""
    before = cpu_ns(target)
    time.sleep(seconds)
    return (cpu_ns(target) - before) / (seconds * 1e9)


@dataclass(frozen=True)
class Spent:
    """CPU from before the load until everything it caused was done, journals and logs included."""

    cpu_ns: int
    load_cpu_ns: int  # the part within the load itself
    drain_seconds: float
    drained: bool


class Meter:
    """Measures one load: made before it, `loaded()` at its end, `spent()` once the target is quiet again."""

    def __init__(self, target: Running, idle: float) -> None:
        self.target = target
        self.limit = QUIET_SHARE + 2 * idle
        self.before = self.at_end = cpu_ns(target)

    def loaded(self) -> None:
        self.at_end = cpu_ns(self.target)

    def load_ns(self) -> int:
        return self.at_end - self.before

    def spent(self) -> Spent:
        """Wait until the tree's CPU is quiet for a second, then close the account."""
        begun = time.monotonic()
        last = self.at_end
        drained = False
        while not drained and time.monotonic() - begun < DRAIN_SECONDS:
            time.sleep(QUIET_SECONDS)
            now = cpu_ns(self.target)
            drained = (now - last) <= self.limit * QUIET_SECONDS * 1e9
            last = now
        return Spent(last - self.before, self.load_ns(), time.monotonic() - begun, drained)
