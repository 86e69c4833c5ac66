"""What people do about alerts: look at them, acknowledge, silence, and try who would be told; all of it is audited."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import msgspec

from headgate.alerts.kinds import kind_of
from headgate.alerts.telling import payload, whom
from headgate.alerts.types import Rule
from headgate.alerts.watch import LOCK
from headgate.core.ids import new_id, now
from headgate.storage import alerts as store
from headgate.storage.alert_rows import AlertRow, EventRow
from headgate.storage.audit_now import note_all
from headgate.storage.audit_rows import AuditEntry, Sealing
from headgate.storage.object_rows import Author
from headgate.storage.sql import Sql, open_sql

T = TypeVar("T")


class NotFiring(Exception):
    """What does not fire needs no acknowledgement."""


class Missing(Exception):
    """There are no channels of these names."""


class Desk:
    """Alerts of one tenant at a time; those of another do not exist. To be called in a thread; raises ``SqlError``."""

    def __init__(self, url: str, sealing: Sealing) -> None:
        self._url = url
        self._sealing = sealing

    def page(self, tenant_id: str, *, state: str = "", after: str = "", limit: int = 50) -> list[AlertRow]:
        """Return alerts, the one that changed last first, from the one after that of the id *after*."""

        def work(sql: Sql) -> list[AlertRow]:
            last = store.find(sql, tenant_id, after) if after else None
            return store.page(sql, tenant_id, state, last, limit)

        return self._do(work)

    def get(self, tenant_id: str, id: str) -> AlertRow | None:
        """Return one."""
        return self._do(lambda sql: store.find(sql, tenant_id, id))

    def events(self, tenant_id: str, id: str, *, before: str = "", limit: int = 50) -> list[EventRow]:
        """Return what befell one, latest first."""
        return self._do(lambda sql: store.events(sql, tenant_id, id, before, limit))

    def acknowledge(self, tenant_id: str, id: str, by: Author) -> AlertRow | None:
        """Note that somebody sees to it, and tell whoever was told; raise :class:`NotFiring`."""

        def work(sql: Sql, row: AlertRow, at: int) -> None:
            if not store.acknowledge(sql, row, _name(by), at):
                raise NotFiring
            found = store.find(sql, tenant_id, id) or row
            store.note_event(sql, found, "acknowledged", at, by=_name(by))
            store.send(sql, found, payload(found, "acknowledged"), at, store.channels_of(found))

        return self._change(tenant_id, id, by, "acknowledge", work)

    def silence(self, tenant_id: str, id: str, until: int | None, by: Author) -> AlertRow | None:
        """Tell nobody of it before *until* (microseconds); ``None`` tells again."""

        def work(sql: Sql, row: AlertRow, at: int) -> None:
            store.silence(sql, row, until, at)
            store.note_event(sql, row, "silenced" if until else "unsilenced", at, by=_name(by))

        return self._change(tenant_id, id, by, "silence", work)

    def test(
        self, tenant_id: str, name: str, rule: Rule, by: Author, *, shared: bool, configured: Collection[str]
    ) -> list[str]:
        """Send a test to whom a rule tells; return the ids of the messages. Raise :class:`Missing`."""
        at = now()
        row = AlertRow(
            id=new_id(), tenant_id=tenant_id, rule=name, kind=kind_of(rule), subject="", severity=rule.severity,
            state="firing", text="this is how an alert of this rule is told", link="/alerts", since=at, seen_at=at,
            updated_at=at,
        )  # fmt: skip

        def work(sql: Sql) -> list[str]:
            to, missing = whom(sql, tenant_id, rule.channels, shared=shared, configured=configured)
            if missing:
                raise Missing(", ".join(missing))
            sent = store.send(sql, row, payload(row, "test"), at, to)
            note_all(sql, [_entry(by, tenant_id, "test", "alert", name, {"messages": len(sent)})], self._sealing)
            return sent

        return self._do(lambda sql: sql.transact(work, lock=(LOCK,)))

    def missing(self, tenant_id: str, names: list[str], *, shared: bool, configured: Collection[str]) -> list[str]:
        """Return which of *names* are those of no channel that a rule may name."""
        return self._do(lambda sql: whom(sql, tenant_id, names, shared=shared, configured=configured)[1])

    def _change(
        self, tenant_id: str, id: str, by: Author, verb: str, work: Callable[[Sql, AlertRow, int], None]
    ) -> AlertRow | None:
        """Change one with an audit entry, and return it as it is then; ``None`` where there is none."""

        def change(sql: Sql) -> AlertRow | None:
            row = store.find(sql, tenant_id, id)
            if row is None:
                return None
            work(sql, row, sql.now())
            found = store.find(sql, tenant_id, id)
            after = None if found is None else msgspec.structs.asdict(found)
            note_all(sql, [_entry(by, tenant_id, verb, "alert", id, after)], self._sealing)
            return found

        return self._do(lambda sql: sql.transact(change, lock=(LOCK,)))

    def _do(self, work: Callable[[Sql], T]) -> T:
        sql = open_sql(self._url)
        try:
            return work(sql)
        finally:
            sql.close()


def _entry(by: Author, tenant_id: str, verb: str, kind: str, id: str, after: dict[str, Any] | None) -> AuditEntry:
    return AuditEntry(
        tenant_id=tenant_id, actor_kind=by.kind, actor_id=by.id, action=f"alerts:{verb}", object_kind=kind,
        object_id=id, after=after, address=by.address, request_id=by.request_id,
    )  # fmt: skip


def _name(by: Author) -> str:
    return f"{by.kind}:{by.id}"
