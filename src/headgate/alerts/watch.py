"""Looks at the rules again and again, in the process that drains; of all homes on one database, one at a time does.

Every home tells what it knows of itself; whoever has the lease looks at all of it. What a look changes is one
transaction for each rule: the alert, what befell it, the line in the dashboard and the messages for channels.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic

import msgspec

from headgate.alerts.kinds import kind_of
from headgate.alerts.readings import PLATFORM, Readings, Signal
from headgate.alerts.rules import SECOND, Event, Standing, Timing, step
from headgate.alerts.sql import SqlReadings
from headgate.alerts.telling import payload, whom, written
from headgate.alerts.types import Rule, Seen
from headgate.core.ids import new_id
from headgate.observe.metrics import Page
from headgate.storage import alerts as store
from headgate.storage.alert_rows import AlertRow
from headgate.storage.lease import take
from headgate.storage.sql import Sql, SqlError, open_sql

log = logging.getLogger("headgate.alerts")

POLL = 15.0
NAME = "alerts"
LOCK = "alerts"
"""What changes an alert holds this name meanwhile."""
MAX_SUBJECTS = 100
"""Of one rule, at one look: the worst."""
MAX_TENANTS = 10_000
ALL_EVERY = 20
"""Looks between two at tenants without calls: their keys expire too."""
BUSY = """SELECT DISTINCT tenant_id FROM rollups WHERE grain = 60 AND start >= ?
    AND tenant_id IN (SELECT id FROM tenants WHERE is_active) LIMIT ?"""
TENANTS = "SELECT id FROM tenants WHERE is_active ORDER BY id LIMIT ?"
TELL = """INSERT INTO alert_signals (node, name, subject, value, grown_at, text, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (node, name, subject) DO UPDATE SET
    grown_at = CASE WHEN excluded.value > alert_signals.value THEN excluded.seen_at ELSE alert_signals.grown_at END,
    value = excluded.value, text = excluded.text, seen_at = excluded.seen_at"""
OLD_SIGNALS = "DELETE FROM alert_signals WHERE seen_at < ?"
GONE = Timing()
SEVERITIES = ("info", "warning", "critical")
STANDING = Standing.__struct_fields__


class InForce(msgspec.Struct, frozen=True):
    """The rules as they are configured."""

    shared: Mapping[str, Rule]
    """Over all tenants, those that are shipped among them."""
    own: Mapping[str, Mapping[str, Rule]]
    """Tenant -> its own."""
    channels: frozenset[str]
    """Names of the channels in the configuration."""


class LeaseLost(Exception):
    """Another home looks by now."""


class Watch:
    """One home's part in it."""

    def __init__(
        self, url: str, node: str, in_force: Callable[[], InForce], signals: Callable[[], Iterable[Signal]]
    ) -> None:
        """*in_force* tells the rules, *signals* what this home knows of itself."""
        self._url = url
        self._node = node
        self._in_force = in_force
        self._signals = signals
        self._looks = 0
        self._turned = monotonic()
        self._firing: Mapping[str, int] = {}

    async def run(self) -> None:
        """Go on until cancelled. Never raises otherwise."""
        while True:
            await asyncio.sleep(POLL)
            try:
                await asyncio.to_thread(self.turn)
            except SqlError as error:
                log.debug("alerts cannot be looked for: %s", error)  # others say that the database is away
            except Exception:
                log.exception("looking for alerts failed")

    def turn(self) -> bool:
        """Tell of this home, and look if it is this one's turn; return whether it was. Raise ``SqlError``."""
        sql = open_sql(self._url)
        try:
            at = sql.now()
            self._tell(sql, at)
            try:
                sql.transact(self.take)
                self.look(sql, at)
                self._firing = store.severities(sql)
                mine = True
            except LeaseLost:
                self._firing, mine = {}, False
            self._turned = monotonic()
            return mine
        finally:
            sql.close()

    def write(self, page: Page) -> None:
        """Write what fires, where this home looks, and when it last had its turn."""
        page.family("alerts_firing", "gauge", "Alerts that fire, told by the home that looks at present.")
        for severity in SEVERITIES:
            page.line("alerts_firing", (("severity", severity),), self._firing.get(severity, 0))
        page.family("alerts_looked_seconds", "gauge", "Since this home last looked for alerts, or saw another do so.")
        page.line("alerts_looked_seconds", (), round(monotonic() - self._turned, 1))

    def look(self, sql: Sql, at: int) -> None:
        """Look at every rule of every tenant; raise ``SqlError`` or :class:`LeaseLost`."""
        rules, readings = self._in_force(), SqlReadings(sql, at)
        open_now = store.open_rules(sql)
        looked = set()
        for tenant in self._tenants(sql, at, rules, {tenant for tenant, _ in open_now}):
            for name, rule, shared in _of(rules, tenant):
                if rule.enabled:
                    looked.add((tenant, name))
                    one = _Look(self, sql, tenant, name, rule, shared, rules.channels)
                    one.run(readings, at, was_open=(tenant, name) in open_now)
        for tenant, name in open_now - looked:  # the rule is gone, or off
            sql.transact(partial(self._close, tenant, name, at), lock=(LOCK,))
        self._looks += 1
        if self._looks % 100 == 0:
            sql.transact(lambda sql: store.prune(sql, at))

    def _tenants(self, sql: Sql, at: int, rules: InForce, open_now: set[str]) -> list[str]:
        if self._looks % ALL_EVERY == 0:
            found = sql.execute(TENANTS, (MAX_TENANTS,)).fetchall()
        else:
            found = sql.execute(BUSY, (at - 3600 * SECOND, MAX_TENANTS)).fetchall()
        return sorted({PLATFORM, *(tenant for (tenant,) in found), *rules.own, *open_now})

    def _tell(self, sql: Sql, at: int) -> None:
        rows = [
            (self._node, one.name, one.subject, one.value, at if one.value > 0 else 0, one.text, at)
            for one in self._signals()
        ]
        sql.transact(lambda sql: sql.executemany(TELL, rows))
        if self._looks % 100 == 0:
            sql.transact(lambda sql: sql.execute(OLD_SIGNALS, (at - 86_400 * SECOND,)))

    def take(self, sql: Sql) -> None:
        """Have the lease, in a transaction of the caller's; raise :class:`LeaseLost` where another home has it."""
        if not take(sql, NAME, self._node):
            raise LeaseLost

    def _close(self, tenant: str, name: str, at: int, sql: Sql) -> None:
        self.take(sql)
        for row in store.of_rule(sql, tenant, name).values():
            settle(sql, row, None, at, GONE, store.channels_of(row))


def _of(rules: InForce, tenant: str) -> Iterator[tuple[str, Rule, bool]]:
    """The rules that concern *tenant*, its own in place of others of their names; and which are shared."""
    own = rules.own.get(tenant, {})
    for name, rule in {**rules.shared, **own}.items():
        if tenant == PLATFORM or not rule.platform:
            yield name, rule, name not in own


class _Look:
    """One rule of one tenant, looked at once."""

    def __init__(
        self, by: Watch, sql: Sql, tenant: str, name: str, rule: Rule, shared: bool, configured: frozenset[str]
    ) -> None:
        self._by, self._sql, self._tenant, self._name, self._rule = by, sql, tenant, name, rule
        self._shared, self._configured = shared, configured

    def run(self, of: Readings, at: int, *, was_open: bool) -> None:
        """Look, and write down what has changed."""
        try:
            seen = self._rule.look(self._tenant, at, of)
        except SqlError:
            raise
        except Exception:  # one rule that fails must not hold up the others
            log.exception("the rule %s of %s cannot be looked at", self._name, self._tenant)
            return
        if seen or was_open:
            worst = {one.subject: one for one in seen[:MAX_SUBJECTS]}
            self._sql.transact(lambda sql: self._write(sql, worst, at), lock=(LOCK,))

    def _write(self, sql: Sql, seen: Mapping[str, Seen], at: int) -> None:
        self._by.take(sql)
        rows = store.of_rule(sql, self._tenant, self._name, list(seen))
        to, missing = whom(sql, self._tenant, self._rule.channels, shared=self._shared, configured=self._configured)
        for subject in dict.fromkeys((*seen, *rows)):
            row, one = rows.get(subject), seen.get(subject)
            if row is None and one is not None:
                row = self._fresh(one, at)
            if row is None:
                continue
            if one is not None:
                row = msgspec.structs.replace(
                    row, text=one.text, link=one.link, severity=self._rule.severity, kind=kind_of(self._rule)
                )
            event = settle(sql, row, subject not in rows, at, self._rule.timing, to, bad=one is not None)
            if event == "fired" and missing:
                store.note_event(sql, row, "not_told", at, f"there is no channel {', '.join(missing)}")

    def _fresh(self, one: Seen, at: int) -> AlertRow:
        return AlertRow(
            id=new_id(), tenant_id=self._tenant, rule=self._name, kind=kind_of(self._rule), subject=one.subject,
            severity=self._rule.severity, state="pending", text=one.text, link=one.link, since=at, seen_at=at,
            updated_at=at,
        )  # fmt: skip


def settle(
    sql: Sql,
    row: AlertRow,
    fresh: bool | None,
    at: int,
    timing: Timing,
    to: Sequence[store.Channel],
    *,
    bad: bool = False,
) -> Event | None:
    """Write down how *row* stands after a look, and tell of it; return what befell it.

    *fresh* tells that it was not there before. Who was told that it fires is told how it ends.
    """
    was = None if fresh else Standing(**{name: getattr(row, name) for name in STANDING})
    found = step(was, bad, at, timing)
    if found.standing is None:
        store.forget(sql, row)
        return None
    now = msgspec.structs.replace(row, **msgspec.structs.asdict(found.standing), updated_at=at)
    if found.event is None:
        now = msgspec.structs.replace(now, updated_at=row.updated_at if was and was.state == now.state else at)
    told = store.channels_of(row) if found.event == "resolved" else to
    if found.event is not None and found.event != "resolved":
        now = msgspec.structs.replace(now, channels=written(to) if found.tell else "[]")
    store.put(sql, now)
    if found.event is not None:
        store.note_event(sql, now, found.event, at)
        if found.tell:
            store.tell(sql, now, payload(now, found.event), at, told)
    return found.event
