"""Sums that everybody looks at: written with the calls they count, or a moment later for very many calls at once.

A row of sums costs as much for one call as for a thousand, and a call counts in some forty. How far each journal is in
the sums stands in the database, in the transaction that wrote them: what was stored and not yet counted when a process
ended is read from its journal again, which stays until then.
"""

import logging
from collections.abc import Sequence

from headgate.observe.cache_sums import CacheSums
from headgate.observe.error_groups import ErrorGroups
from headgate.observe.facts import Facts
from headgate.observe.views import Views
from headgate.storage.sql import BadValue, Sql

log = logging.getLogger("headgate.ledger")
VIEWED = "UPDATE journals SET viewed = ? WHERE id = ?"


class Viewing:
    """The drainer's own; one thread at a time."""

    def __init__(self, node: str = "") -> None:
        """*node* is the name of the home among those that share the database."""
        self.unseen = 0
        """Calls that could not be counted."""
        self._views, self._errors, self._caches = Views(node), ErrorGroups(node), CacheSums(node)
        self._waiting: list[Facts] = []
        self._reached: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        """Calls that are stored and in no sum yet."""
        return len(self._waiting)

    @property
    def behind(self) -> bool:
        """Whether the sums are not where the journals are."""
        return bool(self._reached)

    def wait(self, journal: str, position: int, new: Sequence[Facts]) -> None:
        """Keep *new*, with which everything of *journal* before *position* is stored, to be counted later."""
        self._waiting += new
        self._reached[journal] = position

    def write(self, sql: Sql, new: Sequence[Facts] = ()) -> None:
        """Count what waits and *new* inside a transaction; call :meth:`done` once it is committed."""
        self._add(sql, [*self._waiting, *new])
        sql.executemany(VIEWED, [(position, journal) for journal, position in self._reached.items()])

    def write_singly(self, sql: Sql, new: Sequence[Facts] = ()) -> None:
        """Do the same, leaving out what the database cannot hold: calls and money are stored all the same."""
        for some in ([*self._waiting], [*new]):
            if not self._possible(sql, some):
                for one in some:
                    if not self._possible(sql, [one]):
                        self.unseen += 1
                        log.warning("the call %s is stored, but in no sum: the database cannot hold its names", one.id)
        sql.executemany(VIEWED, [(position, journal) for journal, position in self._reached.items()])

    def done(self) -> None:
        """What was written is committed."""
        self._waiting, self._reached = [], {}
        self._views.done()

    def forget(self, *, waiting: bool = False) -> None:
        """Know nothing of what is stored, nor of what is *waiting*."""
        self._views.forget()
        if waiting:
            self._waiting, self._reached = [], {}

    def _possible(self, sql: Sql, calls: list[Facts]) -> bool:
        sql.execute("SAVEPOINT views")
        try:
            self._add(sql, calls)
        except BadValue:
            sql.execute("ROLLBACK TO views")
            self._views.forget()
            return False
        finally:
            sql.execute("RELEASE views")
        return True

    def _add(self, sql: Sql, calls: list[Facts]) -> None:
        if calls:
            self._views.add(sql, calls)
            self._errors.add(sql, calls)
            self._caches.add(sql, calls)
