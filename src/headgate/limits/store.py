"""Where processes that share limits take their slices from: a port, and the rows of the database behind it."""

from asyncio import Future
from collections.abc import Callable
from typing import Protocol

from headgate.limits.fallback import Unused
from headgate.limits.rates import Claim, Granted, Places, Refused, give, return_places, take
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql


class RateStore(Protocol):
    """The store as one process sees it."""

    processes: int
    """How many share it, as far as is known: all slices out together are 1 percent of a limit at most."""

    def take(
        self, claims: list[Claim], places: list[Places], late: Callable[[Granted | Refused], object]
    ) -> "Future[Granted | Refused]":
        """Take all of it or nothing. Raise ``Unavailable`` (``storage_unavailable``) where that cannot be said.

        *late* is called with an answer that comes after the future was given up.
        """
        ...

    def give(self, units: list[Unused], places: list[tuple[str, int]]) -> None:
        """Give unused units, and places by scope, back: soon, and for certain."""
        ...


class SqlRates:
    """:class:`RateStore` over the database."""

    def __init__(self, desk: Desk, owner: str, processes: int, clock: Callable[[], int] | None = None) -> None:
        """*owner* is the id of this process's journal; *clock* gives nanoseconds, the store's own by default."""
        self.processes = processes
        self._desk = desk
        self._owner = owner
        self._ticks: Callable[[Sql], int] = (lambda sql: clock()) if clock is not None else (lambda sql: sql.ticks())

    def take(
        self, claims: list[Claim], places: list[Places], late: Callable[[Granted | Refused], object]
    ) -> "Future[Granted | Refused]":
        """See :class:`RateStore`."""
        names = {claim.scope for claim in claims} | {place.scope for place in places}
        return self._desk.ask(
            lambda sql: take(sql, self._owner, claims, places, self._ticks(sql)), lock=names, late=late
        )

    def give(self, units: list[Unused], places: list[tuple[str, int]]) -> None:
        """See :class:`RateStore`."""

        def work(sql: Sql) -> None:
            if units:
                give(sql, units, self._ticks(sql))
            return_places(sql, self._owner, places)

        self._desk.tell(work, lock={scope for scope, *_ in units} | {scope for scope, _ in places})
