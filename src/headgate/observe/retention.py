"""How long records and sums are kept: what is older goes by itself, a little at a time, where calls are drained.

Records go by whole days (UTC), so that a day is either there or not, and the audit log says so before the first of them
goes. Where there is an archive, what it does not have yet stays.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from headgate.core.ids import now
from headgate.observe.rollups import DAY, GRAINS, HOUR, SECOND, start_of
from headgate.observe.rounds import Rounds, going_on
from headgate.storage import archives, expire
from headgate.storage.audit_now import note_all
from headgate.storage.audit_rows import AuditEntry, KeyedSealing
from headgate.storage.expire import Days
from headgate.storage.lease import take
from headgate.storage.sql import Sql, SqlError, open_sql

log = logging.getLogger("headgate.retention")
FIRST, POLL = 60.0, 600.0
"""Seconds until it is looked for the first time, and from then on."""
NAME = "retention"
HOUR_MICROS = HOUR * SECOND


Policies = Callable[[Sql], Mapping[str, Days]]
"""Returns, by tenant, how long what is its own is kept."""


class Retention:
    """Removes what is over, in a thread of its own."""

    def __init__(
        self, where: str, owner: str, sealing: KeyedSealing, policies: Policies, archived: Callable[[], bool]
    ) -> None:
        """*owner* is the name of the home: one of those that share a database does it. *archived* tells whether what
        goes has to be in the archive."""
        self.removed = 0
        """Records, since the start."""
        self._sql = open_sql(where)
        self._owner = owner
        self._sealing = sealing
        self._policies = policies
        self._archived = archived
        self._rounds = Rounds(NAME, self._round)

    def start(self) -> None:
        """Look every ten minutes from now on."""
        self._rounds.start(FIRST)

    def stop(self) -> None:
        """End. Blocks for as long as a batch takes."""
        self._rounds.stop()
        self._sql.close()

    def once(self) -> int:
        """Remove what is over; return how many records that were. Raise ``SqlError``."""
        if not self._mine():
            return 0
        gone = 0
        oldest = {grain: expire.oldest_sums(self._sql, grain) for grain in GRAINS}
        for tenant_id, days in self._policies(self._sql).items():
            gone += self._records(tenant_id, days.records)
            for grain, kept in zip(GRAINS, (days.minutes, days.hours, days.days), strict=True):
                first = oldest[grain]
                if kept is not None and first is not None and first < _before(kept):
                    expire.remove_sums(self._sql, tenant_id, grain, _before(kept), self._rest)
            if days.hours is not None:
                expire.remove_errors(self._sql, tenant_id, _before(days.hours), self._rest)
        self.removed += gone
        return gone

    def _records(self, tenant_id: str, kept: int | None) -> int:
        if kept is None:
            return 0
        until = _before(kept)
        if self._archived():
            until = min(until, archives.archived_until(self._sql, tenant_id) or 0)
            until = start_of(until, DAY)
        count = expire.records_before(self._sql, tenant_id, until)
        if not count:
            return 0
        entry = AuditEntry(
            tenant_id=tenant_id,
            actor_kind="service",
            actor_id="headgate",
            action="records:expire",
            object_kind="hour",
            object_id=str(until // HOUR_MICROS - 1),  # the last one that goes
            after={"records": str(count), "days": str(kept)},
        )
        self._sql.transact(lambda sql: note_all(sql, [entry], self._sealing))
        return expire.remove_records(self._sql, tenant_id, until, self._rest)

    def _mine(self) -> bool:
        return self._sql.transact(lambda sql: take(sql, NAME, self._owner))

    def _rest(self, seconds: float) -> bool:
        return self._rounds.rest(min(max(seconds, 0.005), 1.0)) or not self._mine()

    def _round(self) -> float:
        with going_on(log, "what is over cannot be removed"):
            self.once()
        with suppress(SqlError):
            self._sql.close()
        return POLL


def _before(days: int) -> int:
    """Return the beginning of the day before which everything is older than *days*."""
    return start_of(now() - days * DAY * SECOND, DAY)
