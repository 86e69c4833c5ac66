"""Grants: the room in a budget that a process may give away by itself, because the store has already set it aside.

For each scope the store holds: spent (drained from journals) + granted (to all processes) <= cap. A charge moves from
granted to spent when it is drained, so neither the sum nor the truth depends on how far a journal has been read.
"""

from asyncio import Future
from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Protocol

import msgspec

from headgate.ledger.balances import Scope, fill, room_of, told_once, used
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

LEASE = 60_000_000
"""Microseconds. A dead process is known by its journal's lock; the lease ends grants whose journal is not there."""
NEAR = 64
"""With less than this many holds a process left in the store, a process gets what one hold needs."""
SHARE = 4
"""Else the room is cut into so many slices a process."""


class Answer(msgspec.Struct, frozen=True):
    """What the store said: ``granted`` just now; ``elsewhere`` is what others hold plus what was too little to give."""

    granted: int
    elsewhere: int
    ample: bool = False
    """Far more was left than was asked for: nobody waits for what was granted."""


class GrantStore(Protocol):
    """Where a process gets its room from. Amounts are in the scope's unit: nano-dollars, or tokens."""

    alone: bool
    """One process takes all the room at once; several take slices."""
    patience: int
    """Rounds of housekeeping for which room of an ample budget stays with a process that does not use it just now."""

    def take(self, scope: Scope, cap: int, need: int, least: int) -> Awaitable[Answer]:
        """Set room aside: *need* or more; all that is left if that is at least *least*; else nothing.

        Raise ``Unavailable`` (``storage_unavailable``).
        """
        ...

    def give(self, scope: Scope, amount: int) -> None:
        """Give room back; a negative amount is room used beyond what was granted. Soon, and for certain."""
        ...

    def offer(self, scope: Scope, amount: int, ended: Callable[[bool], object]) -> None:
        """Give idle room back if the store takes it now; *ended* is told whether it did. Else it is still ours."""
        ...

    def renew(self) -> None:
        """Say that this process is alive."""
        ...

    def spent(self, scope: Scope) -> Awaitable[int]:
        """Return what is spent in the scope's window, as far as journals have been read."""
        ...

    def first(self, scope: Scope, amount: int) -> Awaitable[bool]:
        """Whether nobody has asked this before of this scope, window and amount."""
        ...


def slice_of(room: int, need: int, least: int, workers: int) -> int:
    """Return how much of *room* one of *workers* processes is given.

    >>> [slice_of(room, 10, 5, 4) for room in (10_000, 2_000, 7, 3)]
    [620, 10, 7, 0]
    """
    if room < need:
        return room if room >= least else 0
    if workers == 1:
        return room
    if room < NEAR * workers * need:
        return need
    share = room // (SHARE * workers)
    return share - share % max(need, 1)  # whole holds: what is left over would lie idle


class SqlGrants:
    """:class:`GrantStore` on the database, for all processes that share it."""

    def __init__(
        self, desk: Desk, owner: str, workers: int, clock: Callable[[], int] = time_ns, patience: int = 2
    ) -> None:
        """*owner* is the id of this process's journal, *workers* the number of processes; *clock* gives nanoseconds."""
        self.alone = workers == 1
        self.patience = patience
        self._desk = desk
        self._owner = owner
        self.workers = workers
        self._clock = clock

    def take(self, scope: Scope, cap: int, need: int, least: int) -> Awaitable[Answer]:
        """See :class:`GrantStore`."""

        def work(sql: Sql) -> Answer:
            fill(sql, scope)
            room, others = room_of(sql, scope, cap, self._owner)
            granted = slice_of(room, need, least, self.workers)
            if granted > 0:
                self._credit(sql, scope, granted)
            ample = room >= NEAR * self.workers * need
            return Answer(max(granted, 0), others + max(room - granted, 0), ample)

        return self._desk.ask(work, lock=(scope.id, self._owner), late=lambda answer: self._too_late(scope, answer))

    def give(self, scope: Scope, amount: int) -> None:
        """See :class:`GrantStore`."""
        self._desk.tell(self._giving(scope, amount), lock=(scope.id, self._owner))

    def offer(self, scope: Scope, amount: int, ended: Callable[[bool], object]) -> None:
        """See :class:`GrantStore`."""

        def answered(done: "Future[None]") -> None:
            if done.exception() is None:
                ended(True)

        self._desk.ask(
            self._giving(scope, amount),
            lock=(scope.id, self._owner),
            late=lambda _: ended(True),
            never=lambda: ended(False),
        ).add_done_callback(answered)

    def renew(self) -> None:
        """See :class:`GrantStore`."""
        until = self._clock() // 1000 + LEASE
        self._desk.tell(
            lambda sql: sql.execute("UPDATE grants SET expires_at = ? WHERE owner = ?", (until, self._owner)),
            lock=(self._owner,),
        )

    def spent(self, scope: Scope) -> Awaitable[int]:
        """See :class:`GrantStore`."""

        def work(sql: Sql) -> int:
            fill(sql, scope)
            return used(sql, scope)

        return self._desk.ask(work, lock=(scope.id,))

    def first(self, scope: Scope, amount: int) -> Awaitable[bool]:
        """See :class:`GrantStore`."""
        return self._desk.ask(lambda sql: told_once(sql, scope, amount), lock=(scope.id,))

    def _giving(self, scope: Scope, amount: int) -> Callable[[Sql], None]:
        def work(sql: Sql) -> None:
            self._credit(sql, scope, -amount)
            sql.execute("DELETE FROM grants WHERE owner = ? AND amount = 0", (self._owner,))

        return work

    def _credit(self, sql: Sql, scope: Scope, amount: int) -> None:
        """Change what this process was granted."""
        until = self._clock() // 1000 + LEASE
        sql.execute(CREDIT, (self._owner, scope.id, scope.period, scope.start, amount, until))

    def _too_late(self, scope: Scope, answer: Answer) -> None:
        """Nobody waited for it any more."""
        if answer.granted:
            self.give(scope, answer.granted)


CREDIT = """INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (scope, period, start, owner) DO UPDATE SET amount = grants.amount + excluded.amount,
        expires_at = CASE WHEN grants.expires_at > excluded.expires_at
            THEN grants.expires_at ELSE excluded.expires_at END"""
