"""How deployments do, measured as calls end: a few additions for each call, and no history but the last calls'."""

from time import monotonic

from headgate.routing.types import Measured

SMOOTHING = 0.1  # how much one call counts once there are MANY
MANY = 10
KEPT = 64  # of the last calls, for the 95th percentile
RECOUNT = 8  # calls between two sortings of them


class Recent:
    """The 95th percentile of the last ``KEPT`` durations."""

    __slots__ = ("_at", "_kept", "p95")

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._at = 0
        self.p95 = 0.0

    def add(self, value: float) -> None:
        """Count *value*; the percentile follows at every eighth, and at each of the first eight."""
        kept, at = self._kept, self._at
        if len(kept) < KEPT:
            kept.append(value)
        else:
            kept[at % KEPT] = value
        self._at = at = at + 1
        if at <= RECOUNT or at % RECOUNT == 0:
            self.p95 = sorted(kept)[(len(kept) * 95 - 1) // 100]
        elif value > self.p95 and len(kept) < KEPT // 4:
            self.p95 = value  # of so few the slowest is as near


class Statistics:
    """What one deployment has shown of late, in this process."""

    __slots__ = ("_first", "_latency", "measured")

    def __init__(self) -> None:
        self.measured = Measured()
        self._latency = Recent()
        self._first = Recent()

    def answered(self, latency_ms: float, first_ms: float | None, output_tokens: int) -> None:
        """Count a good answer: milliseconds to its last byte and to its first token, and the tokens in it."""
        m = self.measured
        weight = self._count(m)
        m.error_rate -= m.error_rate * weight
        m.latency_ms += (latency_ms - m.latency_ms) * (weight if m.latency_ms else 1.0)
        self._latency.add(latency_ms)
        m.p95_ms = self._latency.p95
        if first_ms is None:
            return
        m.first_token_ms += (first_ms - m.first_token_ms) * (weight if m.first_token_ms else 1.0)
        self._first.add(first_ms)
        m.first_token_p95_ms = self._first.p95
        spoken = latency_ms - first_ms
        if output_tokens and spoken > 0:
            speed = output_tokens * 1000 / spoken
            m.tokens_per_second += (speed - m.tokens_per_second) * (weight if m.tokens_per_second else 1.0)

    def failed(self) -> None:
        """Count a failure of the provider's own making. How long it took says nothing of its answers."""
        m = self.measured
        m.error_rate += (1.0 - m.error_rate) * self._count(m)

    @staticmethod
    def _count(m: Measured) -> float:
        m.samples += 1
        m.used_at = monotonic()
        return 1 / m.samples if m.samples < MANY else SMOOTHING
