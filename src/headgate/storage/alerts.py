"""Alerts in the database, and telling of them: what is told is on its way in the transaction that changed the alert.

All of it is said with ``Sql``, in a thread: whoever looks for alerts has no other library loaded.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from headgate.core.ids import new_id
from headgate.storage.alert_rows import AlertRow, EventRow
from headgate.storage.billing_rows import ALERTS
from headgate.storage.sql import Sql

MAX_WAITING = 1000
"""Messages that wait for one channel; what comes then is noted as not told."""
KEPT = 30 * 86_400_000_000
EVENTS_KEPT = 90 * 86_400_000_000
MAX_FIRING = 20
BATCH = 1000
"""Rows of one deletion."""
TO = "alerts:view"
"""The permission that makes lines about alerts somebody's business."""

_NAMES = AlertRow.__struct_fields__
_COLUMNS = ", ".join(_NAMES)
_LOOKED = tuple(name for name in _NAMES if name not in ("id", "tenant_id", "rule", "subject", "silenced_until"))
OF_RULE = f"""SELECT {_COLUMNS} FROM alerts WHERE tenant_id = ? AND rule = ?
    AND (state <> 'resolved' OR subject IN ({{}}))"""  # noqa: S608 - our own names
ONE = f"SELECT {_COLUMNS} FROM alerts WHERE tenant_id = ? AND id = ?"  # noqa: S608
PAGE = f"""SELECT {_COLUMNS} FROM alerts WHERE tenant_id = ? AND (? = '' OR state = ?)
    AND (updated_at < ? OR (updated_at = ? AND id < ?)) ORDER BY updated_at DESC, id DESC LIMIT ?"""  # noqa: S608
ADD = f"""INSERT INTO alerts ({_COLUMNS}) VALUES ({", ".join("?" * len(_NAMES))})
    ON CONFLICT (tenant_id, rule, subject) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _LOOKED)}"""  # noqa: S608
FORGET = "DELETE FROM alerts WHERE tenant_id = ? AND id = ?"
OPEN = "SELECT DISTINCT tenant_id, rule FROM alerts WHERE state IN ('pending', 'firing')"
FIRING = "SELECT rule, text FROM alerts WHERE state = 'firing' ORDER BY updated_at DESC LIMIT ?"
COUNT = "SELECT severity, COUNT(*) FROM alerts WHERE state = 'firing' GROUP BY severity"
EVENT = 'INSERT INTO alert_events (id, tenant_id, alert_id, event, text, "by", at) VALUES (?, ?, ?, ?, ?, ?, ?)'
EVENTS = """SELECT id, tenant_id, alert_id, event, text, "by", at FROM alert_events
    WHERE tenant_id = ? AND alert_id = ? AND id < ? ORDER BY id DESC LIMIT ?"""
