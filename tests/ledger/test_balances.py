"""What is spent, by scope and day, on either database; and a new budget's past, read from the ledger."""

from collections.abc import Iterator
from time import time_ns
from typing import Any

import msgspec
import pytest

from headgate.ledger.balances import ADD, FILLED, Scope, fill, past, room_of, told_once, used
from headgate.ledger.batch import ended_of, store_together
from headgate.ledger.lines import Charge
from headgate.ledger.windows import DAY, bounds
from headgate.storage.sql import Sql, open_sql
from tests.ledger.conftest import ask, record, who

NOON = 20_000 * DAY + DAY // 2
MONTH = bounds("month", NOON)


@pytest.fixture
def sql(url: str) -> Iterator[Sql]:
    made = open_sql(url)
    yield made
    made.close()


def scope(id: str, window="month", at: int = NOON, zone: str = "UTC", **fields) -> Scope:
    return Scope(id, window, *bounds(window, at, zone), tenant_id="t1", zone=zone, **fields)


def charge(sql: Sql, nano: int, at: int = NOON, scopes=(), zone: str = "UTC", **fields) -> None:
    """What the drainer does with a call's end."""
    call = ask(who())
    one = Charge(1, at, "k1", nano, nano // 10, "usage", fields.pop("target", "local/mock"), zone, list(scopes))
    ended = ended_of(record(call, nano, at=at, **fields), [one])
    assert sql.transact(lambda s: store_together(s, "journal", [ended]))


def test_a_call_is_added_to_all_its_subjects_and_the_scopes_it_names(sql):
    whose: Any = {"team_id": "a", "app_id": "b", "user_id": "c"}
    charge(sql, 70, scopes=[("budget:x", "m", MONTH[0]), ("team:a", "m", MONTH[0])], **whose)
    charge(sql, 30, at=NOON + DAY, **whose)
    for id in ("k1", "user:c", "app:b", "team:a", "tenant:t1"):
        assert [used(sql, scope(id, window)) for window in ("day", "week", "month", "total")] == [70, 100, 100, 100], id
        assert used(sql, scope(id, unit="tokens")) == 10
    assert used(sql, scope("budget:x", "total")) == 70
    assert used(sql, scope("team:other")) == 0
    rows = sql.execute("SELECT scope, period, CAST(COUNT(*) AS BIGINT) FROM balances GROUP BY 1, 2 ORDER BY 1, 2")
    assert list(rows)[:4] == [("app:b", "d", 2), ("app:b", "t", 1), ("budget:x", "d", 1), ("budget:x", "t", 1)]


def test_a_charge_moves_from_granted_to_spent_in_its_unit(sql):
    for period in ("m", "M"):
        row = ("journal", "team:a", period, MONTH[0], 1000, 0)
        sql.transact(lambda s, row=row: s.execute("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?)", row))
    charge(sql, 70, scopes=[("team:a", "m", MONTH[0]), ("team:a", "M", MONTH[0])], team_id="a")
    assert room_of(sql, scope("team:a"), 5000, "journal") == (5000 - 70 - 930, 0)
    assert room_of(sql, scope("team:a", unit="tokens"), 5000, "other") == (5000 - 7 - 993, 993)


def test_days_are_those_of_the_tenants_zone(sql):
    zone = "Asia/Kathmandu"  # 5:45 ahead
    midnight = bounds("day", NOON, zone)[1]
    charge(sql, 5, at=midnight - 1, zone=zone)
    charge(sql, 7, at=midnight, zone=zone)
    assert used(sql, scope("k1", "day", midnight - 1, zone)) == 5
    assert used(sql, scope("k1", "day", midnight, zone)) == 7
    assert used(sql, scope("k1", "total")) == 12


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ((), 111_111),
        ((("team", "a"),), 11),
        ((("team", "a"), ("model", "x/m")), 1),
        ((("provider", "x"),), 111_101),
        ((("app", "b"),), 100),
        ((("user", "c"),), 1000),
        ((("end_user", "ann"),), 10_000),
        ((("tag", "o'ne"),), 100_000),
        ((("tag", "one"),), 0),
        ((("key", "k1"),), 111_111),
    ],
)
def test_a_new_budgets_past_is_read_from_the_ledger(sql, when, found):
    charge(sql, 1, team_id="a", target="x/m")
    charge(sql, 10, team_id="a", target="xy/m")
    charge(sql, 100, app_id="b", target="x/n")
    charge(sql, 1000, user_id="c", target="x/n")
    charge(sql, 10_000, end_user="ann", target="x/n")
    charge(sql, 100_000, tags=("t", "o'ne"), target="x/n")
    charge(sql, 10**9, tenant_id="t2", target="x/m")
    charge(sql, 10**8, at=MONTH[0] - 1, target="x/m")
    wanted = scope("budget:b", when=when)
    sql.transact(lambda s: fill(s, wanted))
    sql.transact(lambda s: fill(s, wanted))
    assert used(sql, wanted) == found
    assert used(sql, scope("budget:b", unit="tokens", when=when)) == sum(
        int(digit) * 10**i // 10 for i, digit in enumerate(f"{found}"[::-1])
    )


def test_a_budget_whose_window_grows_is_read_for_what_lies_before(sql):
    for at in (MONTH[0] - 40 * DAY, MONTH[0] - 1, MONTH[0], NOON):
        charge(sql, 10, at=at)
    day, month, total = (scope("budget:b", window) for window in ("day", "month", "total"))
    for one, found in ((day, 10), (month, 20), (total, 40), (month, 20)):
        sql.transact(lambda s, one=one: fill(s, one))
        assert used(sql, one) == found
    charge(sql, 10, scopes=[("budget:b", "t", 0)])
    assert [used(sql, one) for one in (day, month, total)] == [20, 30, 50]


def test_standing_scopes_need_no_past(sql):
    charge(sql, 10, team_id="a")
    for id in ("k1", "tenant:t1", "team:a", "app:b", "user:c"):
        sql.transact(lambda s, id=id: fill(s, scope(id)))
    assert sql.execute("SELECT 1 FROM balances WHERE period = ?", (FILLED,)).fetchone() is None


def test_a_note_is_made_once_for_each_window_and_amount(sql):
    for one in (scope("team:a"), scope("team:a", "day"), scope("team:a", unit="tokens")):
        assert [sql.transact(lambda s, one=one: told_once(s, one, 100)) for _ in range(2)] == [True, False]
    assert sql.transact(lambda s: told_once(s, scope("team:a"), 200))
    assert used(sql, scope("team:a")) == 0


def test_reading_stays_quick_as_the_store_ages(sql):
    """Ten years of days for one scope among others: what a window needs is found by its key."""
    rows = [(f"team:{n}", "d", start * DAY, 1, 1) for n in range(3) for start in range(16_000, 20_001)]
    rows.append(("team:1", "t", 0, 4001, 1))
    sql.transact(lambda s: s.executemany(ADD, rows))
    begun = time_ns()
    for _ in range(20):
        assert used(sql, scope("team:1")) == sum(day * DAY >= MONTH[0] for day in range(16_000, 20_001))
        assert used(sql, scope("team:1", "total")) == 4001
    assert (time_ns() - begun) / 40 < 20e6, "nanoseconds"


def test_conditions_are_values_and_never_words_of_sql():
    odd = "x' OR 1=1 --"
    conditions, values = past(scope("budget:b", when=(("tag", odd), ("provider", odd), ("end_user", odd))), 0, 5)
    assert odd not in conditions
    assert values == ["t1", 0, 5, msgspec.json.encode(odd).decode(), len(odd) + 1, f"{odd}/", odd]
