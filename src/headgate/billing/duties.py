"""What is done by itself: requests that nobody decides expire, reports are made and sent, messages go out.

One process of the installation does it at a time, by a lease. Whether there is anything to do is asked cheaply and
often; only then is the rest imported.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Literal

import msgspec

from headgate.audit.duty import seal_hours
from headgate.billing.calendar import begin, day_of, former, span_of, zone
from headgate.core.ids import now
from headgate.storage.audit_rows import KeyedSealing
from headgate.storage.lease import take
from headgate.storage.sql import SqlError, open_sql

if TYPE_CHECKING:
    from headgate.billing.deliver import Deliverer
    from headgate.billing.services import Money
    from headgate.storage.billing_rows import ScheduleRow
    from headgate.storage.bills import Account

log = logging.getLogger("headgate.billing")

POLL = 5.0
NAME = "duties"
AFTER = 15 * 60_000_000
"""Microseconds after the end of a span in which journals that are behind come in."""
MAX_MISSED = 60
"""Spans that are caught up with: the latest ones."""
MAX_APPS = 500
SPANS: dict[str, Literal["month", "week"]] = {"invoice": "month", "report": "week"}
DUE = """SELECT 1 FROM outbox WHERE state = 'waiting' AND next_at <= ?
    UNION ALL SELECT 1 FROM approvals WHERE state = 'open' AND expires_at <= ?
    UNION ALL SELECT 1 FROM approvals WHERE state = 'approved' AND until <= ?
    UNION ALL SELECT 1 FROM schedules WHERE is_active AND next_at <= ? LIMIT 1"""


class Duties:
    """Looks whether there is something to do, and does it where it has the lease."""

    def __init__(
        self, url: str, owner: str, sealing: KeyedSealing, load: "Callable[[], tuple[Money, Deliverer]]"
    ) -> None:
        """*load* imports and makes what does the work; it may take a second, and is called in a thread, once."""
        self._url = url
        self._owner = owner
        self._sealing = sealing
        self._load = load
        self._loaded: tuple[Money, Deliverer] | None = None

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                while await asyncio.to_thread(self._due):
                    if not await self.once():
                        break
            except SqlError as error:
                log.debug("nothing can be done by itself: %s", error)  # others say that the database is away
            except Exception:
                log.exception("what is done by itself failed")
            await asyncio.sleep(POLL)

    async def once(self) -> int:
        """Do what is due; return how much that was."""
        if self._loaded is None:
            self._loaded = await asyncio.to_thread(self._load)
        money, deliverer = self._loaded
        done = await money.approvals.expire()
        done += await scheduled(money)
        await money.notices.prune()
        return done + await deliverer.run()

    def _due(self) -> bool:
        """Seal what is over, and return whether there is more to do, and this is who does it."""
        sql = open_sql(self._url)
        try:
            seal_hours(sql, self._sealing)
            at = now()
            if sql.execute(DUE, (at, at, at, at)).fetchone() is None:
                return False
            return sql.transact(lambda sql: take(sql, NAME, self._owner))
        finally:
            sql.close()


async def scheduled(money: "Money") -> int:
    """Make and send what schedules ask for by now; return how many invoices and reports that was."""
    done = 0
    for schedule in await money.bills.due_schedules(now()):
        account = await money.bills.account(schedule.tenant_id)
        if account is not None:
            done += await _run(money, account, schedule)
    return done


async def _run(money: "Money", account: "Account", schedule: "ScheduleRow") -> int:
    """Each span that has ended since is made once; all of them are on their way when the schedule has moved on."""
    from headgate.storage.object_rows import Author

    author = Author(kind="service", id="headgate", tenant_id=account.id)
    there = zone(account.zone)
    made = []
    kind: Literal["invoice", "report"] = "invoice" if schedule.kind == "invoice" else "report"
    for first in missed(SPANS[kind], schedule.next_at, now(), there):
        for subject in await _subjects(money, account, schedule):
            made.append(await money.issuer.issue(account, kind, first, author, subject))
    sent = await money.bills.moved_on(schedule, next_at(schedule.kind, now(), there), made)
    return len(made) if sent else 0


async def _subjects(money: "Money", account: "Account", schedule: "ScheduleRow") -> list[str]:
    if schedule.kind == "invoice":
        return [""]
    named = msgspec.json.decode(schedule.app_ids, type=list[str])
    return named or sorted(await money.bills.names(account.id, "app_id"))[:MAX_APPS]


def missed(span: Literal["month", "week"], due: int, at: int, there: tzinfo) -> list[date]:
    """Return the first days of the spans that have ended from the one that was *due* to *at*, oldest first."""
    found: list[date] = []
    first, end = former(span, day_of(at - AFTER, there))
    while begin(end, there) + AFTER >= due and len(found) < MAX_MISSED:
        found.append(first)
        first, end = former(span, first)
    return found[::-1]


def next_at(kind: str, at: int, there: tzinfo) -> int:
    """Return when the span ends that *at* lies in, and what came in late has come."""
    return begin(span_of(SPANS[kind], day_of(at, there))[1], there) + AFTER
