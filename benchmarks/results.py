"""What a run keeps: every round as measured, and the medians that are quoted."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from .cases import BY_NAME


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    rounds: int = 3
    seconds: float = 3.0  # per load
    asks: int = 1000  # for the time to first byte, over all rounds
    idle_seconds: float = 30.0
    fill: int = 100_000  # requests
    fill_seconds: float = 20.0  # after which a peer may stop short of it
    soak: int = 0  # requests
    cold_starts: int = 5

    @classmethod
    def quick(cls) -> "Plan":
        return cls(1, 1.0, 100, 3.0, 5_000, 3.0, 0, 2)


@dataclass
class Round:
    """One load on one target."""

    cpu_ms: float  # per the case's unit
    rps: float
    use: float  # share of the target's core during the load
    ok: int
    bad: int
    helpers_use: float  # share of their core that mock and generator took
    drain_seconds: float
    drained: bool
    machine_load: float
    rejected: str = ""
    trouble: str = ""


@dataclass
class Times:
    """Seconds to the first byte of every request, in order, of the target and of the mock asked in turn with it."""

    target: list[float] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)
    trouble: str = ""

    def add(self, more: "Times") -> None:
        self.target += more.target
        self.direct += more.direct
        self.trouble = self.trouble or more.trouble

    def added_ms(self) -> float | None:
        """The difference of the medians in milliseconds."""
        if not self.target or self.trouble:
            return None
        return (median(self.target) - median(self.direct)) * 1e3

    def summary(self) -> dict[str, Any]:
        if not self.target:
            return {"trouble": self.trouble}
        own, base = (sorted(values) for values in (self.target, self.direct))
        return {
            "asked": len(own),
            "added_ms": self.added_ms(),
            "median_ms": median(own) * 1e3,
            "p99_ms": own[int(len(own) * 0.99)] * 1e3,
            "direct_median_ms": median(base) * 1e3,
            "direct_p99_ms": base[int(len(base) * 0.99)] * 1e3,
            "trouble": self.trouble,
        }


@dataclass(frozen=True)
class Timing:
    """Microseconds per call of one step: the median and the least of several timings."""

    name: str
    median: float
    least: float


@dataclass
class Middle:
    """The median of the rounds that count, with the least and the greatest."""

    median: float
    least: float
    greatest: float
    rounds: int


@dataclass
class Result:
    """Everything measured of one target, or why it was not run."""

    name: str
    version: str = ""
    not_run: str = ""
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    first_byte: dict[str, Times] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)  # MB of PSS: "idle", or after so many requests
    first_start: float | None = None  # seconds until ready, home made
    starts: list[float] = field(default_factory=list)  # seconds until ready, with a home that exists
    idle_share: float = 0.0

    def middle(self, case: str, what: str = "cpu_ms") -> Middle | None:
        """Over the rounds that were not rejected; None without any."""
        values = [getattr(one, what) for one in self.rounds.get(case, []) if not one.rejected]
        return Middle(median(values), min(values), max(values), len(values)) if values else None

    def excuse(self, case: str) -> str:
        """Why there is no figure for *case*."""
        kept = self.rounds.get(case)
        return kept[-1].rejected if kept else ""

    def as_json(self) -> dict[str, Any]:
        cases = {}
        for case, rounds in self.rounds.items():
            middle = self.middle(case)
            cases[case] = {
                "unit": BY_NAME[case].unit,
                "cpu_ms": asdict(middle) if middle else None,
                "rounds": [asdict(one) for one in rounds],
            }
        return {
            "version": self.version,
            "not_run": self.not_run or None,
            "cases": cases,
            "first_byte": {case: times.summary() for case, times in self.first_byte.items()},
            "memory_mb": self.memory,
            "first_start_seconds": self.first_start,
            "start_seconds": self.starts,
            "idle_share_of_core": self.idle_share,
        }
