"""What the configuration says of caches."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import msgspec

from headgate.cache.semantic.config import SemanticConfig

LARGEST = 64 * 1024 * 1024
"""Bytes of the cache of one tenant that configures it by itself."""


class CacheConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A cache of answers. A route that names it answers from it, each tenant from its own part of it."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "ttl": (1, 30 * 86_400),
        "max_bytes": (1024, 64 * 1024**3),
        "max_entries": (1, 10_000_000),
        "max_entry": (1024, 64 * 1024**2),
    }

    kind: Literal["exact", "semantic"] = "exact"
    """``exact``: a request that says the same in every field is answered. ``semantic``: besides, one whose last turn
    asks the same in other words."""
    enabled: bool = True
    """Off: its routes do without a cache. A tenant switches the shared cache of this name off for itself by one of its
    own with ``enabled: off``."""
    store: Literal["memory", "sqlite", "redis", "none"] = "memory"
    """Where entries are. ``memory``: in each worker. ``sqlite``: in a file of the home, for all workers of a machine.
    ``redis``: in `HEADGATE_REDIS_URL`, for all machines. ``none``: nowhere, so that only calls under way are shared."""
    ttl: int = 3600
    """Seconds for which an answer is given again."""
    max_bytes: int = 256 * 1024 * 1024
    """Bytes of all entries together (of each worker's, in memory; of each tenant's, in Redis). What was used longest
    ago goes first."""
    max_entries: int = 100_000
    """Entries, in the same way."""
    max_entry: int = 1024 * 1024
    """Bytes of the largest answer that is kept."""
    share: Literal["tenant", "team", "user", "key", "end_user"] = "tenant"
    """Who is answered with what others asked: all of a tenant, or only those of the same team, user, key or end user.
    Never another tenant."""
    tool_calls: bool = False
    """Keep answers that call tools too."""
    timing: Literal["instant", "recorded"] = "instant"
    """How a stream is given again: at once, or with the pauses that it came with."""
    single_flight: Literal["first", "each", "none"] = "first"
    """Requests that are the same and come while one is under way share its answer. ``first``: who came first pays.
    ``each``: everybody pays what the answer cost. ``none``: each makes its own call. Limits of requests count all."""
    keys: list[str] = []
    """Only the calls of these keys (ids)."""
    without_keys: list[str] = []
    """No calls of these keys (ids)."""
    tags: list[str] = []
    """Only calls with one of these tags, the key's own among them."""
    semantic: SemanticConfig = SemanticConfig()
    """For ``kind: semantic``: how questions are compared, and how often an answer may be wrong."""

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that makes no sense beside the others, and why."""
        if self.max_entry > self.max_bytes:
            yield "max_entry", "is more than `max_bytes`: nothing so large could be kept"
        if self.kind == "semantic" and self.store == "none":
            yield "store", "a semantic cache needs a store that keeps something"
        for field, message in self.semantic.faults():
            yield f"semantic.{field}", message
        if set(self.keys) & set(self.without_keys):
            yield "without_keys", "names a key that `keys` names too"
