"""Rate limits and places in flight as the processes of one machine share them: rows of the embedded database.

A process takes slices ahead of use, so a slice is debited before anyone is admitted from it. All slices out together
are at most 1 percent of a limit, and the shared bucket is smaller by as much: a limit may come out that much low, never
high.
"""

import msgspec

from headgate.limits.gcra import Rule, converted, given, left, taken, wait
from headgate.storage.sql import Sql

SLOTS = "c"
"""The period under which places in flight stand among the grants: they have no window, they are only lent."""
NEVER = 2**62


def slice_units(limit: float, workers: int) -> int:
    """Return how many units a process takes at once: its share of 1 percent, or one.

    >>> [slice_units(limit, 4) for limit in (10, 600, 4000)]
    [1, 1, 10]
    """
    return max(int(limit) // (100 * workers), 1)


class Claim(msgspec.Struct, frozen=True):
    """What is wanted of one rate limit: ``need`` units, up to ``most`` if there are as many."""

    name: str
    rule: Rule
    need: int
    most: int


class Places(msgspec.Struct, frozen=True):
    """What is wanted of the places in flight."""

    cap: int
    most: int


class Granted(msgspec.Struct, frozen=True):
    """All was there. ``tats`` are the states after, by name."""

    units: dict[str, int]
    tats: dict[str, int]
    places: int


class Refused(msgspec.Struct, frozen=True):
    """Nothing was taken: ``name`` (a claim's, or ``SLOTS``) was short."""

    name: str
    tat: int


def take(sql: Sql, owner: str, scope: str, claims: list[Claim], places: Places | None, now: int) -> Granted | Refused:
    """Take all of it or nothing, at *now* (monotonic nanoseconds)."""
    found = 0
    if places is not None:
        (found,) = sql.execute(
            "SELECT COALESCE(SUM(amount), 0) FROM grants WHERE scope = ? AND period = ?", (scope, SLOTS)
        ).fetchone()
        if found >= places.cap:
            return Refused(SLOTS, 0)
    tats = {claim.name: state_of(sql, scope, claim, now) for claim in claims}
    for claim in claims:
        if wait(claim.rule, tats[claim.name], now, claim.need):
            return Refused(claim.name, tats[claim.name])
    units = {c.name: max(c.need, min(c.most, left(c.rule, tats[c.name], now))) for c in claims}
    after = {c.name: taken(c.rule, tats[c.name], now, units[c.name]) for c in claims}
    for claim in claims:
        write(sql, scope, claim.name, claim.rule, after[claim.name])
    lent = 0
    if places is not None:
        lent = min(places.most, places.cap - found)
        lend(sql, owner, scope, lent)
    return Granted(units, after, lent)


def state_of(sql: Sql, scope: str, claim: Claim, now: int) -> int:
    """Return the bucket's state, in the ticks of the claim's rule."""
    row = sql.execute("SELECT tat FROM rates WHERE scope = ? AND name = ?", (scope, claim.name)).fetchone()
    if row is None:
        return 0
    state, scale, cost = map(int, row[0].split("/"))
    if (scale, cost) != (claim.rule.scale, claim.rule.cost):
        state = converted((scale, cost), claim.rule, state, now)
    if state - now * claim.rule.scale > 2 * claim.rule.burst:
        # The monotonic clock begins anew with the machine, and this was written before that: one burst ahead at most.
        state = now * claim.rule.scale + claim.rule.burst
        write(sql, scope, claim.name, claim.rule, state)
    return state


def give(sql: Sql, scope: str, name: str, rule: Rule, units: int, now: int) -> None:
    """Give unused units back; a negative number takes, room or not."""
    claim = Claim(name, rule, 0, 0)
    state = state_of(sql, scope, claim, now)
    write(sql, scope, name, rule, given(rule, state, units) if units >= 0 else taken(rule, state, now, -units))


def write(sql: Sql, scope: str, name: str, rule: Rule, tat: int) -> None:
    """Store a bucket's state."""
    sql.execute(
        "INSERT INTO rates VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET tat = excluded.tat",
        (scope, name, f"{tat}/{rule.scale}/{rule.cost}"),
    )


def lend(sql: Sql, owner: str, scope: str, places: int) -> None:
    """Lend places to *owner*, or take them back. When its journal is found unlocked they come back by themselves."""
    sql.execute(
        "INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES (?, ?, ?, 0, ?, ?)"
        " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
        (owner, scope, SLOTS, places, NEVER),
    )
