"""The candidates of a route as one thing, with what they have in columns: worked out once, used by every call."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from struct import Struct
from typing import Any, cast

from headgate.providers.base import Target
from headgate.routing.types import Measured, Option, Standing

MAX_PARTS = 128
"""Selections of one list, and columns, that are kept, at most."""
TOLD = 32
"""Candidates of one decision that are kept in its record, at most."""
KEPT = 4096
"""Candidates of the outcomes of one route that are kept, at most, all counted; and of its draws."""
TICK = 20_000
"""Microseconds for which a score of what is measured stands: that is smoothed over far longer."""
MASK = (1 << 32) - 1
DRAWN = (1 << 30) - 1
"""The largest number that is drawn: Python compares those up to it fastest."""
LANE = 64
"""Bits of one digest's place in the packed ones: a product of two of 32 bits has room."""


class Column(list[float | None]):
    """A score for each option, which is kept: what follows from it is worked out once, too."""

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest; raise ``TypeError`` where an option is removed."""
        scores: Any = self
        return min(scores), max(scores)

    @cached_property
    def _spread(self) -> dict[float, list[float | None]]:
        return {}

    def spread(self, factor: float) -> list[float | None]:
        """Return them brought to 0 for the least and *factor* for the largest, not to be changed; see ``bounds``."""
        found = self._spread.get(factor)
        if found is None:
            low, high = self.bounds
            share, scores = factor / (high - low or 1.0), cast(list[float], self)
            found = self._spread[factor] = [(score - low) * share for score in scores]
        return found

    @cached_property
    def whole(self) -> bool:
        """No option is removed."""
        return None not in self

    @cached_property
    def left(self) -> list[float]:
        """Those that are not ``None``."""
        return [score for score in self if score is not None]

    @cached_property
    def stays(self) -> bytes:
        """1 for each of these, else 0."""
        return bytes([score is not None for score in self])


class Candidates(tuple[Option, ...]):
    """Options in their order. Immutable; its columns are in the same order, and are made when first asked for."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """``provider/model`` of each."""
        return tuple(option.name for option in self)

    @cached_property
    def listed(self) -> list[Option]:
        """The same as a list, which Python looks into in a third of the time."""
        return list(self)

    @cached_property
    def places(self) -> list[int]:
        """0 and up, to be copied."""
        return list(range(len(self)))

    @cached_property
    def rows(self) -> dict[Option, int]:
        """Where each stands."""
        return {option: place for place, option in enumerate(self)}

    @cached_property
    def windows(self) -> list[int]:
        """The lengths of prompt that some of these take at most, shortest first."""
        return sorted({option.target.context for option in self if option.target.context is not None})

    @cached_property
    def even(self) -> bool:
        """All weights are 1."""
        return all(option.weight == 1 for option in self)

    @cached_property
    def weights(self) -> list[float]:
        """The weight of each."""
        return [option.weight for option in self]

    @cached_property
    def ends(self) -> list[float]:
        """The weights, added up to each."""
        return list(accumulate(self.weights))

    @cached_property
    def shares(self) -> list[float]:
        """The reciprocal of each weight: 1 as a whole number, which is written for a record in a fifth of the time."""
        return [1 if option.weight == 1 else 1 / option.weight for option in self]

    @cached_property
    def targets(self) -> list[Target]:
        """What each is a candidate of."""
        return [option.target for option in self]

    @cached_property
    def drawn(self) -> "list[Column]":
        """For each the scores where it is drawn: 0, and the others by their weights."""
        return [Column([*self.shares[:place], 0, *self.shares[place + 1 :]]) for place in range(len(self))]

    @cached_property
    def lots(self) -> tuple[int, int, int, int, Struct, list[float] | None]:
        """What ``rendezvous.draws`` needs: their digests, 1, ``MASK`` and ``DRAWN``, each a number with a lane of
        ``LANE`` bits for every option; the layout of the lanes; and ``shares`` unless all are 1.
        """
        digests = b"".join([(option.digest & MASK).to_bytes(LANE // 8, "little") for option in self])
        ones = int.from_bytes((1).to_bytes(LANE // 8, "little") * len(self), "little")
        packed, lanes = int.from_bytes(digests, "little"), Struct("<" + "I4x" * len(self))
        return packed, ones, MASK * ones, DRAWN * ones, lanes, None if self.even else self.shares

    @cached_property
    def draws(self) -> dict[int, Column]:
        """The latest draws (``rendezvous.draws``), by their seeds."""
        return {}

    @cached_property
    def _measured(self) -> list[tuple[Standing, int, list[Measured]]]:
        return []

    def measured(self, standing: Standing) -> list[Measured]:
        """Return what is measured of each; not to be changed."""
        kept = self._measured
        if kept and kept[0][0] is standing and kept[0][1] == standing.generation:
            return kept[0][2]
        generation, of = standing.generation, standing.of
        found = [of(name) for name in self.names]
        kept[:] = [(standing, generation, found)]
        return found

    @cached_property
    def made(self) -> dict[Hashable, Column]:
        """Scores that are kept, by what they follow from; see :meth:`once`. Not to be changed."""
        return {}

    def once(self, key: Hashable, make: Callable[[], Iterable[float | None]]) -> Column:
        """Return what *make* returned for *key* before, where that is kept; not to be changed."""
        found = self.made.get(key)
        if found is None:
            if len(self.made) >= MAX_PARTS:
                self.made.clear()
            found = self.made[key] = Column(make())
        return found

    @cached_property
    def _latest(self) -> dict[Hashable, tuple[int, Standing, int, Column]]:
        return {}

    def lately(
        self, key: Hashable, at: int, standing: Standing, make: Callable[[list[Measured]], Iterable[float | None]]
    ) -> Column:
        """Return what *make* makes of what is measured, the same for all calls of one tick; not to be changed.

        *at* is the call's instant in microseconds; 0 is none, for which nothing is kept.
        """
        kept, tick = self._latest.get(key), at // TICK
        if kept is not None and tick:
            then, of, generation, column = kept
            if then == tick and of is standing and generation == standing.generation:
                return column
        if len(self._latest) >= MAX_PARTS:
            self._latest.clear()
        generation = standing.generation
        found = Column(make(self.measured(standing)))
        self._latest[key] = (tick, standing, generation, found)
        return found

    @cached_property
    def _parts(self) -> dict[bytes | tuple[Target, ...], "Candidates"]:
        return {}

    @cached_property
    def _by_target(self) -> dict[Target, Option]:
        return {option.target: option for option in self}

    def among(self, targets: tuple[Target, ...]) -> "Candidates":
        """Return the options of *targets* that are here, in the order of *targets*."""
        part = self._parts.get(targets)
        if part is None:
            found = self._by_target
            part = self._keep(targets, [found[target] for target in targets if target in found])
        return part

    def without(self, scores: Sequence[float | None]) -> "Candidates":
        """Return those whose score is not ``None``."""
        stays = (scores if isinstance(scores, Column) else Column(scores)).stays
        part = self._parts.get(stays)
        if part is None:
            part = self._keep(stays, [option for option, stay in zip(self, stays, strict=True) if stay])
        return part

    def _keep(self, key: bytes | tuple[Target, ...], options: list[Option]) -> "Candidates":
        if len(self._parts) >= MAX_PARTS:
            self._parts.clear()
        part = self._parts[key] = Candidates(options)
        return part
