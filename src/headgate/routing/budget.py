"""How many retries are made: a fifth of the calls of late, so that an outage is not met with a storm of them."""

WINDOW = 10.0  # seconds; the window before still counts by the share of it that is not over
SHARE = 0.2
FLOOR = 3
"""Retries of one deployment that are always free, or a service with few callers would never be asked again."""


class RetryBudget:
    """Counts first tries and retries over a sliding window. A deployment's counts into its account's as well."""

    __slots__ = ("_above", "_began", "_calls", "_calls_before", "_retries", "_retries_before")

    def __init__(self, above: "RetryBudget | None" = None) -> None:
        self._above = above
        self._began = 0.0
        self._calls = self._calls_before = 0
        self._retries = self._retries_before = 0

    def count(self, now: float, *, again: bool) -> None:
        """Count a call of the account, or *again* another of the same call."""
        if now - self._began >= WINDOW:
            self._turn(now)
        if again:
            self._retries += 1
        else:
            self._calls += 1
        if self._above is not None:
            self._above.count(now, again=again)

    def allows(self, now: float, share: float = SHARE, floor: int = FLOOR) -> bool:
        """Tell whether one more retry is within the *share* of the account, or the *floor* of this deployment."""
        calls, retries = self._sums(now)
        if retries < floor:
            return True
        if self._above is not None:
            calls, retries = self._above._sums(now)
        return retries + 1 <= calls * share

    def _sums(self, now: float) -> tuple[float, float]:
        if now - self._began >= WINDOW:
            self._turn(now)
        left = 1 - (now - self._began) / WINDOW
        return self._calls + self._calls_before * left, self._retries + self._retries_before * left

    def _turn(self, now: float) -> None:
        fresh = now - self._began < 2 * WINDOW
        self._calls_before, self._calls = (self._calls if fresh else 0), 0
        self._retries_before, self._retries = (self._retries if fresh else 0), 0
        self._began = now
