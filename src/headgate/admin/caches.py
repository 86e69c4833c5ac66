"""Caches by API: what is configured, what they hold and saved, and clearing them."""

import asyncio
from datetime import datetime, timedelta
from time import time
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from pydantic import Field

from headgate.admin.configured import Parts, Who
from headgate.admin.fields import Answer, Body, Text, UtcTime, instant
from headgate.admin.grants import over_platform
from headgate.admin.named import operations
from headgate.admin.route import Route, author
from headgate.cache.board import Order
from headgate.cache.config import CacheConfig
from headgate.config.effective import caches_of
from headgate.core.errors import Forbidden, NotFound, Unavailable
from headgate.core.money import usd
from headgate.storage.caches import CacheSum
from headgate.storage.redis import RedisDown

MOST_HOURS = 400 * 24
HOUR = timedelta(hours=1)


class CacheStats(Answer):
    """What one cache holds of the tenant now, and what it did for its calls."""

    cache: str
    kind: str | None
    """``null`` where it is no longer configured."""
    store: str | None
    enabled: bool
    entries: int
    bytes: int
    hits: int
    semantic_hits: int
    """Of these, answers to another request that asked the same in other words."""
    joined: int
    """Of these, those that waited for the same call under way."""
    misses: int
    stored: int
    refused: int
    """Misses whose answer was not kept."""
    bypassed: int
    hit_rate: float | None
    """Of hits and misses together; ``null`` where there were none."""
    saved_usd: str
    saved_seconds: float
    saved_tokens: int


class Stats(Answer):
    """What caches did, by name."""

    since: UtcTime
    until: UtcTime
    data: list[CacheStats]


class Clear(Body):
    """Which answers to remove; without any field, all of the tenant's."""

    cache: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    model: Annotated[Text, Field(min_length=1, max_length=512)] | None = None
    """Those that this ``provider/model`` gave, or that were given on this route."""
    key_id: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    """Those that were made for this key's calls."""
    all_tenants: bool = False
    """Of every tenant, which takes a permission over all of them."""


class Cleared(Answer):
    """What became of it."""

    removed: int | None
    """Answers; ``null`` where some are in the memory of workers, which are gone within a second."""


async def cache_stats(
    who: Who,
    to: Parts,
    hours: Annotated[int, Query(ge=1, le=MOST_HOURS)] = 24,
    all_tenants: Annotated[bool, Query(description="Of every tenant together.")] = False,
) -> Stats:
    """Return what each cache holds and did over the last *hours*, the one that has begun among them."""
    tenant = _whose(who, "caches:view", all_tenants=all_tenants)
    until = int(time()) // 3600 + 1
    sums = {one.cache: one for one in await to.caches.sums(tenant, until - hours, until)}
    configs = caches_of(to.live.effective)
    mine: dict[str, tuple[str, CacheConfig]] = {name: ("", config) for name, config in configs[""].items()}
    mine |= {name: (who.tenant_id, config) for name, config in configs.get(who.tenant_id, {}).items()}
    rows = []
    for name in sorted({*mine, *sums}):
        owner, config = mine.get(name, ("", None))
        held = await to.cache_desk.counts(tenant, owner, name)
        rows.append(_stats(name, config, held.entries, held.bytes, sums.get(name) or EMPTY))
    end = instant(until * 3_600_000_000)
    return Stats(since=end - hours * HOUR, until=min(end, datetime.now(end.tzinfo)), data=rows)


EMPTY = CacheSum(
    cache="", hits=0, near=0, joined=0, misses=0, stored=0, refused=0, passed=0, saved_nano=0, saved_ms=0,
    saved_tokens=0,
)  # fmt: skip


def _stats(name: str, config: CacheConfig | None, entries: int, size: int, did: CacheSum) -> CacheStats:
    looked = did.hits + did.misses
    return CacheStats(
        cache=name,
        kind=config.kind if config is not None else None,
        store=config.store if config is not None else None,
        enabled=config is not None and config.enabled,
        entries=entries,
        bytes=size,
        hits=did.hits,
        semantic_hits=did.near,
        joined=did.joined,
        misses=did.misses,
        stored=did.stored,
        refused=did.refused,
        bypassed=did.passed,
        hit_rate=round(did.hits / looked, 4) if looked else None,
        saved_usd=usd(did.saved_nano),
        saved_seconds=did.saved_ms / 1000,
        saved_tokens=did.saved_tokens,
    )


async def clear_caches(body: Clear, request: Request, who: Who, to: Parts) -> Cleared:
    """Remove answers from caches. Every process obeys within a second."""
    tenant = _whose(who, "caches:clear", all_tenants=body.all_tenants)
    configs = caches_of(to.live.effective)
    if body.cache is not None and body.cache not in {*configs[""], *configs.get(who.tenant_id, ())}:
        raise NotFound("There is no such cache.", param="cache")
    order = Order(tenant_id=tenant, cache=body.cache, model=body.model, key_id=body.key_id)
    told: dict[str, Any] = msgspec.to_builtins(order)
    await to.caches.order(tenant, author(request), told)
    try:
        async with asyncio.timeout(30):
            return Cleared(removed=await to.cache_desk.clear(order))
    except (RedisDown, TimeoutError, Unavailable):
        raise Unavailable("A store of the cache does not answer; try again.", code="storage_unavailable") from None


def _whose(who: Any, permission: str, *, all_tenants: bool) -> str | None:
    """Return the tenant that is meant, ``None`` for all of them; raise where that is out of reach."""
    if not all_tenants:
        return str(who.tenant_id)
    if not over_platform(who, permission):
        raise Forbidden("What all tenants have takes a permission over all of them.", param="all_tenants")
    return None


ROUTES = (
    Route(
        method="GET",
        path="/caches/stats",
        permission="caches:view",
        endpoint=cache_stats,
        summary="What caches hold and saved",
        tag="caches",
        object="cache",
    ),
    Route(
        method="POST",
        path="/caches/clear",
        permission="caches:clear",
        endpoint=clear_caches,
        summary="Remove answers from caches",
        tag="caches",
        object="cache",
        writes=tuple(Clear.model_fields),
    ),
    *operations("cache", "caches", tag="caches"),
)
"""Routes about caches."""
