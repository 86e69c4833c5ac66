"""A route's strategies, compiled: candidates and a request go in, an order comes out, with everything it rests on."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import compress
from typing import Any

import msgspec

from headgate.core.errors import Forbidden
from headgate.core.record import Choice
from headgate.providers.base import Target
from headgate.routing.candidates import KEPT, Candidates, Column
from headgate.routing.counsel import Counsel
from headgate.routing.kinds import made
from headgate.routing.outcome import Outcome, Row, outcome_of
from headgate.routing.table import TargetConfig
from headgate.routing.types import Option, Sight, Standing, Strategy

TELLING = ("needs", "spent_share", "prefix")
"""What of a sight is kept in the record, where a strategy reads it; and who answered a conversation last."""
CONVERSING = frozenset(("prefix", "in_tool_loop", "last"))
RARE = frozenset(("spent_share", "text", "advice"))


class NothingLeft(Forbidden):
    """The strategies of a route have removed every candidate."""

    code = "no_deployment_allowed"

    def __init__(self, route: str, kind: str, count: int) -> None:
        """*kind* removed the last of *count*."""
        super().__init__(
            f"The route {route!r} has no deployment for this request: {kind} removed the last of {count}. "
            "`headgate route explain` tells why.",
            param="model",
        )
        self.kind = kind


class Policy:
    """What one route goes by. Immutable but for how often it decided."""

    def __init__(self, route: str, entries: Sequence[Mapping[str, Any]], options: Sequence[Option]) -> None:
        """*entries* are the ``strategy`` of the route, checked; *options* its candidates in the order of the list."""
        self.route = route
        self.kinds = tuple(entry["kind"] for entry in entries)
        settings = tuple({name: value for name, value in entry.items() if name != "kind"} for entry in entries)
        self.settings: Any = msgspec.Raw(msgspec.json.encode(settings)) if any(settings) else ()
        self.strategies = tuple(made(entry) for entry in entries)
        self._filters = tuple(one.filters() for one in self.strategies)
        self._weighs = tuple(zip([one.weigh for one in self.strategies], self._filters, strict=True))
        self._unconditional = all(one.when is None for one in self.strategies)
        self.options = Candidates(options)
        self.reads: frozenset[str] = frozenset().union(*(reads(one) for one in self.strategies))
        self.names = self.options.names
        self.counsels = tuple(Counsel(one) for one in self.strategies if one.asks())
        """Of those that ask others."""
        self.sticky = next((row for row, kind in enumerate(self.kinds) if kind == "sticky"), None)
        self.turn = 0
        self._draws, self._turns = "chance" in self.reads, "turn" in self.reads
        self.needs = "needs" in self.reads
        self.converses = not self.reads.isdisjoint(CONVERSING)
        """A strategy looks at what conversation a request belongs to."""
        self.rare = self.reads & RARE
        """Fields of a sight to fill that few strategies read."""
        self._told = tuple(name for name in TELLING if name in self.reads)
        self._outcomes: dict[tuple[int | None, ...], tuple[Outcome, object]] = {}  # each with what the ids are of
        self.why = f"by {', then '.join(self.kinds)}"

    def among(self, targets: tuple[Target, ...]) -> Candidates:
        """Return the options of *targets* that are candidates here."""
        return self.options if len(targets) == len(self.options) else self.options.among(targets)

    def named(self, target: int) -> str:
        """Return the candidate whose name has the hash *target*; empty for that of another."""
        return self._named.get(target, "")

    @cached_property
    def _named(self) -> dict[int, str]:
        return {one.digest: one.name for one in self.options}

    def decide(
        self, sight: Sight, options: Sequence[Option], standing: Standing, chance: float
    ) -> tuple[tuple[Target, ...], Choice]:
        """Return what remains of *options*, best first, and why; raise ``NothingLeft`` where nothing does."""
        all_ = options if type(options) is Candidates else Candidates(options)
        rows: list[Row] = []
        outcome: Outcome | None = None
        first = None
        if self._unconditional and not sight.in_tool_loop:  # as nearly always, all are asked of all, and none goes
            known = True
            for weigh, filters in self._weighs:
                scores = weigh(sight, all_, standing, chance)
                rows.append(scores)
                if type(scores) is not Column:
                    known = False
                    if filters and None in scores:
                        break
                elif filters and not scores.whole:
                    break
            else:
                outcome = self._once(all_, rows) if known else outcome_of(all_, rows)
        if outcome is None:
            outcome, first = self._work_out(sight, all_, standing, chance, rows)
        seen = self._seen(sight, chance)
        choice = outcome.choice
        if choice is None or seen or first is not None:
            choice = Choice(
                by=self.kinds,
                settings=self.settings,
                targets=outcome.names,
                scores=outcome.scores,
                order=outcome.order,
                first=first,
                seen=seen,
                omitted=outcome.omitted,
            )
            if not seen and first is None:
                outcome.choice = choice
        return outcome.chosen, choice

    def _work_out(
        self, sight: Sight, all_: Candidates, standing: Standing, chance: float, begun: Sequence[Row]
    ) -> tuple[Outcome, int | None]:
        """Return what follows, and the row that counts before the others; *begun* are rows of all that are known."""
        left = all_
        rows: list[Row] = []
        asked: list[Candidates] = []  # whom each row is of
        ranks: list[Any] = []
        first = self.sticky if sight.in_tool_loop and sight.last else None
        known = True  # every score is one that is kept, so that what follows from them may be kept as well
        for row, strategy in enumerate(self.strategies):
            asked.append(left)
            if strategy.when is not None and not strategy.when.met(sight):
                rows.append(None)
                first = None if row == first else first
                continue
            scores = begun[row] if row < len(begun) and left is all_ else None
            if scores is None:
                scores = strategy.weigh(sight, left, standing, chance)
            rows.append(scores)
            known = known and type(scores) is Column
            if self._filters[row] and None in scores:
                column = scores if isinstance(scores, Column) else Column(scores)
                left = left.without(column)
                if not left:
                    raise NothingLeft(self.route, self.kinds[row], len(all_))
                ranks = [list(compress(rank, column.stays)) for rank in ranks]
                scores = column.left
            if row == first:
                ranks.insert(0, scores)
            else:
                ranks.append(scores)
        if known:
            return self._once(all_, rows, first, asked, left, ranks), first
        return outcome_of(all_, rows, asked, left, ranks), first

    def _once(
        self,
        options: Candidates,
        rows: Sequence[Row],
        first: int | None = None,
        asked: Sequence[Candidates] | None = None,
        left: Candidates | None = None,
        ranks: Any = None,
    ) -> Outcome:
        """Return the outcome of scores that are kept, worked out once; see :func:`outcome_of`."""
        if len(rows) < 3:  # as nearly always; for any length this takes three times as long
            key: tuple[int | None, ...] = (first, id(options), id(rows[0]), id(rows[-1]))
        else:
            key = (first, id(options), *map(id, rows))
        found = self._outcomes.get(key)
        if found is None:
            if len(self._outcomes) * len(options) >= KEPT:
                self._outcomes.clear()
            outcome = outcome_of(options, rows, asked, left, ranks)
            outcome.names, outcome.scores, outcome.order = (  # written once, for all their records
                msgspec.Raw(msgspec.json.encode(one)) for one in (outcome.names, outcome.scores, outcome.order)
            )
            found = self._outcomes[key] = (outcome, (options, rows))
        return found[0]

    def _seen(self, sight: Sight, chance: float) -> dict[str, Any]:
        seen: dict[str, Any] = {"chance": chance} if self._draws else {}
        if self._turns:
            seen["turn"] = sight.turn
        if self.counsels and sight.advice:
            seen["advice"] = {
                kind: sight.advice[id(one)]
                for kind, one in zip(self.kinds, self.strategies, strict=True)
                if id(one) in sight.advice
            }
        for name in self._told:
            if value := getattr(sight, name):
                seen[name] = value
        if sight.last:
            seen["last"] = sight.last
        if sight.in_tool_loop:
            seen["in_tool_loop"] = True
        return seen


def reads(strategy: Strategy) -> frozenset[str]:
    """Return what *strategy* and those inside it read."""
    return strategy.wants().union(*(reads(one) for one in strategy.inner()))


def option(
    target: Target, config: TargetConfig, place: int, facts: tuple[frozenset[str], frozenset[str], frozenset[str]]
) -> Option:
    """Return the candidate of *target*; *facts* are the regions, programmes and use cases that the registry knows."""
    price = target.price
    regions, programmes, use_cases = facts
    return Option(
        target=target,
        name=target.name,
        provider=target.provider.name,
        place=place,
        weight=config.weight,
        regions=frozenset((config.region,)) if config.region else regions,
        tags=frozenset((*config.tags, *programmes)),
        use_cases=use_cases,
        quality=config.quality,
        input=price.input if price else 0,
        output=price.output if price else 0,
        request=price.request if price else 0,
        cached=(price.input if price.cached is None else price.cached) if price else 0,
        flat=price is not None and not price.tiers,
        digest=name_digest(target.name),
    )


@lru_cache(4096)
def name_digest(name: str) -> int:
    """Return the digest of a deployment's name."""
    return digest(name.encode())


def digest(data: bytes) -> int:
    """Return 64 bits that *data* always gives."""
    return int.from_bytes(blake2b(data, digest_size=8).digest())
