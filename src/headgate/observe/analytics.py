"""Questions about many calls: the greatest names of a dimension, over time, beside the time before, and what moved.

Sums answer them where they are kept for what is asked; else the latest calls themselves do, as many as can be looked
through in short time, and the answer says so.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from headgate.core.ids import now
from headgate.observe.facts import Facts
from headgate.observe.log import LogFilter, LogStore
from headgate.observe.rollups import MINUTE, Counted, Dimension, counted, singles, start_of
from headgate.observe.sketch import Sketch
from headgate.observe.usage import Question, UsageStore, Used
from headgate.observe.windows import end_of, has_minutes, nearest
from headgate.storage.sums import SKETCHES, SUMS

MOST_RAW = 10_000
Metric = Literal[
    "requests", "failures", "fallbacks", "attempts", "hits", "unpriced", "input", "output", "cached", "cache_write",
    "reasoning", "cost_nano", "saved_nano",
]  # fmt: skip
FIELDS: dict[Dimension, str] = {
    "team": "team_id", "key": "key_id", "user": "user_id", "app": "app_id", "model": "model", "provider": "provider",
    "route": "route", "surface": "surface", "status": "status", "code": "code",
}  # fmt: skip
"""Dimension -> the field of a ``LogFilter``."""


class Found(msgspec.Struct, kw_only=True):
    """Sums of one time."""

    total: Used
    names: list[Used]
    """Of the whole time, by name, the greatest first; all in one where no dimension was asked for."""
    series: list[Used]
    """By name and window, in the order of time."""
    more: int = 0
    """Names that are not told."""
    source: Literal["sums", "calls"] = "sums"
    whole: bool = True
    """Whether all calls of the time were looked at."""


class Before(msgspec.Struct, kw_only=True):
    """Sums of the time before, between two instants (microseconds UTC), in all and by name."""

    since: int
    until: int
    total: Used
    names: dict[str, Used]


class Analytics:
    """Answers questions from sums, else from calls."""

    def __init__(self, usage: UsageStore, logs: LogStore) -> None:
        self._usage = usage
        self._logs = logs

    async def find(self, tenant_id: str, asked: Question, metric: Metric, most: int) -> Found:
        """Return the *most* names that are the greatest by *metric*, with their durations and series."""
        if asked.cut is None:
            return await self._of_calls(tenant_id, asked, metric, most)
        names = await self._usage.sums(tenant_id, replace(asked, interval=None)) if asked.by is not None else None
        total = await self._whole(tenant_id, asked, names)
        if names is None:
            names = [total]
        else:
            names.sort(key=lambda used: (-getattr(used, metric), used.name))
            await self._usage.durations(tenant_id, replace(asked, interval=None), names[:most])
        series: list[Used] = []
        if asked.interval is not None:
            series = await self._usage.sums(tenant_id, replace(asked, names=tuple(used.name for used in names[:most])))
            await self._usage.durations(tenant_id, asked, series)
        return Found(total=total, names=names[:most], series=_ordered(series), more=len(names[most:]))

    async def names(self, tenant_id: str, asked: Question) -> list[Used]:
        """Return the sums of every name, in no order."""
        asked = replace(asked, interval=None)
        if asked.cut is None:
            return (await self._of_calls(tenant_id, asked, "requests", MOST_RAW)).names
        return await self._usage.sums(tenant_id, asked)

    async def before(self, tenant_id: str, asked: Question) -> "Before":
        """Return the sums of as long a time before *asked*."""
        at = now()
        same = former(asked, at)
        names = await self.names(tenant_id, same) if asked.by is not None else None
        whole = same if same.cut is not None else former(replace(asked, by=None), at)
        total = (
            await self._whole(tenant_id, whole, names if same.cut is not None else None)
            if whole.cut is not None
            else (await self._of_calls(tenant_id, whole, "requests", 1)).total
        )
        by_name = {used.name: used for used in names or ()}
        return Before(since=whole.since, until=whole.until, total=total, names=by_name)

    async def _whole(self, tenant_id: str, asked: Question, names: Sequence[Used] | None) -> Used:
        """Return the sum of *names*, or what else was used in the windows that these would be of."""
        windows = replace(asked, interval=None).grains
        whole = replace(asked, by=None, interval=None, finest=windows[0])
        total = Used()
        for used in names if names is not None and asked.adds_up else await self._usage.sums(tenant_id, whole):
            total.take(used)
        await self._usage.durations(tenant_id, whole, [total])
        return total

    async def _of_calls(self, tenant_id: str, asked: Question, metric: Metric, most: int) -> Found:
        named: dict[str, Any] = {FIELDS[name]: value for name, value in asked.where.items() if name in FIELDS}
        where = LogFilter(
            since=asked.since,
            until=asked.until,
            within=asked.within,
            tags=(asked.where["tag"],) if "tag" in asked.where else (),
            **named,
        )
        calls, whole = await self._logs.facts(tenant_id, where, MOST_RAW)
        names = _grouped(calls, asked.by, None)
        names.sort(key=lambda used: (-getattr(used, metric), used.name))
        series: list[Used] = []
        if asked.interval is not None:
            chosen = {used.name for used in names[:most]}
            series = [used for used in _grouped(calls, asked.by, asked.interval) if used.name in chosen]
        total = (_grouped(calls, None, None) or [Used()])[0]
        return Found(
            total=total,
            names=names[:most] if asked.by else [total],
            series=_ordered(series),
            more=len(names[most:]),
            source="calls",
            whole=whole,
        )


def former(asked: Question, at: int) -> Question:
    """Return the same question of as long a time before it, at the instant *at*.

    It ends where the first window of *asked* begins, so that no call is in both, and is as long as what has gone by of
    *asked*: to the minute, where sums by minute are there for it, else to half a window.
    """
    asked = replace(asked, interval=None)
    if asked.cut is None:
        return replace(asked, since=2 * asked.since - min(asked.until, max(at, asked.since)), until=asked.since)
    least = asked.grains[0]
    first = start_of(asked.since, least)
    begun = first - max(min(end_of(asked.until, least), at) - first, 0)
    found = replace(asked, since=begun, until=first, finest=MINUTE if has_minutes(begun, at) else asked.finest)
    return replace(found, since=nearest(begun, found.grains[0]))


def _ordered(series: list[Used]) -> list[Used]:
    return sorted(series, key=lambda used: (used.at or 0, used.name))


def _grouped(calls: Sequence[Facts], by: Dimension | None, interval: int | None) -> list[Used]:
    groups: dict[tuple[str, int | None], list[Facts]] = {}
    for facts in calls:
        at = start_of(facts.at, interval) if interval else None
        for name in [name for cut, name, _ in singles(facts) if cut == by] or [""]:
            groups.setdefault((name, at), []).append(facts)
    return [_used(name, at, counted(group)) for (name, at), group in groups.items()]


def _used(name: str, at: int | None, adds: Counted) -> Used:
    numbers: dict[str, Any] = dict(zip(SUMS, adds.numbers, strict=True))
    used = Used(name=name, at=at, **numbers)
    for kind, sizes in zip(SKETCHES, (adds.latency, adds.first_token, adds.overhead), strict=True):
        sketch = Sketch()
        sketch.add(sizes)
        setattr(used, kind, sketch)
    return used
