"""Shared limits in the rows of a database server, and in each process's part of them while it does not answer."""

import asyncio
from asyncio import Future
from collections.abc import Callable
from time import monotonic, monotonic_ns

from headgate.core.errors import Unavailable
from headgate.limits.fallback import Memory, Parts, Unused, given_back, used_alone
from headgate.limits.rates import Claim, Granted, Places, Refused, hold_places
from headgate.limits.store import SqlRates
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

LOOK_SECONDS = 0.25
"""How often is looked whether the server is back: without a call as well, as it must be told what this process has."""
SETTLE_SECONDS = 3.0
"""From the server's return to the first admission by it: by then every process has told what it used meanwhile."""


class ServerRates:
    """:class:`headgate.limits.store.RateStore` over a database server. Never unavailable."""

    def __init__(self, desk: Desk, owner: str, processes: int, clock: Callable[[], int] = monotonic_ns) -> None:
        """*owner* is the id of this process's journal; *clock* gives this machine's monotonic nanoseconds."""
        self.processes = processes
        self._desk = desk
        self._owner = owner
        self._clock = clock
        self._rows = SqlRates(desk, owner, processes)
        self._memory = Memory()
        self._touched: set[str] = set()
        """Scopes whose places the server may have wrong."""
        self._parts: Parts | None = None
        self._settled_at: float | None = None

    @property
    def up(self) -> bool:
        """Whether limits are taken from the server."""
        return self._parts is None

    def take(
        self, claims: list[Claim], places: list[Places], late: Callable[[Granted | Refused], object]
    ) -> "Future[Granted | Refused]":
        """See :class:`headgate.limits.store.RateStore`."""
        answer: Future[Granted | Refused] = asyncio.get_running_loop().create_future()
        if self._alone():
            answer.set_result(self._from_parts(claims, places))
            return answer

        def came(done: "Future[Granted | Refused]") -> None:
            if isinstance(done.exception(), Unavailable):
                self._fall()
                found = self._from_parts(claims, places)
            else:
                found = self._seen(claims, places, done.result())
            if not answer.done():
                answer.set_result(found)
            elif isinstance(found, Granted):  # the caller was taken away while it was asked for
                self.give(*given_back(claims, places, found))

        self._rows.take(claims, places, lambda found: self._came_late(claims, places, found)).add_done_callback(came)
        return answer

    def give(self, units: list[Unused], places: list[tuple[str, int]]) -> None:
        """See :class:`headgate.limits.store.RateStore`."""
        for scope, count in places:
            self._memory.hold(scope, -count)
        if self._parts is not None:
            self._touched.update(scope for scope, _ in places)
            for scope, name, _, count in units:
                self._parts.give(scope, name, count)
            if self._settled_at is None:
                return  # all that was used is told when the server is back
            places = []
        self._rows.give(units, places)

    def _alone(self) -> bool:
        """Whether to go by this process's part: until the server is back, and has been told all that was used."""
        if self._parts is None:
            return False
        if self._desk.failing_since is not None:
            self._settled_at = None
        elif self._settled_at is None:
            self._settled_at = monotonic() + SETTLE_SECONDS
            self._tell(self._parts)
        elif monotonic() >= self._settled_at:
            self._tell_places()
            self._parts = self._settled_at = None
            return False
        return True

    def _fall(self) -> None:
        if self._parts is None:
            self._parts = self._memory.parts(self.processes)
            self._desk.tell(lambda sql: sql.execute("SELECT 1"))  # tried until it works: then the server is back
            self._look_later()

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, lambda: self._look_later() if self._alone() else None)

    def _from_parts(self, claims: list[Claim], places: list[Places]) -> Granted | Refused:
        assert self._parts is not None
        found = self._parts.take(claims, places, self._clock())
        if isinstance(found, Granted):
            self._memory.hold_all(places, found)
            self._touched.update(place.scope for place in places)
            if self._settled_at is not None:
                self._rows.give(used_alone(claims, found), [])
        return found

    def _came_late(self, claims: list[Claim], places: list[Places], found: Granted | Refused) -> None:
        """Give back what nobody waited for any more."""
        if isinstance(found, Granted):
            self._rows.give(*given_back(claims, places, found))

    def _seen(self, claims: list[Claim], places: list[Places], found: Granted | Refused) -> Granted | Refused:
        """Note what the server said, and say it by this machine's clock."""
        now = self._clock()
        if isinstance(found, Refused):
            claim = next((c for c in claims if (c.scope, c.name) == (found.scope, found.name)), None)
            tat = 0 if claim is None else self._note(claim, found.tat, found.at, now)
            return Refused(now, found.scope, found.name, tat)
        self._memory.hold_all(places, found)
        tats = [self._note(claim, tat, found.at, now) for claim, tat in zip(claims, found.tats, strict=True)]
        return Granted(now, found.units, tats, found.places)

    def _note(self, claim: Claim, tat: int, at: int, now: int) -> int:
        return self._memory.note(claim, tat + (now - at) * claim.rule.scale)

    def _tell(self, parts: Parts) -> None:
        """Tell the server what was used while it was away."""
        used = parts.used(self._clock(), all_of_it=False)
        if used:
            self._rows.give([(scope, name, rule, -units) for scope, name, rule, units in used], [])
        self._tell_places()

    def _tell_places(self) -> None:
        places = [(scope, self._memory.held.get(scope, 0)) for scope in sorted(self._touched)]
        self._touched.clear()

        def work(sql: Sql) -> None:
            hold_places(sql, self._owner, places)

        if places:
            self._desk.tell(work, lock={scope for scope, _ in places})