LINE = """INSERT INTO notifications (id, tenant_id, recipient, event, text, link, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
SEND = """INSERT INTO outbox (id, tenant_id, channel_id, event, payload, state, attempts, next_at, created_at)
    VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?, ?)"""
WAITING = "SELECT COUNT(*) FROM outbox WHERE tenant_id = ? AND channel_id = ? AND state = 'waiting'"
CHANNELS = "SELECT id, name, events FROM channels WHERE tenant_id = ? AND is_active ORDER BY id LIMIT 200"
ACK = "UPDATE alerts SET acked_at = ?, acked_by = ?, updated_at = ? WHERE tenant_id = ? AND id = ? AND state = 'firing'"
SILENCE = "UPDATE alerts SET silenced_until = ?, updated_at = ? WHERE tenant_id = ? AND id = ?"
OLD = """DELETE FROM alerts WHERE id IN
    (SELECT id FROM alerts WHERE state = 'resolved' AND updated_at < ? ORDER BY updated_at LIMIT ?)"""
OLD_EVENTS = "DELETE FROM alert_events WHERE id IN (SELECT id FROM alert_events WHERE at < ? ORDER BY at LIMIT ?)"
FIRST_PAGE = 2**62
AFTER_ALL = "g"
"""Comes after every id, which are hexadecimal."""

Channel = tuple[str, str]
"""Whose it is, and its id."""


def of_rule(sql: Sql, tenant_id: str, rule: str, subjects: Sequence[str] = ()) -> dict[str, AlertRow]:
    """Return the alerts of a rule by their subjects: those that have not ended, and those of *subjects* that have.

    What ended is kept for a month, and may be very much more than what a look is about.
    """
    among = ", ".join("?" * len(subjects)) or "NULL"
    rows = sql.execute(OF_RULE.format(among), (tenant_id, rule, *subjects)).fetchall()
    return {row.subject: row for row in map(_row, rows)}


def find(sql: Sql, tenant_id: str, id: str) -> AlertRow | None:
    """Return one alert."""
    found = sql.execute(ONE, (tenant_id, id)).fetchone()
    return None if found is None else _row(found)


def page(sql: Sql, tenant_id: str, state: str = "", after: AlertRow | None = None, limit: int = 50) -> list[AlertRow]:
    """Return alerts, the one that changed last first, from the one after *after*."""
    at, id = (after.updated_at, after.id) if after is not None else (FIRST_PAGE, "")
    return [_row(row) for row in sql.execute(PAGE, (tenant_id, state, state, at, at, id, limit)).fetchall()]


def open_rules(sql: Sql) -> set[tuple[str, str]]:
    """Return tenant and rule of alerts that have not ended."""
    return {(tenant, rule) for tenant, rule in sql.execute(OPEN).fetchall()}


def firing(sql: Sql) -> list[tuple[str, str]]:
    """Return rule and words of alerts that fire, of all tenants: the latest."""
    return [(rule, text) for rule, text in sql.execute(FIRING, (MAX_FIRING,)).fetchall()]


def severities(sql: Sql) -> dict[str, int]:
    """Return how many alerts fire, of all tenants, by severity."""
    return {severity: count for severity, count in sql.execute(COUNT).fetchall()}


def put(sql: Sql, row: AlertRow) -> None:
    """Make an alert, or have it stand as *row* says; whether it is silenced stays."""
    sql.execute(ADD, msgspec.structs.astuple(row))


def forget(sql: Sql, row: AlertRow) -> None:
    """Remove an alert that never fired."""
    sql.execute(FORGET, (row.tenant_id, row.id))


def events(sql: Sql, tenant_id: str, alert_id: str, before: str = "", limit: int = 50) -> list[EventRow]:
    """Return what befell an alert, latest first."""
    rows = sql.execute(EVENTS, (tenant_id, alert_id, before or AFTER_ALL, limit)).fetchall()
    return [EventRow(**dict(zip(EventRow.__struct_fields__, row, strict=True))) for row in rows]


def note_event(sql: Sql, row: AlertRow, event: str, at: int, text: str = "", by: str = "") -> None:
    """Write down what befell an alert."""
    sql.execute(EVENT, (new_id(), row.tenant_id, row.id, event, text or row.text, by, at))


def acknowledge(sql: Sql, row: AlertRow, by: str, at: int) -> bool:
    """Note that somebody knows of an alert that fires; return whether it does."""
    return bool(sql.execute(ACK, (at, by, at, row.tenant_id, row.id)).rowcount)


def silence(sql: Sql, row: AlertRow, until: int | None, at: int) -> None:
    """Tell nobody of an alert before *until*."""
    sql.execute(SILENCE, (until, at, row.tenant_id, row.id))


def named(sql: Sql, tenant_id: str) -> dict[str, tuple[str, bool]]:
    """Return id of a tenant's channels by name, and whether each is told of every alert."""
    rows = sql.execute(CHANNELS, (tenant_id,)).fetchall()
    return {name: (id, "alerts" in msgspec.json.decode(events)) for id, name, events in rows}


def tell(sql: Sql, row: AlertRow, payload: Mapping[str, Any], at: int, channels: Iterable[Channel]) -> None:
    """Put a line for the dashboard, and messages for *channels*."""
    text, link = payload["text"], f"/alerts?id={row.id}"
    sql.execute(LINE, (new_id(), row.tenant_id, TO, ALERTS + row.id, text, link, at))
    send(sql, row, payload, at, channels)


def send(sql: Sql, row: AlertRow, payload: Mapping[str, Any], at: int, channels: Iterable[Channel]) -> list[str]:
    """Put messages for *channels* on their way, and return their ids. A channel that is full is noted."""
    body, ids = msgspec.json.encode(payload).decode(), []
    for tenant, channel in channels:
        if sql.execute(WAITING, (tenant, channel)).fetchone()[0] >= MAX_WAITING:
            note_event(sql, row, "not_told", at, f"{MAX_WAITING:,} messages wait for the channel {channel}")
            continue
        ids.append(new_id())
        sql.execute(SEND, (ids[-1], tenant, channel, payload["event"], body, at, at))
    return ids


def channels_of(row: AlertRow) -> Sequence[Channel]:
    """Return whom an alert was told."""
    return msgspec.json.decode(row.channels, type=list[Channel])


def prune(sql: Sql, at: int) -> int:
    """Delete some of what ended long ago; return how many rows that was."""
    old = sql.execute(OLD, (at - KEPT, BATCH)).rowcount
    return old + sql.execute(OLD_EVENTS, (at - EVENTS_KEPT, BATCH)).rowcount


def _row(found: Sequence[Any]) -> AlertRow:
    return AlertRow(**dict(zip(_NAMES, found, strict=True)))
