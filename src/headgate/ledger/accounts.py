"""What a process keeps in memory of a caller's budgets: the room it was granted, and what of it is held."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from headgate.access.types import Principal
from headgate.ledger.grants import Answer, GrantStore, Scope
from headgate.ledger.meters import Meter
from headgate.ledger.types import Ask, Hold
from headgate.ledger.windows import FOR_EVER, bounds

FRESH = 0.05
"""Seconds for which the store's last answer stands: asking more often tells little and costs the others their turn."""
FRESH_ALONE = 1.0
"""The same where nothing can have changed but by an administrator's hand."""
UNASKED = -1e9

Waiter = tuple[Ask, "asyncio.Future[Hold]"]


class Account:
    """One budget in one window. ``free`` + ``held`` is granted to this process and not charged yet."""

    __slots__ = ("asked", "cap", "elsewhere", "exhausted", "free", "held", "retired", "scope", "still")

    def __init__(self, scope: Scope, cap: int) -> None:
        self.scope = scope
        self.cap = cap
        self.free = 0
        """Below zero after a charge above its hold, until the store has set that aside too."""
        self.held = 0
        self.elsewhere = 0
        """What other processes hold, and what the store had left, as of ``asked``."""
        self.asked = UNASKED
        self.exhausted = False
        """The store had less than it was asked for, or gave its last."""
        self.retired = False
        """Its window or its budget is over; what comes back of its holds goes straight to the store."""
        self.still = 0
        """Rounds of housekeeping in which nothing moved."""

    def known(self, alone: bool, now: float) -> bool:
        """Whether the store need not be asked: all room is here, or it has just answered."""
        return self.exhausted and now - self.asked < (FRESH_ALONE if alone and self.elsewhere == 0 else FRESH)

    def learn(self, answer: Answer, need: int) -> None:
        """Take over what the store said, asked for *need*."""
        self.free += answer.granted
        self.exhausted = answer.granted < need or answer.elsewhere == 0
        self.elsewhere = answer.elsewhere
        self.asked = monotonic()

    def settle_up(self, store: GrantStore) -> None:
        """Give all free room back to the store, or owe it what was used beyond."""
        if self.free:
            store.give(self.scope, self.free)
            self.free = 0

    @property
    def used(self) -> int:
        """What is spent of the budget, as far as this process knows."""
        return max(self.cap - self.free - self.held - self.elsewhere, 0)


Taken = tuple["Purse", tuple[Account, ...], "Meter | None", str]
"""What a hold has taken: whose purse, from which accounts and meter, and the windows whose grants cover it."""


class Purse:
    """All that one caller's calls must fit into: its budgets' accounts and its tokens per minute."""

    __slots__ = ("accounts", "freed", "meter", "periods", "queue", "task", "until", "who")

    def __init__(self, who: Principal) -> None:
        self.who = who
        self.accounts: tuple[Account, ...] = ()
        self.periods = ""
        """The windows of its accounts, by first letter."""
        self.until = 0
        """Microseconds since 1970: the end of the first window to end."""
        self.meter: Meter | None = None
        self.queue: deque[Waiter] = deque()
        self.freed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def idle(self) -> bool:
        """Whether it can be forgotten: nothing held, nothing granted, nobody waiting."""
        quiet = all(account.free == 0 and account.held == 0 for account in self.accounts)
        return quiet and not self.queue and (self.meter is None or self.meter.idle())

    def fitting(self, ask: Ask) -> int:
        """Return the longest answer that fits into the room of this moment, up to what is asked for."""
        output = ask.output_tokens
        if ask.price is not None:
            for account in self.accounts:
                output = min(output, ask.price.affordable(ask.input_tokens, account.free, ask.most))
        if self.meter is not None:
            output = min(output, self.meter.room() - ask.input_tokens)
        return output

    def known(self, nano: int, tokens: int, alone: bool) -> bool:
        """Whether what is short here is known to be short in the store as well."""
        now = monotonic()
        if self.meter is not None and self.meter.room() < tokens and not self.meter.known():
            return False
        return all(account.free >= nano or account.known(alone, now) for account in self.accounts)

    def follow(self, who: Principal, now: int, store: GrantStore, meter: Callable[[str, int], Meter]) -> None:
        """Bring it up to date with its caller's budgets and limits and with the calendar.

        An account whose cap has changed is retired: what its holds give back goes to the store, which knows the cap.
        """
        caps: dict[Scope, int] = {}
        for budget in who.budgets:
            scope = Scope(who.id, budget.window, *bounds(budget.window, now))
            caps[scope] = min(budget.amount, caps.get(scope, budget.amount))
        kept = {account.scope: account for account in self.accounts if caps.get(account.scope) == account.cap}
        for account in self.accounts:
            if account.scope not in kept:
                account.retired = True
                account.settle_up(store)
        self.accounts = tuple(kept.get(scope) or Account(scope, cap) for scope, cap in caps.items())
        self.periods = "".join(scope.period for scope in caps)
        self.until = min((scope.end for scope in caps), default=FOR_EVER)
        limit = who.limits.tpm
        if limit is None:
            self.meter = None
        elif self.meter is None:
            self.meter = meter(who.id, limit)
        elif self.who.limits.tpm != limit:
            self.meter.follow(limit)
        self.who = who


def worst(ask: Ask, output: int) -> int:
    """Return the most that a call with such an answer can cost; nothing where it has no price."""
    return ask.price.bound(ask.input_tokens, output, ask.most) if ask.price is not None else 0


def least_output(ask: Ask) -> int:
    """Return the shortest answer that the call can be given."""
    return min(max(ask.min_output, 1), ask.output_tokens) if ask.clamp else ask.output_tokens
