"""Tokens per minute where several processes share a store: a meter over its rows."""

from collections.abc import Callable
from time import monotonic_ns

from headgate.limits.gcra import SECOND, Rule, full_in, left, taken, wait
from headgate.limits.rates import Claim, give, slice_units, states_of, write
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

NAME = "tpm"
FRESH = SECOND // 20
"""Nanoseconds for which the store's last answer stands."""


class SharedMeter:
    """:class:`headgate.ledger.meters.Meter` of one of several processes.

    Near the limit a call takes what it needs and no more; what its end gives back goes to the store at once, but for a
    slice of at most its share of 1 percent.
    """

    __slots__ = (
        "_ahead",
        "_asked",
        "_clock",
        "_desk",
        "_exhausted",
        "_scope",
        "_slice",
        "_still",
        "_stock",
        "_tat",
        "_ticks",
        "_workers",
        "limit",
        "rule",
    )

    def __init__(
        self, desk: Desk, workers: int, scope: str, limit: int, clock: Callable[[], int] | None = None
    ) -> None:
        """*workers* is the number of processes; *clock* gives nanoseconds, the store's own by default."""
        self._desk = desk
        self._scope = scope
        self._workers = workers
        self._clock = clock or monotonic_ns
        self._ticks: Callable[[Sql], int] = (lambda sql: clock()) if clock is not None else (lambda sql: sql.ticks())
        self._ahead = 0
        """Nanoseconds by which the store's clock is ahead of this machine's, as last seen."""
        self._stock = self._tat = self._still = 0
        self._asked = -FRESH
        self._exhausted = False
        self._set(limit)

    def _set(self, limit: int) -> None:
        self.limit = limit
        self._slice = slice_units(limit, self._workers)
        rule = Rule.of(limit, 60)
        self.rule = rule.reduced(self._slice * self._workers) if self._slice > 1 else rule

    def room(self) -> int:
        """See :class:`headgate.ledger.meters.Meter`: what has been taken from the store and is not used."""
        return self._stock

    def take(self, tokens: int) -> None:
        """See :class:`headgate.ledger.meters.Meter`."""
        self._stock -= tokens
        self._still = 0

    def give(self, tokens: int) -> None:
        """See :class:`headgate.ledger.meters.Meter`."""
        self._stock += tokens
        if self._stock > self._slice:
            self._give_back(self._stock - self._slice)
        elif self._stock < 0:
            self._give_back(self._stock)

    def wait(self, tokens: int) -> int:
        """See :class:`headgate.ledger.meters.Meter`: by the store's last answer."""
        return wait(self.rule, self._tat, self._clock() + self._ahead, max(tokens - self._stock, 0))

    def reset(self) -> int:
        """See :class:`headgate.ledger.meters.Meter`."""
        return full_in(self.rule, self._tat, self._clock() + self._ahead)

    async def fetch(self, need: int, least: int) -> None:
        """See :class:`headgate.ledger.meters.Meter`."""
        scope, rule, stock, more = self._scope, self.rule, self._stock, self._slice

        def work(sql: Sql) -> tuple[int, int, int]:
            now = self._ticks(sql)
            (tat,) = states_of(sql, [Claim(scope, NAME, rule, 0, 0)], now)
            there = max(left(rule, tat, now), 0)
            units = min(max(need - stock, more), there) if there + stock >= least else 0
            if units > 0:
                tat = taken(rule, tat, now, units)
                write(sql, [(scope, NAME, rule, tat)])
            return max(units, 0), tat, now

        answer = await self._desk.ask(work, lock=(scope,), late=self._learn)
        self._learn(answer)
        self._exhausted = answer[0] < need - stock
        self._asked = self._clock()

    def _learn(self, answer: tuple[int, int, int]) -> None:
        units, self._tat, at = answer
        self._ahead = at - self._clock()
        self._stock += units

    def known(self) -> bool:
        """See :class:`headgate.ledger.meters.Meter`."""
        return self._exhausted and self._clock() - self._asked < FRESH

    def follow(self, limit: int) -> None:
        """See :class:`headgate.ledger.meters.Meter`."""
        self._give_back(self._stock)
        self._set(limit)
        self._exhausted = False

    def rest(self) -> None:
        """See :class:`headgate.ledger.meters.Meter`."""
        self._still += 1
        if self._still >= 2 and self._stock > 0:
            self._give_back(self._stock)

    def idle(self) -> bool:
        """See :class:`headgate.ledger.meters.Meter`."""
        return self._stock == 0

    def _give_back(self, tokens: int) -> None:
        scope, rule = self._scope, self.rule
        self._stock -= tokens
        if tokens:
            self._desk.tell(lambda sql: give(sql, [(scope, NAME, rule, tokens)], self._ticks(sql)), lock=(scope,))
