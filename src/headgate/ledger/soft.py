"""Soft budgets: they refuse nothing; that one was passed is told, once for each of its windows."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from headgate.access.types import Budget
from headgate.ledger.balances import Scope
from headgate.ledger.grants import GrantStore

REFRESH_SECONDS = 1.0
"""How often others' spending is asked for, where there are others."""
OnSoft = Callable[[Budget, int], None]
"""Told of a soft budget that was passed, and of what is used of it."""


class Soft:
    """One soft budget in one window."""

    __slots__ = ("_asked", "_asking", "_on_soft", "_store", "budget", "scope", "still", "told", "used")

    def __init__(self, budget: Budget, scope: Scope, store: GrantStore, on_soft: OnSoft) -> None:
        self.budget = budget
        self.scope = scope
        self.used = 0
        """What is spent, as far as this process knows."""
        self.told = False
        self.still = 0
        self._store = store
        self._on_soft = on_soft
        self._asking: asyncio.Future[Any] | None = None
        self._asked = -1e9

    def look(self) -> None:
        """Ask the store what was spent, if that has not been done lately."""
        fresh = float("inf") if self._store.alone and self._asked > 0 else REFRESH_SECONDS
        if self._asking is None and not self.told and monotonic() - self._asked >= fresh:
            self._ask(self._store.spent(self.scope), self._learn)

    def charge(self, amount: int) -> bool:
        """Count what a call has cost; whether the budget was passed with it, as this process sees it."""
        before = self.used
        self.used += amount
        self.still = 0
        if self._asked < 0 or self.used <= self.budget.amount:
            return False
        self._tell()
        return before <= self.budget.amount

    def _learn(self, spent: int) -> None:
        self.used = max(self.used, spent) if self._asked > 0 else self.used + spent
        self._asked = monotonic()
        if self.used > self.budget.amount:
            self._tell()

    def _tell(self) -> None:
        if not self.told and self._asking is None:
            self.told = True
            self._ask(self._store.first(self.scope, self.budget.amount), self._answered)

    def _answered(self, first: bool) -> None:
        if first:
            self._on_soft(self.budget, self.used)

    def _ask(self, asked: Awaitable[Any], learn: Callable[[Any], None]) -> None:
        """Call *learn* with the answer. Where the store has none, the next charge asks again."""

        def done(answer: asyncio.Future[Any]) -> None:
            self._asking = None
            if answer.cancelled() or answer.exception() is not None:
                self.told = False
            else:
                learn(answer.result())

        self._asking = asyncio.ensure_future(asked)
        self._asking.add_done_callback(done)
