"""What is far from usual, told by figures that a few odd ones do not move.

The median absolute deviation, times 1.4826, is what the standard deviation is for what is spread normally; unlike it,
it stays the same while less than half of the past was odd itself (Hampel 1974).
"""

from collections.abc import Sequence
from statistics import median

NORMAL = 1.4826
LEAST = 0.1
"""The least deviation, as a share of the median: what was always the same may grow a little."""


def unusual(value: int, past: Sequence[int], deviations: float, over: int) -> int | None:
    """Return the median of *past* where *value* lies more than *deviations*, and *over*, above it; else ``None``."""
    if not past:
        return None
    usual = median(past)
    spread = max(NORMAL * median(abs(one - usual) for one in past), LEAST * usual)
    return int(usual) if value - usual >= max(over, 1) and value - usual > deviations * spread else None
