"""Which sums answer a question: the cut that has its dimensions, and windows that fill its time. Pure."""

from collections.abc import Iterable

import msgspec

from headgate.observe.rollups import (
    ALL,
    DAY,
    GRAINS,
    HOUR,
    MINUTE,
    PAIRS,
    SECOND,
    Dimension,
    cut_of,
    grains_of,
    start_of,
)

KEPT = {MINUTE: 3, HOUR: 92}
"""Days for which windows are there at least; those of days longer."""


class Cut(msgspec.Struct, frozen=True):
    """A cut, and which dimension stands in which of its columns."""

    name: str
    columns: tuple[Dimension, ...] = ()

    @property
    def grains(self) -> tuple[int, ...]:
        """What it is kept by."""
        return grains_of(self.name)


class Span(msgspec.Struct, frozen=True):
    """Windows of one grain, from *since* to before *until* (microseconds UTC)."""

    grain: int
    since: int
    until: int


def cut_for(dimensions: Iterable[Dimension]) -> Cut | None:
    """Return the cut that has these dimensions, ``None`` where none is kept."""
    wanted = frozenset(dimensions)
    if not wanted:
        return Cut(ALL)
    if len(wanted) == 1:
        (one,) = wanted
        return Cut(one, (one,))
    return next((Cut(cut_of(*pair), pair) for pair in PAIRS if wanted == frozenset(pair)), None)


def spans(since: int, until: int, grains: Iterable[int] = GRAINS) -> list[Span]:
    """Return few windows that fill the time from *since* to *until*, oldest first.

    *since* goes back to the beginning of its least window, and *until* on to the end of its own.
    """
    found: list[Span] = []
    _fill(since, until, sorted(grains), found)
    return sorted(found, key=lambda span: span.since)


def _fill(since: int, until: int, grains: list[int], found: list[Span]) -> None:
    least, *greater = grains
    since, until = start_of(since, least), end_of(until, least)
    if since >= until:
        return
    if greater:
        inner = greater[0] * SECOND
        first, last = -(-since // inner) * inner, until // inner * inner
        if first < last:
            _add(found, least, since, first)
            _add(found, least, last, until)
            _fill(first, last, greater, found)
            return
    _add(found, least, since, until)


def _add(found: list[Span], grain: int, since: int, until: int) -> None:
    if since < until:
        found.append(Span(grain, since, until))


def end_of(at: int, grain: int) -> int:
    """Return the first end of a window that is not before *at*."""
    size = grain * SECOND
    return -(-at // size) * size


def nearest(at: int, grain: int) -> int:
    """Return the bound between two windows that is nearest to *at*."""
    return start_of(at + grain * SECOND // 2, grain)


def has_minutes(since: int, now: int) -> bool:
    """Whether sums by minute are still there from *since* on."""
    return now - since < KEPT[MINUTE] * DAY * SECOND


def finest_of(since: int, until: int, now: int) -> int:
    """Return the least windows that a time is told by: those that are still there, and not too many."""
    if until - since <= 6 * HOUR * SECOND and now - since < (KEPT[MINUTE] - 1) * DAY * SECOND:
        return MINUTE
    return HOUR if now - since < (KEPT[HOUR] - 1) * DAY * SECOND else DAY
