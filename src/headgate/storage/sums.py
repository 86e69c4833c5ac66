"""The columns of ``rollups``, for those who write them without SQLAlchemy."""

SUMS = (
    "requests",
    "failures",
    "fallbacks",
    "attempts",
    "hits",
    "unpriced",
    "input",
    "output",
    "cached",
    "cache_write",
    "reasoning",
    "cost_nano",
    "saved_nano",
)
SKETCHES = ("latency", "first_token", "overhead")
"""See ``observe.sketch``."""
