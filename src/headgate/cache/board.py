"""What the workers of a home hold in memory, told to who answers for them in small files; and orders to clear."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time

import msgspec

from headgate.cache.types import Counts, Matching

STALE = 10.0
"""Seconds after which the file of a worker is that of one that has ended."""
CLEAR = "cache"
"""The kind of orders in the change feed; the object is an :class:`Order`, in JSON."""


class Held(msgspec.Struct, frozen=True):
    """What one worker holds of one tenant in one cache."""

    owner: str
    """Who configured the cache; empty where all share it."""
    cache: str
    tenant_id: str
    entries: int
    bytes: int


class Post(msgspec.Struct, frozen=True):
    """What one worker held at a moment (seconds since 1970)."""

    worker: int
    at: float
    rows: list[Held]


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be cleared."""

    tenant_id: str | None = None
    """``None`` for all tenants."""
    cache: str | None = None
    """``None`` for all caches."""
    model: str | None = None
    key_id: str | None = None

    @property
    def which(self) -> Matching:
        """Which entries are meant."""
        return Matching(model=self.model, key_id=self.key_id)


class CacheBoard:
    """The files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, worker: int, rows: list[Held]) -> None:
        """Put up what a worker holds."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._directory / f"worker-{worker}.json"
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Post(worker, time(), rows)))
        fresh.replace(file)

    def held(self, tenant_id: str | None, owner: str, cache: str) -> Counts:
        """Return what the running workers hold of a tenant, or with ``None`` of all."""
        mine = [
            row
            for row in self._rows()
            if (row.owner, row.cache) == (owner, cache) and tenant_id in (None, row.tenant_id)
        ]
        return Counts(entries=sum(row.entries for row in mine), bytes=sum(row.bytes for row in mine))

    def _rows(self) -> Iterator[Held]:
        for file in sorted(self._directory.glob("worker-*.json")):
            with suppress(OSError, msgspec.DecodeError):  # gone, or of another version: its worker writes it again
                post = msgspec.json.decode(file.read_bytes(), type=Post)
                if time() - post.at < STALE:
                    yield from post.rows
