"""Ten million calls to ask about: a day of them as the drainer stores them, and in SQL its copies for all other days.

A copy is moved by whole days and has ids of its own. Its sums are those of the day, moved as well: what the drainer
would have written, which :func:`same` looks at.
"""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec

from headgate.audit.drained import Proofs
from headgate.audit.sealing import sealing
from headgate.core.money import Usage
from headgate.core.record import Attempt, Record
from headgate.ledger.batch import Ended, ended_of
from headgate.ledger.keeper import Keeper
from headgate.ledger.lines import Charge
from headgate.observe.facts import Facts
from headgate.observe.rollups import HOUR, MINUTE, OTHER, rows_of, together
from headgate.storage.payloads_sql import put
from headgate.storage.sql import Sql
from headgate.storage.sums import SKETCHES, SUMS
from tests.admin.conftest import DERIVED

BATCH = 10_000
SAYING = 10
"""Of so many calls one has a payload."""
SECOND = 1_000_000
AN_HOUR, DAY = HOUR * SECOND, 24 * HOUR * SECOND
TENANT = "default"
JOURNAL = "rows"
WORDS = [
    "account",
    "amount",
    "answer",
    "balance",
    "bank",
    "bill",
    "budget",
    "card",
    "change",
    "claim",
    "credit",
    "debt",
]

HEAD = len('{"id":"","trace_id":"","at":') + 36 + 32 + 16
"""Characters of a record up to its instant: what a copy has otherwise."""
CHARGED = "attempt, key_id, user_id, app_id, team_id, end_user, tags, target, nano, tokens, billed"
FOUND = (
    "status, model, provider, cost_nano, team_id, user_id, app_id, end_user, asked, route, surface, code, tags, cache"
)
SUMMED = ", ".join(("a", "b", "node", *SUMS, *SKETCHES))
SPAN = f"WHERE tenant_id = '{TENANT}' AND at >= {{since}} AND at < {{until}} ORDER BY at"
RECORDS = f"""INSERT INTO records (id, tenant_id, key_id, at, {FOUND}, guard, total_us, detail)
    SELECT {{id}}, tenant_id, key_id, at + {{by}}, {FOUND}, guard, total_us,
        '{{{{"id":"' || {{id}} || '","trace_id":"' || replace({{id}}, '-', '') || '","at":' || (at + {{by}})
        || substr(detail, {HEAD + 1})
    FROM records {SPAN}"""
HOURLY = (
    f"""INSERT INTO ledger (tenant_id, at, call_id, {CHARGED})
        SELECT tenant_id, at + {{by}}, {{call_id}}, {CHARGED} FROM ledger {SPAN}""",
    f"""INSERT INTO payloads (id, tenant_id, at, key_id, end_user, level, size, body, text)
        SELECT {{id}}, tenant_id, at + {{by}}, key_id, end_user, level, size, body,
        replace(text, ' order', ' order{{day}}x') FROM payloads {SPAN}""",
    f"""INSERT INTO rollups (tenant_id, grain, cut, start, {SUMMED})
        SELECT tenant_id, grain, cut, start + {{by}}, {SUMMED} FROM rollups
        WHERE grain IN ({MINUTE}, {HOUR}) AND start >= {{since}} AND start < {{until}}""",
)
DAILY = (
    f"""INSERT INTO rollups (tenant_id, grain, cut, start, {SUMMED})
        SELECT tenant_id, grain, cut, start + {{by}}, {SUMMED} FROM rollups
        WHERE grain = {24 * HOUR} AND start = {{since}}""",
    """INSERT INTO balances (scope, period, start, nano, tokens)
        SELECT scope, period, start + {by}, nano, tokens FROM balances WHERE period = 'd' AND start = {since}""",
    "UPDATE balances SET nano = nano / {day} * ({day} + 1), tokens = tokens / {day} * ({day} + 1) WHERE period = 't'",
    f"UPDATE error_groups SET count = count / {{day}} * ({{day}} + 1), last_at = last_at + {DAY}",
)


