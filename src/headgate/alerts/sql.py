"""Readings from the database: sums by minute, budgets, what homes told. All of few rows, however many calls."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from headgate.access.types import Budget, Window
from headgate.alerts.readings import By, Ending, Fresh, Group, Signal, Stand
from headgate.billing.resolve import conditions, scope
from headgate.ledger.windows import bounds
from headgate.observe.rollups import ALL, HOUR, MINUTE, SECOND, start_of
from headgate.observe.sketch import Sketch
from headgate.storage.budget_rows import BudgetRow, budgets_of
from headgate.storage.sql import Row, Sql

FRESH = 180 * SECOND
"""How long a home's signals are good for after it told them."""
MAX_ROWS = 200_000
MAX_EACH = 100
OURS = {
    "deadline_exceeded", "internal_error", "auth_unavailable", "guardrail_unavailable", "storage_unavailable",
    "server_overloaded", "server_shutting_down", "unavailable", "interrupted", "unreadable",
}  # fmt: skip
"""Codes of failures that are not the caller's, besides those that begin with ``upstream_``."""
BLOCKED = "content_policy_violation"
SUBJECTS = {
    "team": "scope IN (SELECT 'team:' || id FROM teams WHERE tenant_id = ?)",
    "app": "scope IN (SELECT 'app:' || id FROM apps WHERE tenant_id = ?)",
    "user": "scope IN (SELECT 'user:' || id FROM users WHERE tenant_id = ?)",
    "key": "scope IN (SELECT id FROM keys WHERE tenant_id = ?)",
}

SUMS = """SELECT a, requests, failures, latency FROM rollups
    WHERE tenant_id = ? AND grain = ? AND cut = ? AND start >= ? AND start < ? LIMIT ?"""
ONE = SUMS.replace(" LIMIT", " AND a = ? LIMIT")
COST = """SELECT start, CAST(SUM(cost_nano) AS BIGINT) FROM rollups
    WHERE tenant_id = ? AND grain = ? AND cut = ? AND start >= ? AND start < ? GROUP BY start"""
GROUPS = """SELECT id, provider, model, code, CAST(SUM(count) AS BIGINT), MIN(first_at) FROM error_groups
    WHERE tenant_id = ? GROUP BY id, provider, model, code HAVING MIN(first_at) >= ? ORDER BY 5 DESC LIMIT ?"""
UNCERTAIN = """SELECT COUNT(*), CAST(COALESCE(SUM(nano), 0) AS BIGINT) FROM ledger
    WHERE billed = 'uncertain' AND at >= ?"""
SPENT = """SELECT CAST(SUM(nano) AS BIGINT), CAST(SUM(tokens) AS BIGINT) FROM balances
    WHERE scope = ? AND period = 'd' AND start >= ? AND start < ?"""
EACH = """SELECT scope, CAST(SUM(nano) AS BIGINT), CAST(SUM(tokens) AS BIGINT) FROM balances
    WHERE {} AND period = 'd' AND start >= ? AND start < ? GROUP BY scope ORDER BY 2 DESC LIMIT ?"""
OWN = "SELECT id, name, budgets FROM keys WHERE tenant_id = ? AND budgets <> '[]' AND revoked_at IS NULL LIMIT ?"
ENDING = """SELECT id, kind, name, expires_at FROM keys WHERE tenant_id = ? AND is_active AND revoked_at IS NULL
    AND expires_at > ? AND expires_at < ? ORDER BY expires_at LIMIT ?"""
SIGNALS = "SELECT node, name, subject, value, grown_at, text FROM alert_signals WHERE seen_at >= ? ORDER BY 1, 2, 3"
ZONE = "SELECT zone FROM tenants WHERE id = ?"


