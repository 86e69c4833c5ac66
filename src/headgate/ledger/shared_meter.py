"""Tokens per minute where several processes share a store: a meter over its rows."""

from collections.abc import Callable
from time import monotonic_ns

from headgate.limits.gcra import SECOND, Rule, full_in, wait
from headgate.limits.rates import Claim, Granted, Refused, slice_units
from headgate.limits.store import RateStore

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
        "_exhausted",
        "_limit",
        "_processes",
        "_scope",
        "_slice",
        "_still",
        "_stock",
        "_store",
        "_tat",
        "limit",
        "rule",
    )

    def __init__(self, store: RateStore, scope: str, limit: int, clock: Callable[[], int] = monotonic_ns) -> None:
        """*clock* gives monotonic nanoseconds."""
        self._store = store
        self._scope = scope
        self._clock = clock
        self._ahead = 0
        """Nanoseconds by which the store's clock is ahead of this machine's, as last seen."""
        self._stock = self._tat = self._still = 0
        self._asked = -FRESH
        self._exhausted = False
        self._set(limit)

    def _set(self, limit: int) -> None:
        self.limit = limit
        self._limit, self._processes = limit, self._store.processes
        self._slice = slice_units(limit, self._processes)
        rule = Rule.of(limit, 60)
        self.rule = rule.reduced(self._slice * self._processes) if self._slice > 1 else rule

    def room(self) -> int:
        """See :class:`headgate.ledger.meters.Meter`: what has been taken from the store and is not used."""
        return self._stock

    def take(self, tokens: int) -> bool:
        """See :class:`headgate.ledger.meters.Meter`."""
        if self._stock < tokens:
            return False
        self._stock -= tokens
        self._still = 0
        return True

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
        if self._store.processes != self._processes:
            self.follow(self._limit)
        short, floor = need - self._stock, max(least - self._stock, 0)
        claim = Claim(self._scope, NAME, self.rule, floor, max(short, self._slice))
        units = self._learn(await self._store.take([claim], [], self._learn))
        self._exhausted = units < short
        self._asked = self._clock()

    def _learn(self, found: Granted | Refused) -> int:
        """Take over what the store gave; return how much that was."""
        self._ahead = found.at - self._clock()
        if isinstance(found, Refused):
            self._tat = found.tat
            return 0
        self._tat, units = found.tats[0], found.units[0]
        self._stock += units
        return units

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
        self._stock -= tokens
        if tokens:
            self._store.give([(self._scope, NAME, self.rule, tokens)], [])
