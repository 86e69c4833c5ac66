"""Counters and histograms of finished calls, in Prometheus's text format (version 0.0.4).

They are fed with drained records, so one drainer counts for all workers. Label values come from closed sets: a model or
provider that the configuration does not name is ``other``, or a caller could grow memory by inventing names.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from headgate.core.money import NANO
from headgate.observe.counts import OTHER, Bounded, Counts
from headgate.observe.facts import Facts
from headgate.observe.rollups import tokens_of

BUCKETS_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000)
OVERHEAD_MS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000)
KINDS = ("input", "output", "cached", "cache_write", "reasoning")
STATES = {"closed": 0, "half-open": 1, "open": 2, "benched": 2}
MAX_SURFACES = 64

Key = tuple[str, str, str, str]


class Histogram:
    """Durations in milliseconds, counted by upper bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, values: Sequence[float]) -> None:
        """Count each."""
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)


class Cell:
    """What is counted for one surface, provider, model and status."""

    __slots__ = ("cost", "first", "overhead", "requests", "tokens", "total", "unpriced")

    def __init__(self) -> None:
        self.requests = self.cost = self.unpriced = 0
        self.tokens = [0, 0, 0, 0, 0]
        self.total = Histogram(BUCKETS_MS)
        self.first = Histogram(BUCKETS_MS)
        self.overhead = Histogram(OVERHEAD_MS)

    def add(self, calls: Sequence[Facts], used: Sequence[int]) -> None:
        """Count *calls*, which used so many tokens of each kind together."""
        self.requests += len(calls)
        self.tokens = [had + more for had, more in zip(self.tokens, used, strict=True)]
        self.cost += sum([facts.cost_nano or 0 for facts in calls])
        self.unpriced += sum([facts.unpriced for facts in calls if facts.cost_nano is None])
        self.total.add([facts.total_ms for facts in calls])
        self.overhead.add([facts.overhead_ms for facts in calls])
        self.first.add([facts.first_token_ms for facts in calls if facts.first_token_ms is not None])


class Metrics:
    """The counts of one process group since it started. Any thread may add, any may render."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cells: dict[Key, Cell] = {}
        self._models: frozenset[str] = frozenset()
        self._providers: frozenset[str] = frozenset()
        self._surface = Bounded(MAX_SURFACES)
        self._counts = Counts()
        self._caches: dict[tuple[str, str], int] = {}
        self._saved = 0
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._states: Callable[[], Iterable[Any]] = tuple
        self._more: list[Callable[[Page], None]] = []

    def know(self, providers: Iterable[str], models: Iterable[str]) -> None:
        """Name what may be a label value: configured providers, and models as ``provider/model``."""
        self._providers, self._models = frozenset(providers), frozenset(models)

    def gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Show what *read* returns as ``headgate_<name>`` at every scrape."""
        self._gauges[name] = (help, read)

    def states(self, read: Callable[[], Iterable[Any]]) -> None:
        """Show how each worker finds its deployments: *read* returns posts as ``routing.board`` has them."""
        self._states = read

    def more(self, write: Callable[["Page"], None]) -> None:
        """Let *write* put families of its own on every page."""
        self._more.append(write)

    def add(self, batch: Iterable[Facts]) -> None:
        """Count finished calls."""
        alike: dict[Hashable, list[Facts]] = {}
        for facts in batch:  # most of a moment are alike, and what their names stand for is looked up once for them
            alike.setdefault(_names(facts), []).append(facts)
        with self._lock:
            for calls in alike.values():
                self._add(calls)

    def _add(self, calls: Sequence[Facts]) -> None:
        """Count *calls* of the same names."""
        first = calls[0]
        used = tokens_of([facts.usage for facts in calls])
        key = self._key(first)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell()
        cell.add(calls, used)
        self._counts.add(calls, used, self._provider, self._model)
        if first.cache is not None:
            told = (first.cache.verdict, first.cache.kind)
            self._caches[told] = self._caches.get(told, 0) + len(calls)
            self._saved += sum([facts.cache.saved_nano or 0 for facts in calls if facts.cache is not None])

    def _key(self, facts: Facts) -> Key:
        model, provider = facts.model_used, facts.provider_used
        return (
            self._surface(facts.surface),
            "" if provider is None else self._provider(provider),
            "" if model is None else self._model(model),
            facts.status,
        )

    def _provider(self, name: str) -> str:
        return name if name in self._providers else OTHER

    def _model(self, name: str) -> str:
        return name if name in self._models else OTHER

    def render(self) -> bytes:
        """Return the exposition. Costs grow with the number of series, not of requests."""
        page = Page()
        with self._lock:
            self._write(page, sorted(self._cells.items()))
            self._write_caches(page)
            for name, help, labels, counts in self._counts.families():
                page.counter(name, help, labels, counts)
        for name, (help, read) in sorted(self._gauges.items()):
            page.family(name, "gauge", help)
            page.line(name, (), read())
        self._write_states(page)
        for write in self._more:
            write(page)
        return page.bytes()

    def _write_caches(self, page: "Page") -> None:
        page.family("cache_total", "counter", "Calls on routes with a cache, by what it did and how it was found.")
        for (verdict, kind), count in sorted(self._caches.items()):
            page.line("cache_total", (("verdict", verdict), ("kind", kind)), count)
        page.family("cache_saved_usd_total", "counter", "What calls that a cache answered would have cost.")
        if self._caches:
            page.line("cache_saved_usd_total", (), self._saved / NANO)

    def _write_states(self, page: "Page") -> None:
        known, posts = self._models | self._providers, list(self._states())
        rows = [
            ((("worker", str(post.worker)), ("deployment", row.name)), row)
            for post in posts
            for row in post.rows
            if row.name in known
        ]
        page.family("deployment_state", "gauge", "0 closed, 1 half-open, 2 open or benched; each worker has its own.")
        for labels, row in rows:
            page.line("deployment_state", labels, STATES[row.state])
        page.family("deployment_error_rate", "gauge", "Share of a worker's last calls that the provider failed.")
        for labels, row in rows:
            if row.measured is not None:
                page.line("deployment_error_rate", labels, round(row.measured.error_rate, 4))
        refused: Counter[tuple[str]] = Counter()
        waiting: Counter[tuple[str]] = Counter()
        for post in posts:
            for code, count in post.doing.refused.items():
                refused[self._counts.code(code),] += count
            for what, count in post.doing.waiting.items():
                waiting[what,] += count
        page.counter("refused_total", "Requests refused before it was known whose they are.", ("code",), refused)
        page.family("calls_waiting", "gauge", "Calls that wait for room: in a budget, or at a provider.")
        for (what,), count in sorted(waiting.items()):
            page.line("calls_waiting", (("room", what),), count)

    @staticmethod
    def _write(page: "Page", cells: list[tuple[Key, Cell]]) -> None:
        names = ("surface", "provider", "model", "status")
        labelled = [(tuple(zip(names, key, strict=True)), cell) for key, cell in cells]
        page.family("requests_total", "counter", "Finished calls.")
        for labels, cell in labelled:
            page.line("requests_total", labels, cell.requests)
        page.family("tokens_total", "counter", "Tokens; input has cached and cache_write in it, output has reasoning.")
        for labels, cell in labelled:
            for kind, count in zip(KINDS, cell.tokens, strict=True):
                if count:
                    page.line("tokens_total", (*labels, ("kind", kind)), count)
        page.family("cost_usd_total", "counter", "Cost of finished calls in US dollars.")
        for labels, cell in labelled:
            page.line("cost_usd_total", labels, cell.cost / NANO)
        page.family("unpriced_total", "counter", "Billed calls of models without a price.")
        for labels, cell in labelled:
            page.line("unpriced_total", labels, cell.unpriced)
        page.histogram(
            "request_seconds", "From the request's head to its last byte.", [(k, c.total) for k, c in labelled]
        )
        page.histogram("first_token_seconds", "To the first token.", [(k, c.first) for k, c in labelled])
        page.histogram("overhead_seconds", "The gateway's own share.", [(k, c.overhead) for k, c in labelled])


