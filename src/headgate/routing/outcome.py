"""What follows from the scores of a route's strategies: an order, and what a record says of it."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from headgate.core.record import Choice
from headgate.providers.base import Target
from headgate.routing.candidates import TOLD, Candidates
from headgate.routing.types import Option

Row = Sequence[float | None] | None
"""The scores that one strategy gave, or ``None`` where its conditions were not met."""


class Outcome(msgspec.Struct):
    """What follows from scores; see ``Choice`` for ``scores``, ``order``, ``omitted``, and ``targets``: the names."""

    chosen: tuple[Target, ...]
    """What remains, best first."""
    names: Any
    scores: Any
    order: Any
    omitted: int
    choice: Choice | None = None
    """The whole of it where a call has nothing of its own to tell: made with the first such call, given to all."""


def outcome_of(
    options: Candidates,
    scored: Sequence[Row],
    asked: Sequence[Candidates] | None = None,
    left: Candidates | None = None,
    ranks: Any = None,
) -> Outcome:
    """Return what follows from the rows that were *scored* for those *asked*; *ranks* are those of the ones *left*.

    Without the last three, all of *options* were asked by every row, and none has gone.
    """
    if asked is None or left is None:
        asked, left, ranks = [options] * len(scored), options, scored
    order = _sorted(ranks, left)
    if left is options and len(options) <= TOLD:  # as nearly always
        return Outcome(tuple(map(options.targets.__getitem__, order)), options.names, scored, order, 0)
    listed = left.listed
    chosen = [listed[place] for place in order]
    places = order if len(left) == len(options) else None
    told: Sequence[Option] = options
    omitted, count = 0, len(chosen)
    if len(options) > TOLD:
        stay = left.rows if places is None else {}
        gone = [] if places is not None else [*islice((one for one in options if one not in stay), TOLD // 4)]
        count = min(count, TOLD - len(gone))
        told = [*chosen[:count], *gone]
        omitted = len(options) - len(told)
    rows: list[Row] = []
    for whom, scores in zip(asked, scored, strict=True):
        if scores is None or whom is told:
            rows.append(scores)
        elif places is not None:
            rows.append([scores[place] for place in places[:count]])
        else:
            index = whom.rows
            rows.append([scores[index[option]] if option in index else None for option in told])
    if told is options:
        if places is None:
            order = [options.rows[option] for option in chosen]
        return Outcome(tuple([one.target for one in chosen]), options.names, rows, order, 0)
    names = tuple([one.name for one in told])
    return Outcome(tuple([one.target for one in chosen]), names, rows, list(range(count)), omitted)


def _sorted(ranks: Sequence[Sequence[float]], left: Candidates) -> list[int]:
    """Return the places of the candidates by the first of *ranks*, then the second and so on."""
    if len(ranks) == 1:
        return sorted(left.places, key=ranks[0].__getitem__)
    order = left.places.copy()
    for rank in reversed(ranks):  # sorting is stable: what is sorted by last counts first
        if rank[0] != rank[-1] or rank.count(rank[0]) != len(order):
            order.sort(key=rank.__getitem__)
    return order
