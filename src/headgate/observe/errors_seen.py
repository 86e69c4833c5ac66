"""Kinds of errors as the drainer counted them, for whoever may read them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.observe.error_groups import MAX_KEYS, Group, Seen, seen_of
from headgate.storage.schema.views import error_groups

MOST = 5_000
"""Rows of one tenant that are read: those met last."""


class ErrorFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which groups; ``None`` asks for nothing. Instants are microseconds UTC."""

    since: int | None = None
    """Met at this instant or later."""
    new_since: int | None = None
    """Met for the first time at this instant or later."""
    kind: str | None = None
    provider: str | None = None
    model: str | None = None
    code: str | None = None


class ErrorGroup(msgspec.Struct, frozen=True):
    """A kind of error and how often it was met, in all homes together."""

    id: str
    group: Group
    seen: Seen

    @property
    def many_keys(self) -> bool:
        """Whether more keys than are told may have met it."""
        return len(self.seen.keys) >= MAX_KEYS


class ErrorStore(Protocol):
    """Errors of one tenant at a time."""

    async def groups(self, tenant_id: str, where: ErrorFilter) -> Sequence[ErrorGroup]:
        """Return the groups that fit, those met last first."""
        ...


class SqlErrors:
    """:class:`ErrorStore` over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def groups(self, tenant_id: str, where: ErrorFilter) -> Sequence[ErrorGroup]:
        """See :class:`ErrorStore`."""
        c = error_groups.c
        query = select(c.id, c.kind, c.provider, c.model, c.code, c.first_at, c.last_at, c.count, c["keys"], c.examples)
        query = query.where(c.tenant_id == tenant_id)
        for column, value in (
            (c.kind, where.kind),
            (c.provider, where.provider),
            (c.model, where.model),
            (c.code, where.code),
        ):
            if value is not None:
                query = query.where(column == value)
        found: dict[str, ErrorGroup] = {}
        async with self._engine.connect() as con:
            for id, kind, provider, model, code, *seen in await con.execute(
                query.order_by(c.last_at.desc()).limit(MOST)
            ):
                _merge(found, id, Group(kind, provider, model, code), seen_of(seen))
        return sorted((one for one in found.values() if _fits(one.seen, where)), key=_last, reverse=True)


def _merge(found: dict[str, ErrorGroup], id: str, group: Group, seen: Seen) -> None:
    """Each home counts in rows of its own."""
    known = found.setdefault(id, ErrorGroup(id, group, seen)).seen
    if known is seen:
        return
    known.count += seen.count
    known.first_at, known.last_at = min(known.first_at, seen.first_at), max(known.last_at, seen.last_at)
    known.keys = list(dict.fromkeys((*known.keys, *seen.keys)))[:MAX_KEYS]
    known.take(seen.examples)


def _fits(seen: Seen, where: ErrorFilter) -> bool:
    return (where.since is None or seen.last_at >= where.since) and (
        where.new_since is None or seen.first_at >= where.new_since
    )


def _last(one: ErrorGroup) -> tuple[int, str]:
    return one.seen.last_at, one.id
