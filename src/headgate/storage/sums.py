"""The columns of ``rollups`` and ``cache_sums``, for those who write them without SQLAlchemy."""

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
CACHE_SUMS = (
    "hits", "near", "joined", "misses", "stored", "refused", "passed", "saved_nano", "saved_ms", "saved_tokens"
)  # fmt: skip
"""``hits`` has ``near`` (to another request) and ``joined`` (one under way) in it, ``misses`` has ``stored`` and
``refused`` in it; ``passed`` are those that the cache had nothing to do with."""
