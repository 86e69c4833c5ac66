"""What is spent: a row for each scope and day of its tenant's zone, and one for all its days together.

Every call is added to the rows of its key, user, app, team and tenant, whether they have budgets or not, so that a new
budget finds what was spent before it. Any other scope has rows only while a budget keeps it; what came before that is
read from the ledger, once.
"""

import msgspec

from headgate.access.types import Unit, Window
from headgate.ledger.windows import bounds
from headgate.storage.sql import Sql

DAY, TOTAL, FILLED = "d", "t", "f"
"""Kinds of row: a day, all days, and the note that the scope's past has been read from the ledger."""
WINDOWS: dict[Window, str] = {"day": "d", "week": "w", "month": "m", "total": "t"}
STANDING = ("tenant:", "team:", "app:", "user:")
"""Beginnings of the scopes that have rows in any case; a key's is its bare id, without a colon."""


class Scope(msgspec.Struct, frozen=True, gc=False):
    """One subject's budget in one window: ``start`` and ``end`` are instants."""

    id: str
    window: Window
    start: int
    end: int
    unit: Unit = "nano"
    tenant_id: str = ""
    zone: str = "UTC"
    when: tuple[tuple[str, str], ...] = ()
    """What a call must be to count here, by which its past is found in the ledger."""

    @property
    def period(self) -> str:
        """The window in one letter, as journal lines and grants have it: a capital where tokens are counted."""
        letter = WINDOWS[self.window]
        return letter if self.unit == "nano" else letter.upper()

    @property
    def standing(self) -> bool:
        """Whether everything spent under it has always been added up."""
        return ":" not in self.id or self.id.startswith(STANDING)


def spent_by(scope: Scope) -> tuple[str, tuple[object, ...]]:
    """Return the subquery that says what is spent in the scope's window, and its parameters."""
    column = "nano" if scope.unit == "nano" else "tokens"
    if scope.window == "total":
        return f"SELECT SUM({column}) FROM balances WHERE scope = ? AND period = ?", (scope.id, TOTAL)  # noqa: S608
    return (
        f"SELECT SUM({column}) FROM balances WHERE scope = ? AND period = ? AND start >= ? AND start < ?",  # noqa: S608
        (scope.id, DAY, scope.start, scope.end),
    )


def used(sql: Sql, scope: Scope) -> int:
    """Return what is spent in the scope's window, as far as journals have been read."""
    query, values = spent_by(scope)
    (spent,) = sql.execute(f"SELECT CAST(COALESCE(({query}), 0) AS BIGINT)", values).fetchone()
    return int(spent)


def room_of(sql: Sql, scope: Scope, cap: int, owner: str) -> tuple[int, int]:
    """Return what is neither spent nor granted (negative where the cap was lowered), and what others were granted.

    In one statement: what was granted becomes spent while others read.
    """
    spent, values = spent_by(scope)
    granted = """SELECT SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END) FROM grants
        WHERE scope = ? AND period = ? AND start = ?"""
    window = (scope.id, scope.period, scope.start)
    found = sql.execute(
        f"SELECT CAST(COALESCE(({spent}), 0) AS BIGINT), CAST(COALESCE(({granted}), 0) AS BIGINT),"
        f" CAST(COALESCE(({granted} AND owner <> ?), 0) AS BIGINT)",
        (*values, *window, *window, owner),
    ).fetchone()
    return cap - found[0] - found[1], found[2]


def fill(sql: Sql, scope: Scope) -> None:
    """Read a scope's past from the ledger, as far as its window needs it. The scope's name is locked.

    A note says since when it has been read, so that a budget whose window grows is read for what lies before.
    """
    if scope.standing or not scope.tenant_id:
        return
    since = 0 if scope.window == "total" else bounds("month", scope.start, scope.zone)[0]
    notes = "SELECT MIN(start) FROM balances WHERE scope = ? AND period = ?"
    (before,) = sql.execute(notes, (scope.id, FILLED)).fetchone()
    if before is not None and before <= since:
        return
    sql.execute(ADD, (scope.id, FILLED, since, 0, 0))
    conditions, values = past(scope, since, before)
    days: dict[int, list[int]] = {}
    for quarter, nano, tokens in sql.execute(
        f"SELECT at / {QUARTER}, CAST(SUM(nano) AS BIGINT), CAST(SUM(tokens) AS BIGINT) FROM ledger"  # noqa: S608
        f" WHERE {conditions} GROUP BY 1",
        values,
    ):
        day = days.setdefault(bounds("day", quarter * QUARTER, scope.zone)[0], [0, 0])
        day[0] += nano
        day[1] += tokens
    rows: list[tuple[object, ...]] = [(scope.id, DAY, start, *sums) for start, sums in days.items()]
    rows.append((scope.id, TOTAL, 0, sum(nano for nano, _ in days.values()), sum(t for _, t in days.values())))
    sql.executemany(ADD, rows)


QUARTER = 900_000_000
"""A quarter of an hour in microseconds: every zone's days begin with one."""
ADD = """INSERT INTO balances (scope, period, start, nano, tokens) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (scope, period, start) DO UPDATE
    SET nano = balances.nano + excluded.nano, tokens = balances.tokens + excluded.tokens"""
COLUMNS = {"team": "team_id", "app": "app_id", "user": "user_id", "key": "key_id", "end_user": "end_user"}


def past(scope: Scope, since: int, before: int | None) -> tuple[str, list[object]]:
    """Return the condition on rows of the ledger that counted for *scope* in that time, and its values."""
    conditions: list[str] = ["tenant_id = ?", "at >= ?"]
    values: list[object] = [scope.tenant_id, since]
    if before is not None:
        conditions.append("at < ?")
        values.append(before)
    for kind, value in scope.when:
        if kind in COLUMNS:
            conditions.append(f"{COLUMNS[kind]} = ?")
            values.append(value)
        elif kind == "model":
            conditions.append("target = ?")
            values.append(value)
        elif kind == "provider":
            conditions.append("SUBSTR(target, 1, ?) = ?")
            values += [len(value) + 1, f"{value}/"]
        elif kind == "tag":
            conditions.append("REPLACE(tags, ?, '') <> tags")
            values.append(msgspec.json.encode(value).decode())
    return " AND ".join(conditions), values


def told_once(sql: Sql, scope: Scope, amount: int) -> bool:
    """Note that passing *amount* in the scope's window is told; False where it was noted before."""
    note = (scope.id, f"{scope.period}{amount}", scope.start)
    if sql.execute("SELECT 1 FROM balances WHERE scope = ? AND period = ? AND start = ?", note).fetchone():
        return False
    sql.execute("INSERT INTO balances (scope, period, start, nano, tokens) VALUES (?, ?, ?, 0, 0)", note)
    return True
