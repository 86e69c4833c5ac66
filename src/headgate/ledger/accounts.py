"""What a process keeps in memory of budgets: the room it was granted, and what of it is held. Shared by all callers."""

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.ledger.balances import Scope
from headgate.ledger.grants import Answer, GrantStore
from headgate.ledger.meters import LocalMeter, Meter
from headgate.ledger.types import Ask
from headgate.limits.bound import Bound

if TYPE_CHECKING:
    from headgate.ledger.soft import Soft

FRESH = 0.05
"""Seconds for which the store's last answer stands: asking more often tells little and costs the others their turn."""
FRESH_ALONE = 1.0
"""The same where nothing can have changed but by an administrator's hand."""
UNASKED = -1e9
UNTAKEN = -20
"""Rounds of housekeeping more before room is offered again that the store did not take."""
NO_SCOPES = msgspec.Raw(b"[]")


# What is kept of every caller is not tracked by the garbage collector, which would stop the loop to walk it all; and
# what every call looks at comes first, in as few lines of the processor's cache as can be.


class Account(msgspec.Struct, gc=False, eq=False, kw_only=True):
    """One budget in one window. ``free`` + ``held`` is granted to this process and not charged yet."""

    tokens: bool = False
    """Its unit is not money."""
    free: int = 0
    """Below zero after a charge above its hold, until the store has set that aside too."""
    held: int = 0
    line: Any = None
    """Who waits for its room: a ``waiting.Line``, while there is one."""
    retired: bool = False
    """Its window or its budget is over; what comes back of its holds goes straight to the store."""
    still: int = 0
    """Rounds of housekeeping in which nothing moved."""
    offered: int = 0
    """On its way back to the store, which may not take it."""
    scope: Scope
    cap: int
    name: str = ""
    """Whose it is, in words; empty where it is the caller's own."""
    elsewhere: int = 0
    """What other processes hold, and what the store had left, as of ``asked``."""
    asked: float = UNASKED
    ample: bool = False
    """The store had far more than was asked for."""
    exhausted: bool = False
    """The store had less than it was asked for, or gave its last."""

    def __post_init__(self) -> None:
        self.tokens = self.scope.unit == "tokens"

    def known(self, alone: bool, now: float) -> bool:
        """Whether the store need not be asked: all room is here, or it has just answered."""
        return self.exhausted and now - self.asked < (FRESH_ALONE if alone and self.elsewhere == 0 else FRESH)

    def learn(self, answer: Answer, need: int) -> None:
        """Take over what the store said, asked for *need*."""
        self.free += answer.granted
        self.exhausted = answer.granted < need or answer.elsewhere == 0
        self.elsewhere = answer.elsewhere
        self.ample = answer.ample
        self.asked = monotonic()

    def settle_up(self, store: GrantStore) -> None:
        """Give all free room back to the store, or owe it what was used beyond."""
        if self.free:
            store.give(self.scope, self.free)
            self.free = 0

    def offer(self, store: GrantStore) -> None:
        """Give free room back if the store takes it. While that is away nobody else could have it, and it stays."""
        self.offered, self.free = self.free, 0
        self.exhausted = False
        store.offer(self.scope, self.offered, partial(self._answered, store))

    def _answered(self, store: GrantStore, taken: bool) -> None:
        amount, self.offered = self.offered, 0
        if not taken:
            self.free += amount
            self.still = UNTAKEN
            if self.retired:
                self.settle_up(store)

    @property
    def used(self) -> int:
        """What is spent of the budget, as far as this process knows."""
        return max(self.cap - self.free - self.held - self.offered - self.elsewhere, 0)


class Metered(msgspec.Struct, frozen=True, gc=False):
    """Tokens per minute of one scope."""

    bound: Bound
    meter: Meter
    target: bool = False
    """It is a model's or a provider's: another target may have room."""


class Needs(msgspec.Struct, gc=False, eq=False, kw_only=True):
    """All that a call must fit into: accounts and tokens per minute; and the soft budgets that it counts for."""

    accounts: tuple[Account, ...] = ()
    meters: tuple[Meter, ...] = ()
    local: tuple[LocalMeter, ...] = ()
    """The same, where all of them are of this process alone."""
    softs: "tuple[Soft, ...]" = ()
    scopes: msgspec.Raw = NO_SCOPES
    """The accounts' scopes and windows, as journal lines name them; those of soft budgets without a window."""
    base: "Needs | None" = None
    """What every call of this caller must fit into, where this one has more to fit into."""
    money: bool = False
    """A price must be known."""
    metered: tuple[Metered, ...] = ()

    def __post_init__(self) -> None:
        self.meters = tuple([one.meter for one in self.metered])
        local = tuple([one for one in self.meters if isinstance(one, LocalMeter)])
        self.local = local if len(local) == len(self.meters) else ()
        self.money = any(not account.tokens for account in self.accounts)
        named = [(one.scope.id, one.scope.period, one.scope.start) for one in self.accounts]
        named += [(one.scope.id, "", 0) for one in self.softs]
        self.scopes = msgspec.Raw(msgspec.json.encode(named))

    def same(self, other: "Needs") -> bool:
        """Whether the other one names the same accounts, meters and soft budgets."""
        return self.accounts == other.accounts and self.metered == other.metered and self.softs == other.softs

    def fitting(self, ask: Ask) -> int:
        """Return the longest answer that fits into the room of this moment, up to what is asked for."""
        output = ask.output_tokens
        for account in self.accounts:
            if account.tokens:
                output = min(output, account.free - ask.input_tokens)
            elif ask.price is not None:
                output = min(output, ask.price.affordable(ask.input_tokens, account.free, ask.most))
        for meter in self.meters:
            output = min(output, meter.room() - ask.input_tokens)
        return output

    def known(self, nano: int, tokens: int, alone: bool) -> bool:
        """Whether what is short here is known to be short in the store as well."""
        now = monotonic()
        for meter in self.meters:
            if meter.room() < tokens and not meter.known():
                return False
        for account in self.accounts:
            if account.free < (tokens if account.tokens else nano) and not account.known(alone, now):
                return False
        return True


NOTHING = Needs()


def worst(ask: Ask, output: int) -> int:
    """Return the most that a call with such an answer can cost; nothing where it has no price."""
    return ask.price.bound(ask.input_tokens, output, ask.most) if ask.price is not None else 0


def amounts(ask: Ask, output: int) -> tuple[int, int]:
    """Return nano-dollars and tokens of a call with such an answer."""
    return worst(ask, output), ask.input_tokens + output


def least_output(ask: Ask) -> int:
    """Return the shortest answer that the call can be given."""
    return min(max(ask.min_output, 1), ask.output_tokens) if ask.clamp else ask.output_tokens
