"""Which sums a finished call is added to. Pure: :mod:`headgate.observe.views` writes them.

A *cut* is one dimension, or a pair of them; a call counts once in each cut, in the row of its names there. So every
question about one dimension, and about the pairs that are asked for most, is answered from few rows, however many calls
there were. A call without, say, a team counts in no row of that cut; the cut ``all`` has every call, so what is missing
is known when the sums are read. Of tags a call may have several, so their rows do not say what is missing: there calls
without have a row of their own, which has no name.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal

import msgspec

from headgate.core.money import Usage
from headgate.observe.facts import Facts
from headgate.observe.sketch import sizes_of

Dimension = Literal["team", "key", "user", "app", "tag", "model", "provider", "route", "surface", "status", "code"]
DIMENSIONS: tuple[Dimension, ...] = Dimension.__args__  # type: ignore[attr-defined]
PAIRS: tuple[tuple[Dimension, Dimension], ...] = (
    ("team", "model"),
    ("team", "provider"),
    ("team", "key"),
    ("user", "model"),
    ("key", "model"),
    ("app", "model"),
    ("route", "model"),
    ("key", "provider"),
    ("provider", "model"),
    ("model", "code"),
    ("provider", "code"),
)
"""Kept by hour and day; one dimension alone by minute as well, but for users, of whom there are too many."""
ALL = "all"
OTHER = "(other)"
"""The name of all names beyond the bound of a cut."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
GRAINS = (MINUTE, HOUR, DAY)
SECOND = 1_000_000
MANY, FEW = 10_000, 500
BOUNDS = {cut: MANY for cut in ("team", "key", "user", "app", "key+model", "team+key", "user+model")}
"""How many names a cut may have within one window, a tenant and a home: those that administrators make, and others."""
MAX_TAGS = 8
"""Of one call; more count nowhere."""

MOST_TOKENS = 10**15
"""Of one call: what says that it used more is not counted, or it would spoil the sums of all others."""

