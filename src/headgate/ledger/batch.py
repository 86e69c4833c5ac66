"""A batch of ended calls on its way into the database: rows and sums, written in one transaction."""

import re
from time import time_ns

import msgspec

from headgate.core.record import Record
from headgate.ledger.balances import ADD, DAY, TOTAL
from headgate.ledger.lines import RECORD_BEGINS, Charge, EndLine, EndOnly, Paid
from headgate.ledger.windows import Calendar
from headgate.observe.facts import Facts, strongest
from headgate.storage.sql import BadValue, Sql

UNSTORABLE = re.compile(
    rb"\\u0000|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""Escapes of characters that PostgreSQL's text or UTF-8 cannot hold: NUL, and halves of surrogate pairs."""

_BACKSLASH = 0x5C  # a byte is looked for far faster by its number than a text is

RECORD = """INSERT INTO records (id, trace_id, tenant_id, key_id, at, status, model, provider, cost_nano, detail,
        team_id, user_id, app_id, end_user, asked, route, surface, code, tags, cache, guard, total_us)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
LEDGER = """INSERT INTO ledger (tenant_id, at, call_id, attempt, key_id, user_id, app_id, team_id, end_user, tags,
        target, nano, tokens, billed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
GRANT = """INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES (?, ?, ?, ?, ?, 0)
    ON CONFLICT (scope, period, start, owner) DO UPDATE SET amount = grants.amount + excluded.amount"""

Sums = dict[tuple[str, str, int], list[int]]
"""Nano-dollars and tokens by scope, kind of row and its start; see :mod:`headgate.ledger.balances`."""
Ended = tuple[Facts, bytes, list[Charge]]
"""What a finished call leaves: the countable facts, its record as written, and its charges."""

_end = msgspec.json.Decoder(EndLine).decode
_end_only = msgspec.json.Decoder(EndOnly).decode
_facts = msgspec.json.Decoder(Facts).decode


class Poison(Exception):
    """A line that cannot be stored as it is. ``ended`` is what can be said instead, if the charges could be read."""

    def __init__(self, ended: Ended | None = None, holds: int = 0) -> None:
        super().__init__()
        self.ended = ended
        self.holds = holds


def read_end(line: bytes) -> tuple[Ended, int]:
    """Return what an end line says, and how many holds it ends; raise :class:`Poison` where it cannot be read."""
    if _BACKSLASH in line and b"\\u" in line:
        line = UNSTORABLE.sub(rb"\\ufffd", line)
    try:
        end = _end(line)
        return (end.record, line[line.index(RECORD_BEGINS) + 2 : -1], end.charges), end.holds
    except (msgspec.MsgspecError, ValueError) as error:
        raise _poison(line) from error


def _poison(line: bytes) -> Poison:
    try:
        end = _end_only(line)
    except (msgspec.MsgspecError, ValueError):
        return Poison()
    return Poison(unreadable(end.call_id, "", end.charges), end.holds)


def ended_of(record: Record, charges: list[Charge]) -> Ended:
    """Return what is stored of a call that nobody ended."""
    raw = msgspec.json.encode(record)
    return _facts(raw), raw, charges


def unreadable(call_id: str, tenant_id: str, charges: list[Charge]) -> Ended:
    """Return what is stored of a call whose record cannot be: its money, and that there was one."""
    record = Record(
        id=call_id,
        trace_id=call_id.replace("-", ""),
        at=charges[0].at if charges else time_ns() // 1000,
        tenant_id=tenant_id,
        key_id=charges[0].scope if charges else None,
        surface="unknown",
        operation="unknown",
        status="failure",
        code="unreadable",
        http_status=500,
        cost_nano=sum(charge.nano for charge in charges),
        billed="uncertain",
    )
    return ended_of(record, charges)


def store_together(sql: Sql, owner: str, batch: list[Ended]) -> bool:
    """Write *batch* of the journal *owner* inside a transaction; False where part of it was there already.

    After False, or any exception, the transaction must be rolled back.
    """
    records = [record_row(facts, raw) for facts, raw, _ in batch]
    charged = [(facts, charge) for facts, _, charges in batch for charge in charges]
    rows = [ledger_row(facts, charge) for facts, charge in charged]
    if sql.insert(RECORD, records) + sql.insert(LEDGER, rows) != len(records) + len(rows):
        return False
    write_sums(sql, owner, charged)
    return True


def store_singly(sql: Sql, owner: str, batch: list[Ended]) -> tuple[list[Ended], list[Ended]]:
    """Write each of *batch* for itself; what is there already counts nothing.

    Return those whose records are new, and those that cannot be stored: their money is stored all the same.
    """
    new: list[Ended] = []
    poison: list[Ended] = []
    for ended in batch:
        try:
            new += store_one(sql, owner, ended)
        except BadValue:
            poison.append(ended)
            try:
                new += store_one(sql, owner, unreadable(ended[0].id, ended[0].tenant_id, ended[2]))
            except BadValue:
                continue  # an amount beyond 64 bits: it is in the file, and nowhere else
    return new, poison


def store_one(sql: Sql, owner: str, ended: Ended) -> list[Ended]:
    """Write one call, all or nothing; return it if its record is new."""
    facts, raw, charges = ended
    sql.execute("SAVEPOINT one")
    try:
        new = bool(sql.execute(RECORD, record_row(facts, raw)).rowcount)
        charged = [(facts, each) for each in charges if sql.execute(LEDGER, ledger_row(facts, each)).rowcount]
        write_sums(sql, owner, charged)
    except BadValue:
        sql.execute("ROLLBACK TO one")
        sql.execute("RELEASE one")
        raise
    sql.execute("RELEASE one")
    return [ended] if new else []


def record_row(facts: Facts, raw: bytes) -> tuple[object, ...]:
    """Return the row of ``records``."""
    id, trace_id = facts.id, facts.trace_id
    return (
        id,
        None if trace_id == id.replace("-", "") else trace_id,  # its own is found by the id
        facts.tenant_id,
        facts.key_id,
        facts.at,
        facts.status,
        facts.model_used or facts.model_requested,
        facts.provider_used,
        facts.cost_nano,
        raw.decode(),
        facts.team_id,
        facts.user_id,
        facts.app_id,
        facts.end_user,
        facts.model_requested,
        facts.route,
        facts.surface,
        facts.code,
        msgspec.json.encode(facts.tags).decode() if facts.tags else None,
        None if facts.cache is None else facts.cache.verdict,
        strongest(facts.guardrails) if facts.guardrails else None,
        int(facts.total_ms * 1000),
    )


def ledger_row(facts: Facts, charge: Charge) -> tuple[object, ...]:
    """Return the row of ``ledger``."""
    return (
        facts.tenant_id,
        charge.at,
        facts.id,
        charge.attempt,
        charge.scope,
        facts.user_id,
        facts.app_id,
        facts.team_id,
        facts.end_user,
        msgspec.json.encode(facts.tags).decode() if facts.tags else "",
        charge.target,
        charge.nano,
        charge.tokens,
        charge.billed,
    )


def write_sums(sql: Sql, owner: str, charged: list[tuple[Facts, Charge]]) -> None:
    """Add charges up by day, and take them off the grants that covered them.

    In order, so that two who add to the same rows do not wait for each other; last what its owner waits for.
    """
    if charged:
        balances, grants = charge_sums(charged)
        sql.executemany(ADD, [(*key, *sums) for key, sums in sorted(balances.items())])
        if grants:
            sql.lock([owner])
            sql.executemany(GRANT, [(owner, *key, -amount) for key, amount in sorted(grants.items())])


def charge_sums(charged: list[tuple[Facts, Charge]]) -> tuple[Sums, dict[Paid, int]]:
    """Return nano-dollars and tokens by scope and day, and all days; and what grants cover of them, in their unit."""
    together: dict[tuple[object, ...], tuple[Facts, Charge, list[int]]] = {}
    calendar = Calendar()
    for facts, charge in charged:
        day = calendar.bounds("day", charge.at, charge.zone)[0]
        whose = (facts.tenant_id, facts.team_id, facts.app_id, facts.user_id)
        key = (*whose, charge.scope, day, tuple(charge.scopes))
        found = together.get(key)
        if found is None:
            together[key] = (facts, charge, [charge.nano, charge.tokens])
        else:
            found[2][0] += charge.nano
            found[2][1] += charge.tokens
    balances: Sums = {}
    grants: dict[Paid, int] = {}
    for facts, charge, (nano, tokens) in together.values():
        day = calendar.bounds("day", charge.at, charge.zone)[0]
        for scope in {*standing(facts, charge.scope), *(scope for scope, _, _ in charge.scopes)}:
            for row in ((scope, DAY, day), (scope, TOTAL, 0)):
                sums = balances.setdefault(row, [0, 0])
                sums[0] += nano
                sums[1] += tokens
        for scope, period, start in charge.scopes:
            if period:
                paid = (scope, period, start)
                grants[paid] = grants.get(paid, 0) + (nano if period.islower() else tokens)
    return balances, grants


def standing(facts: Facts, scope: str) -> list[str]:
    """Return the scopes that a call is always added to; see :mod:`headgate.ledger.balances`."""
    found = [scope] if scope else []
    for kind, id in (
        ("tenant", facts.tenant_id),
        ("team", facts.team_id),
        ("app", facts.app_id),
        ("user", facts.user_id),
    ):
        if id:
            found.append(f"{kind}:{id}")
    return found
