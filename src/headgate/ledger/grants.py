"""Grants: the room in a budget that a process may give away by itself, because the store has already set it aside.

For each scope the store holds: spent (drained from journals) + granted (to all processes) <= cap. A charge moves from
granted to spent when it is drained, so neither the sum nor the truth depends on how far a journal has been read.
"""

from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Protocol

import msgspec

from headgate.access.types import Window
from headgate.ledger.windows import HOUR
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

LEASE = 60_000_000
"""Microseconds. A dead process is known by its journal's lock; the lease ends grants whose journal is not there."""
NEAR = 64
"""With less than this many holds a process left in the store, a process gets what one hold needs."""
SHARE = 4
"""Else the room is cut into so many slices a process."""


class Scope(msgspec.Struct, frozen=True):
    """One subject's budget in one window: ``id`` is the key's, ``start`` and ``end`` are instants."""

    id: str
    window: Window
    start: int
    end: int

    @property
    def period(self) -> str:
        """The window in one letter, as journal lines and the store have it."""
        return self.window[0]


class Answer(msgspec.Struct, frozen=True):
    """What the store said: ``granted`` just now; ``elsewhere`` is what others hold plus what was too little to give."""

    granted: int
    elsewhere: int


class GrantStore(Protocol):
    """Where a process gets its room from."""

    alone: bool
    """One process takes all the room at once; several take slices."""

    def take(self, scope: Scope, cap: int, need: int, least: int) -> Awaitable[Answer]:
        """Set room aside: *need* or more; all that is left if that is at least *least*; else nothing.

        Raise ``Unavailable`` (``storage_unavailable``).
        """
        ...

    def give(self, scope: Scope, nano: int) -> None:
        """Give room back; a negative amount is room used beyond what was granted. Soon, and for certain."""
        ...

    def renew(self) -> None:
        """Say that this process is alive."""
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
    """:class:`GrantStore` on the embedded database, for all processes of one home."""

    def __init__(self, desk: Desk, owner: str, workers: int, clock: Callable[[], int] = time_ns) -> None:
        """*owner* is the id of this process's journal, *workers* the number of processes; *clock* gives nanoseconds."""
        self.alone = workers == 1
        self._desk = desk
        self._owner = owner
        self._workers = workers
        self._clock = clock

    def take(self, scope: Scope, cap: int, need: int, least: int) -> Awaitable[Answer]:
        """See :class:`GrantStore`."""
        until = self._clock() // 1000 + LEASE

        def work(sql: Sql) -> Answer:
            room, others = room_of(sql, scope, cap, self._owner)
            granted = slice_of(room, need, least, self._workers)
            if granted > 0:
                credit(sql, self._owner, scope, granted, until)
            return Answer(max(granted, 0), others + max(room - granted, 0))

        return self._desk.ask(work)

    def give(self, scope: Scope, nano: int) -> None:
        """See :class:`GrantStore`."""
        until = self._clock() // 1000 + LEASE

        def work(sql: Sql) -> None:
            credit(sql, self._owner, scope, -nano, until)
            sql.execute("DELETE FROM grants WHERE owner = ? AND amount = 0", (self._owner,))

        self._desk.tell(work)

    def renew(self) -> None:
        """See :class:`GrantStore`."""
        until = self._clock() // 1000 + LEASE
        self._desk.tell(
            lambda sql: sql.execute("UPDATE grants SET expires_at = ? WHERE owner = ?", (until, self._owner))
        )


def room_of(sql: Sql, scope: Scope, cap: int, owner: str) -> tuple[int, int]:
    """Return what is neither spent nor granted (negative where the cap was lowered), and what others were granted."""
    (spent,) = sql.execute(
        "SELECT COALESCE(SUM(nano), 0) FROM balances WHERE scope = ? AND hour >= ? AND hour < ?",
        (scope.id, scope.start // HOUR, scope.end // HOUR),
    ).fetchone()
    granted, others = sql.execute(
        "SELECT COALESCE(SUM(MAX(amount, 0)), 0), COALESCE(SUM(CASE WHEN owner <> ? THEN MAX(amount, 0) END), 0)"
        " FROM grants WHERE scope = ? AND period = ? AND start = ?",
        (owner, scope.id, scope.period, scope.start),
    ).fetchone()
    return cap - spent - granted, others


def credit(sql: Sql, owner: str, scope: Scope, nano: int, until: int) -> None:
    """Change what *owner* was granted by *nano*."""
    sql.execute(CREDIT, (owner, scope.id, scope.period, scope.start, nano, until))


CREDIT = """INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (scope, period, start, owner)
    DO UPDATE SET amount = amount + excluded.amount, expires_at = MAX(expires_at, excluded.expires_at)"""
