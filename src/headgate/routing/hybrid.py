"""Several rankings at once, each with its share of the say."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from headgate.routing.candidates import TOLD, Candidates, Column
from headgate.routing.types import Sight, Standing, Strategy

KEPT = 64
"""Sums of scores that are kept themselves, at most."""
DIGITS = 6
"""Decimals of sums that are all written to every record."""


class Hybrid(Strategy, frozen=True, dict=True):
    """The sum of several strategies, each brought to 0 for its best and 1 for its worst, times its factor."""

    removes: ClassVar[bool] = True

    factors: dict[str, float]
    """Kind of a strategy, with its default settings, to its share: ``{cost: 0.7, performance: 0.3}``."""

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        found, known = [], True
        for strategy in self._inner:
            row = strategy.weigh(sight, options, standing, chance)
            found.append(row)
            known = known and type(row) is Column
        if not known:
            return self._total(found)
        # two are as nearly always; for any number it takes three times as long
        key = (id(found[0]), id(found[1])) if len(found) == 2 else tuple(map(id, found))
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            total = self._total(found)
            if len(total) <= TOLD:
                total = [score if score is None else round(score, DIGITS) for score in total]
            kept = self._kept[key] = (found, Column(total))
        return kept[1]

    def _total(self, rows: Sequence[Sequence[float | None]]) -> list[float | None]:
        try:
            return _sum(rows, self.factors.values())
        except TypeError:  # some removed an option, and to look for that first would cost as much again
            return _sum_of_left(rows, self.factors.values())

    @cached_property
    def _kept(self) -> dict[tuple[int, ...], tuple[object, Column]]:
        return {}  # with the rows of which the key has the ids

    def filters(self) -> bool:
        """See ``Strategy``."""
        return any(one.filters() for one in self._inner)

    def inner(self) -> Sequence[Strategy]:
        """See ``Strategy``."""
        return self._inner

    @cached_property
    def _inner(self) -> tuple[Strategy, ...]:
        from headgate.routing.kinds import made  # it finds this class by its name

        return tuple(made({"kind": kind}) for kind in self.factors)

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        from headgate.routing.kinds import KINDS

        for kind, factor in self.factors.items():
            if kind not in KINDS or kind == "hybrid":
                yield "factors", f"knows no strategy `{kind[:80]}`"
            elif factor <= 0:
                yield "factors", f"must give `{kind}` more than 0"
            else:
                try:
                    KINDS[kind]()
                except TypeError:
                    yield "factors", f"cannot hold `{kind}`, which needs settings"
        if not self.factors:
            yield "factors", "must name a strategy"


def _sum(rows: Sequence[Any], factors: Iterable[float]) -> list[float | None]:
    """Return for each option the sum of its scores, each row of them brought to 0 for its best and its factor for its
    worst; raise ``TypeError`` where one is ``None``."""
    total: list[Any] = []
    for row, factor in zip(rows, factors, strict=True):
        if isinstance(row, Column) and not total:
            total = row.spread(factor)
            continue
        low, high = row.bounds if isinstance(row, Column) else (min(row), max(row))
        share = factor / (high - low or 1.0)
        least = low * share
        if total:
            total = [sum_ + score * share - least for sum_, score in zip(total, row, strict=True)]
        else:
            total = [score * share - least for score in row]
    return total


def _sum_of_left(rows: Sequence[Sequence[float | None]], factors: Iterable[float]) -> list[float | None]:
    """Return the same, for those that no row has removed."""
    total: list[float | None] = [None if None in scores else 0.0 for scores in zip(*rows, strict=True)]
    places = [place for place, sum_ in enumerate(total) if sum_ is not None]
    if places:
        sums = _sum([[row[place] for place in places] for row in rows], factors)
        for place, sum_ in zip(places, sums, strict=True):
            total[place] = sum_
    return total
