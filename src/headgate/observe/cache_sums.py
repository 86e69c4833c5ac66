"""What caches did, added up by hour as calls are stored: in their transaction, so that nothing is lost or doubled."""

from collections.abc import Iterable
from time import time

from headgate.observe.facts import Facts, Kept
from headgate.storage.sql import Sql
from headgate.storage.sums import CACHE_SUMS

HOUR = 3_600_000_000
"""Microseconds."""
KEPT = 400 * 24
"""Hours that sums are kept."""
KEY = ("tenant_id", "cache", "hour", "node")
_ALL = (*KEY, *CACHE_SUMS)
ADD = f"""INSERT INTO cache_sums ({", ".join(_ALL)}) VALUES ({", ".join("?" * len(_ALL))})
    ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET
    {", ".join(f"{name} = cache_sums.{name} + excluded.{name}" for name in CACHE_SUMS)}"""  # noqa: S608  # our own names


class CacheSums:
    """The drainer's own; one thread at a time."""

    def __init__(self, node: str = "") -> None:
        """*node* is the name of the home among those that share the database."""
        self._node = node
        self._tidied = 0

    def add(self, sql: Sql, calls: Iterable[Facts]) -> None:
        """Add *calls*, all of them new, inside a transaction."""
        rows: dict[tuple[str, str, int], list[int]] = {}
        for facts in calls:
            if facts.cache is not None:
                place = (facts.tenant_id, facts.cache.cache, facts.at // HOUR)
                row = rows.setdefault(place, [0] * len(CACHE_SUMS))
                for i, value in enumerate(counted(facts.cache)):
                    row[i] += value
        if not rows:
            return
        sql.executemany(ADD, [(*place, self._node, *sums) for place, sums in sorted(rows.items())])
        hour = int(time()) // 3600
        if hour != self._tidied:
            self._tidied = hour
            sql.execute("DELETE FROM cache_sums WHERE hour < ?", (hour - KEPT,))


def counted(cache: Kept) -> tuple[int, ...]:
    """Return what one call adds, in the order of ``CACHE_SUMS``."""
    verdict, hit = cache.verdict, cache.verdict == "hit"
    return (
        hit,
        hit and cache.kind == "semantic",
        hit and cache.kind == "flight",
        verdict in ("miss", "stored", "refused"),
        verdict == "stored",
        verdict == "refused",
        verdict == "bypass",
        cache.saved_nano or 0,
        round(cache.saved_ms),
        cache.saved_tokens,
    )