class SqlReadings:
    """See ``readings.Readings``. What is read is kept for as long as one of these: for one look."""

    def __init__(self, sql: Sql, at: int) -> None:
        self._sql = sql
        self._at = at
        self._signals: Sequence[Signal] | None = None
        self._sums: dict[tuple[object, ...], Sequence[Group]] = {}

    def calls(
        self, tenant_id: str, since: int, until: int, where: Mapping[str, str], by: By, percentile: float | None = None
    ) -> Sequence[Group]:
        """See ``Readings``. One kind of name can be asked for: *by* it, or *where* it is one name."""
        cut, name = next(iter(where.items())) if where else (by or ALL, None)
        key = (tenant_id, since, until, cut, name, percentile)
        if key not in self._sums:
            found = self._groups(tenant_id, since, until, cut, name, percentile)
            if cut == ALL:
                found = [msgspec.structs.replace(one, failures=self._ours(tenant_id, since, until)) for one in found]
            self._sums[key] = found
        return self._sums[key]

    def _groups(
        self, tenant_id: str, since: int, until: int, cut: str, name: str | None, percentile: float | None
    ) -> list[Group]:
        rows = self._rows(tenant_id, since, until, cut, name)
        found: dict[str, tuple[int, int]] = {}
        sketches: dict[str, Sketch] = {}
        for each, calls, failures, latency in rows:
            was = found.get(each, (0, 0))
            found[each] = (was[0] + calls, was[1] + failures)
            if percentile is not None:
                sketches.setdefault(each, Sketch()).merge(Sketch.unpack(bytes(latency)))
        return [
            Group(
                "" if name is not None else each,
                *sums,
                sketches[each].quantile(percentile / 100) if percentile is not None else None,
            )
            for each, sums in found.items()
        ]

    def _rows(self, tenant_id: str, since: int, until: int, cut: str, name: str | None) -> Iterable[Row]:
        span = (tenant_id, MINUTE, cut, start_of(since, MINUTE), until)
        if name is None:
            return self._sql.execute(SUMS, (*span, MAX_ROWS)).fetchall()
        return self._sql.execute(ONE, (*span, name, MAX_ROWS)).fetchall()

    def _ours(self, tenant_id: str, since: int, until: int) -> int:
        """Failures that are not the callers' own."""
        codes = self._groups(tenant_id, since, until, "code", None, None)
        return sum(one.failures for one in codes if one.name in OURS or one.name.startswith("upstream_"))

    def blocked(self, tenant_id: str, since: int, until: int) -> int:
        """See ``Readings``."""
        return sum(one.calls for one in self._groups(tenant_id, since, until, "code", BLOCKED, None))

    def hourly(self, tenant_id: str, since: int, until: int) -> Mapping[int, int]:
        """See ``Readings``."""
        rows = self._sql.execute(COST, (tenant_id, HOUR, ALL, start_of(since, HOUR), until)).fetchall()
        return {start // (HOUR * SECOND): nano for start, nano in rows}

    def budgets(self, tenant_id: str, at: int) -> Sequence[Stand]:
        """See ``Readings``."""
        row = self._sql.execute(ZONE, (tenant_id,)).fetchone()
        zone = row[0] if row is not None else "UTC"
        found = [one for row in budgets_of(self._sql, tenant_id) for one in self._stands(row, at, zone)]
        for id, name, text in self._sql.execute(OWN, (tenant_id, MAX_EACH * 10)).fetchall():
            for number, own in enumerate(msgspec.json.decode(text, type=list[Budget])):
                start, end = bounds(own.window, at, zone)
                used = self._spent(id, own.unit, start, end)
                stand = Stand(f"{id}-{number}", f"of the key {name}", "", used / max(own.amount, 1), own.hard, start)
                found.append(stand)
        return found

    def _stands(self, row: BudgetRow, at: int, zone: str) -> list[Stand]:
        window: Window = row.period  # type: ignore[assignment]  # checked when it was made
        start, end = bounds(window, at, zone)
        kept, amount = scope(row), max(row.amount, 1)
        if row.each is None:
            used = self._spent(kept, row.unit, start, end)
            return [Stand(row.id, row.name, "", used / amount, row.hard, start)]
        stated = [kind for kind, _ in conditions(row.conditions) if kind != "tenant"]
        among = "scope > ? AND scope < ?"
        of: tuple[str, ...] = (f"{kept}:", f"{kept};")
        if row.each in SUBJECTS and not stated:  # whose own scopes do not say whose they are
            among, of = SUBJECTS[row.each], (row.tenant_id,)
        rows = self._sql.execute(EACH.format(among), (*of, start, end, MAX_EACH)).fetchall()
        place = 1 if row.unit == "nano" else 2
        return [
            Stand(row.id, row.name, each[0].rpartition(":")[2], each[place] / amount, row.hard, start) for each in rows
        ]

    def _spent(self, kept: str, unit: str, start: int, end: int) -> int:
        nano, tokens = self._sql.execute(SPENT, (kept, start, end)).fetchone()
        return int((nano if unit == "nano" else tokens) or 0)

    def uncertain(self, since: int) -> tuple[int, int]:
        """See ``Readings``."""
        count, nano = self._sql.execute(UNCERTAIN, (since,)).fetchone()
        return count, nano

    def signals(self) -> Sequence[Signal]:
        """See ``Readings``."""
        if self._signals is None:
            rows = self._sql.execute(SIGNALS, (self._at - FRESH,)).fetchall()
            self._signals = [
                Signal(node=node, name=name, subject=subject, value=value, grown_at=grown_at, text=text)
                for node, name, subject, value, grown_at, text in rows
            ]
        return self._signals

    def fresh(self, tenant_id: str, since: int) -> Sequence[Fresh]:
        """See ``Readings``."""
        found = []
        for id, provider, model, code, count, first_at in self._sql.execute(GROUPS, (tenant_id, since, MAX_EACH)):
            words = " of ".join(part for part in (code, model or provider) if part)
            whole = model.startswith(f"{provider}/")
            named = (("outcome", code), ("tried", model if whole else provider), ("model", "" if whole else model))
            found.append(Fresh(id, words, count, first_at, {name: value for name, value in named if value}))
        return found

    def ending(self, tenant_id: str, until: int) -> Sequence[Ending]:
        """See ``Readings``."""
        rows = self._sql.execute(ENDING, (tenant_id, self._at, until, MAX_EACH)).fetchall()
        return [Ending(id, f"the {kind} key {name}", at) for id, kind, name, at in rows]