def fill(sql: Sql, where: str | Path, dead: Path, calls: int, days: int, tell: Callable[[int], None]) -> int:
    """Make those of *calls* that are missing, in *days* days up to today, and return the instant of the first."""
    begun = sql.execute("SELECT MIN(at) FROM records").fetchone()[0]
    begun = int(begun) if begun else time.time_ns() // 1000 // DAY * DAY - days * DAY
    daily = -(-calls // days)
    step = DAY // daily
    done = a_day(sql, where, dead, daily, begun, tell)
    if sql.kind == "sqlite":
        for pragma in (
            "synchronous = OFF",
            "cache_size = -500000",
            "temp_store = MEMORY",
            "wal_autocheckpoint = 20000",
        ):
            sql.execute(f"PRAGMA {pragma}")
    while done < daily * days:
        day, number = divmod(done, daily)
        done += sql.transact(partial(moved, begun=begun, day=day, hour=number * step // AN_HOUR))
        tell(done)
    sql.close()
    return begun


def a_day(sql: Sql, where: str | Path, dead: Path, daily: int, begun: int, tell: Callable[[int], None]) -> int:
    """Store the first day's calls, and return how many calls there are."""
    keeper = Keeper(where, dead, lambda batch: None, "home", Proofs(sealing(DERIVED)))
    done: int = keeper.begin(JOURNAL)[0]
    while done < daily:
        batch = list(made(done, min(BATCH, daily - done), begun, DAY // daily))
        put(sql, [row_of(ended, number) for number, ended in enumerate(batch, done) if number % SAYING == 0])
        done += len(batch)
        keeper.store(JOURNAL, batch, done)
        tell(done)
    keeper.close()
    return done


def moved(sql: Sql, begun: int, day: int, hour: int) -> int:
    """Copy an hour of the first day into another day; return how many calls that were."""
    words: dict[str, object] = {
        "day": day,
        "by": day * DAY,
        "since": begun + hour * AN_HOUR,
        "until": begun + (hour + 1) * AN_HOUR,
    }
    for name in ("id", "call_id"):
        at = f"(at + {day * DAY}) / 1000"  # an id begins with its milliseconds, 48 bits of them
        digits = f"printf('%012x', {at})" if sql.kind == "sqlite" else f"lpad(to_hex({at}), 12, '0')"
        words[name] = f"(substr({digits}, 1, 8) || '-' || substr({digits}, 9, 4) || substr({name}, 14))"
    copied: int = sql.execute(RECORDS.format(**words)).rowcount
    for statement in (*HOURLY, *(DAILY if hour == 0 else ())):
        sql.execute(statement.format(**words))
    sql.execute("UPDATE journals SET position = position + ? WHERE id = ?", (copied, JOURNAL))
    return copied


def same(sql: Sql, begun: int, days: int) -> None:
    """See that the sums of the last day are those of its calls, worked out anew."""
    since = begun + (days - 1) * DAY
    details = sql.execute(
        "SELECT detail FROM records WHERE at >= ? AND at < ? AND key_id LIKE 'key-%'", (since, since + DAY)
    )
    calls = [msgspec.json.decode(detail, type=Facts) for (detail,) in details]
    expected: dict[tuple[object, ...], tuple[int, ...]] = {
        (grain, start, *name): tuple(together(adds).numbers)
        for (_, grain, start), rows in rows_of(calls).items()
        for name, adds in rows.items()
    }
    found = sql.execute(
        f"SELECT grain, start, cut, a, b, {', '.join(SUMS)} FROM rollups WHERE start >= ? AND start < ?",
        (since, since + DAY),
    )
    sums = {row[:5]: row[5:] for row in map(tuple, found)}
    # A cut has so many names a window: those of later calls are summed as others, which ones the order tells.
    for name in [name for name in expected if name not in sums and (*name[:3], OTHER, OTHER) in sums]:
        other, more = (*name[:3], OTHER, OTHER), expected.pop(name)
        expected[other] = tuple(map(sum, zip(expected.get(other, [0] * len(more)), more, strict=True)))
    assert sums == expected


def made(first: int, count: int, begun: int, step: int) -> Iterator[Ended]:
    dice = random.Random(first)
    for number in range(first, first + count):
        at = begun + number * step
        model, provider = number % 10, number % 4
        failed, key = dice.random() < 0.02, f"key-{dice.randrange(40)}"
        id = str(UUID(int=(at // 1000) << 80 | 7 << 76 | number & (1 << 62) - 1 | 1 << 63))
        tried = Attempt(
            provider=f"p{provider}", model=f"m{model}", started_ms=0.4, headers_ms=100.0, ended_ms=200.0, status=200,
            outcome="upstream_server_error" if failed else "ok", held_nano=9_000, cost_nano=1_500, billed="usage",
        )  # fmt: skip
        record = Record(
            id=id, trace_id=id.replace("-", ""), at=at, tenant_id=TENANT, key_id=key, user_id=f"user-{number % 997}",
            team_id=f"team-{number % 8}", app_id=f"app-{number % 12}", end_user=f"end-{number % 100_003}",
            tags=(f"tag-{number % 5}",), surface=("openai", "anthropic", "gemini")[number % 3], operation="chat",
            route=f"route-{number % 6}", model_requested=f"route-{number % 6}", model_used=f"p{provider}/m{model}",
            provider_used=f"p{provider}", status="failure" if failed else "success", http_status=502 if failed else 200,
            code=("upstream_server_error" if number % 50 else "deadline_exceeded") if failed else None,
            error_message="it broke" if failed else None, attempts=(tried,), finish="stop", cost_nano=1_500,
            usage=Usage(input=dice.randrange(2_000), output=dice.randrange(500)), billed="usage", held_nano=9_000,
            total_ms=dice.lognormvariate(6, 1), overhead_ms=0.4, first_token_ms=dice.lognormvariate(5, 0.5),
        )  # fmt: skip
        yield ended_of(record, [Charge(1, at, key, 1_500, 100, "usage", f"p{provider}/m{model}", "UTC", [])])


def row_of(ended: Ended, number: int) -> tuple[object, ...]:
    facts = ended[0]
    dice = random.Random(number)
    words = (
        f"{' '.join(dice.choices(WORDS, k=40))} order{number} {'needle in a haystack' if number % 99_990 == 0 else ''}"
    )
    return (facts.id, TENANT, facts.at, facts.key_id, facts.end_user, "redacted", 0, b"", words)