Labels = tuple[tuple[str, str], ...]


def _names(facts: Facts) -> Hashable:
    """Return all names that a call is counted under."""
    cache = facts.cache
    return (
        facts.tenant_id,
        facts.surface,
        facts.provider_used,
        facts.model_used,
        facts.status,
        facts.code,
        facts.attempts,
        facts.guardrails,
        cache and (cache.verdict, cache.kind),
    )


class Page:
    """Prometheus text being written, <https://prometheus.io/docs/instrumenting/exposition_formats/>."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, kind: str, help: str) -> None:
        """Begin a metric family."""
        self._lines += (f"# HELP headgate_{name} {help}", f"# TYPE headgate_{name} {kind}")

    def line(self, name: str, labels: Labels, value: float) -> None:
        """Write one sample."""
        shown = ",".join([f'{key}="{_escaped(text)}"' for key, text in labels])
        self._lines.append(f"headgate_{name}{{{shown}}} {value!r}" if shown else f"headgate_{name} {value!r}")

    def counter(self, name: str, help: str, labels: tuple[str, ...], counts: Mapping[Any, float]) -> None:
        """Write a family of counters, each by the values of its *labels*."""
        self.family(name, "counter", help)
        for values, count in sorted(counts.items()):
            self.line(name, tuple(zip(labels, values, strict=True)), count)

    def histogram(self, name: str, help: str, series: list[tuple[Labels, Histogram]]) -> None:
        """Write a family of histograms, in seconds."""
        self.family(name, "histogram", help)
        for labels, each in series:
            seen = 0
            for bound, count in zip((*each.bounds, float("inf")), each.counts, strict=True):
                seen += count
                le = "+Inf" if bound == float("inf") else repr(bound / 1000)
                self.line(f"{name}_bucket", (*labels, ("le", le)), seen)
            self.line(f"{name}_sum", labels, each.total / 1000)
            self.line(f"{name}_count", labels, seen)

    def bytes(self) -> bytes:
        """Return the page."""
        return ("\n".join(self._lines) + "\n").encode()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