Name = tuple[str, str, str]
"""Cut and its names."""
Numbers = tuple[int, ...]
"""As in ``storage.schema.views.SUMS``."""


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What calls add that count in the same rows: their numbers, and how long they took, as counts by size.

    That is in all, to the first token, and in the gateway.
    """

    numbers: Numbers
    latency: Mapping[int, int]
    first_token: Mapping[int, int]
    overhead: Mapping[int, int]


def cut_of(first: str, second: str = "") -> str:
    """Return the name of a cut."""
    return f"{first}+{second}" if second else first


def bound_of(cut: str) -> int:
    """Return how many names a cut may have."""
    return BOUNDS.get(cut, FEW)


def counted(calls: Sequence[Facts]) -> Counted:
    """Return what *calls* add."""
    return Counted(
        numbers_of(calls),
        sizes_of([call.total_ms for call in calls]),
        sizes_of([call.first_token_ms for call in calls if call.first_token_ms is not None]),
        sizes_of([call.overhead_ms for call in calls]),
    )


def numbers_of(calls: Sequence[Facts]) -> Numbers:
    """Return what *calls* add to the numbers."""
    used = tokens_of([call.usage for call in calls])
    if sum(used) > MOST_TOKENS:
        used = tokens_of([call.usage for call in calls if sum(tokens_of([call.usage])) <= MOST_TOKENS])
    caches = [call.cache for call in calls if call.cache is not None]
    return (
        len(calls),
        sum([call.status == "failure" for call in calls]),
        sum([call.status == "fallback" for call in calls]),
        sum([len(call.attempts) for call in calls]),
        sum([cache.verdict == "hit" for cache in caches]),
        sum([call.unpriced for call in calls if call.cost_nano is None]),
        *used,
        sum([call.cost_nano or 0 for call in calls]),
        sum([cache.saved_nano or 0 for cache in caches]),
    )


def tokens_of(usages: Sequence[Usage]) -> Numbers:
    """Return how many tokens of each kind there are in *usages*."""
    return (
        sum([usage.input for usage in usages]),
        sum([usage.output for usage in usages]),
        sum([usage.cached for usage in usages]),
        sum([usage.cache_write for usage in usages]),
        sum([usage.reasoning for usage in usages]),
    )


def model_of(facts: Facts) -> str:
    """Return the model that answered, else what was asked for, where that is something the gateway knows."""
    return facts.model_used or (facts.model_requested if facts.route is not None else None) or ""


def singles(facts: Facts) -> list[Name]:
    """Return the rows of one dimension that a call counts in."""
    names = [(ALL, "", ""), ("surface", facts.surface, ""), ("status", facts.status, "")]
    for cut, name in (
        ("team", facts.team_id),
        ("key", facts.key_id),
        ("user", facts.user_id),
        ("app", facts.app_id),
        ("model", model_of(facts)),
        ("provider", facts.provider_used),
        ("route", facts.route),
        ("code", facts.code),
    ):
        if name:
            names.append((cut, name, ""))
    names += [("tag", tag, "") for tag in facts.tags[:MAX_TAGS] or ("",)]
    return names


def pairs(facts: Facts) -> list[Name]:
    """Return the rows of two dimensions that a call counts in."""
    names: list[Name] = []
    model, provider, key = model_of(facts), facts.provider_used, facts.key_id
    if model:
        for cut, name in (
            ("team+model", facts.team_id),
            ("key+model", key),
            ("user+model", facts.user_id),
            ("app+model", facts.app_id),
            ("route+model", facts.route),
        ):
            if name:
                names.append((cut, name, model))
    if provider:
        names.append(("provider+model", provider, model))
        if key:
            names.append(("key+provider", key, provider))
        if facts.team_id:
            names.append(("team+provider", facts.team_id, provider))
    if key and facts.team_id:
        names.append(("team+key", facts.team_id, key))
    if facts.code:
        if model:
            names.append(("model+code", model, facts.code))
        if provider:
            names.append(("provider+code", provider, facts.code))
    return names


def grains_of(cut: str) -> tuple[int, ...]:
    """Return what a cut is kept by, in seconds."""
    return (HOUR, DAY) if cut == "user" or "+" in cut else GRAINS


def start_of(at: int, grain: int) -> int:
    """Return when the window began that *at* lies in; both in microseconds UTC, *grain* in seconds."""
    return at - at % (grain * SECOND)


Rows = dict[Name, list[Counted]]


def rows_of(calls: Iterable[Facts]) -> dict[tuple[str, int, int], Rows]:
    """Return what *calls* add, by tenant, grain and start, and there by row."""
    alike: dict[Hashable, list[Facts]] = {}
    for facts in calls:  # most calls of a moment are much alike, and each counts in some forty rows
        alike.setdefault(_rows_key(facts), []).append(facts)
    minutes: dict[tuple[str, int], tuple[Rows, Rows]] = {}
    for group in alike.values():
        first = group[0]
        found = minutes.setdefault((first.tenant_id, start_of(first.at, MINUTE)), ({}, {}))
        adds = counted(group)
        for rows, names in ((found[0], singles(first)), (found[1], pairs(first))):
            for name in names:
                rows.setdefault(name, []).append(adds)
    made: dict[tuple[str, int, int], Rows] = {}
    for (tenant_id, minute), (one, two) in minutes.items():
        made[tenant_id, MINUTE, minute] = {name: adds for name, adds in one.items() if MINUTE in grains_of(name[0])}
        for grain in (HOUR, DAY):
            rows = made.setdefault((tenant_id, grain, start_of(minute, grain)), {})
            for name, adds_of in chain(one.items(), two.items()):
                rows.setdefault(name, []).extend(adds_of)
    return made


def _rows_key(facts: Facts) -> Hashable:
    """Return what decides in which rows a call counts: see :func:`singles` and :func:`pairs`."""
    return (
        facts.tenant_id,
        start_of(facts.at, MINUTE),
        facts.key_id,
        facts.team_id,
        facts.user_id,
        facts.app_id,
        facts.surface,
        facts.status,
        facts.model_used,
        facts.model_requested,
        facts.provider_used,
        facts.route,
        facts.code,
        facts.tags,
    )


def together(adds: Sequence[Counted]) -> Counted:
    """Return what several calls add together."""
    latency: dict[int, int] = {}
    first: dict[int, int] = {}
    overhead: dict[int, int] = {}
    for one in adds:
        for sizes, into in ((one.latency, latency), (one.first_token, first), (one.overhead, overhead)):
            for size, count in sizes.items():
                into[size] = into.get(size, 0) + count
    numbers = tuple(map(sum, zip(*[one.numbers for one in adds], strict=True)))
    return Counted(numbers, latency, first, overhead)
