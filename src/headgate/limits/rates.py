"""Rate limits and places in flight as several processes share them: rows of the database.

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

    scope: str
    name: str
    rule: Rule
    need: int
    most: int


class Places(msgspec.Struct, frozen=True):
    """What is wanted of the places in flight of one scope: one at least."""

    scope: str
    cap: int
    most: int


class Granted(msgspec.Struct, frozen=True):
    """All was there: units and states after by claim, and places, in the order in which they were wanted."""

    at: int
    """When it was, by the store's clock."""
    units: list[int]
    tats: list[int]
    places: list[int]


class Refused(msgspec.Struct, frozen=True):
    """Nothing was taken: *name* (a claim's, or ``SLOTS``) of *scope* was short."""

    at: int
    scope: str
    name: str
    tat: int


def take(sql: Sql, owner: str, claims: list[Claim], places: list[Places], now: int) -> Granted | Refused:
    """Take all of it or nothing, at *now* (nanoseconds). The scopes' names are locked."""
    lent = in_flight(sql, [place.scope for place in places])
    for place in places:
        if lent.get(place.scope, 0) >= place.cap:
            return Refused(now, place.scope, SLOTS, 0)
    tats = states_of(sql, claims, now)
    for claim, tat in zip(claims, tats, strict=True):
        if wait(claim.rule, tat, now, claim.need):
            return Refused(now, claim.scope, claim.name, tat)
    units = [max(c.need, min(c.most, left(c.rule, tat, now))) for c, tat in zip(claims, tats, strict=True)]
    after = [taken(c.rule, tat, now, count) for c, tat, count in zip(claims, tats, units, strict=True)]
    write(sql, [(c.scope, c.name, c.rule, tat) for c, tat in zip(claims, after, strict=True)])
    found = [min(place.most, place.cap - lent.get(place.scope, 0)) for place in places]
    lend(sql, owner, [(place.scope, count) for place, count in zip(places, found, strict=True)])
    return Granted(now, units, after, found)


def in_flight(sql: Sql, scopes: list[str]) -> dict[str, int]:
    """Return how many places of each scope are lent, to all processes."""
    if not scopes:
        return {}
    marks = ", ".join("?" * len(scopes))
    query = f"SELECT scope, CAST(SUM(amount) AS BIGINT) FROM grants WHERE period = ? AND scope IN ({marks}) GROUP BY 1"  # noqa: S608
    return dict(sql.execute(query, (SLOTS, *scopes)).fetchall())


def states_of(sql: Sql, claims: list[Claim], now: int) -> list[int]:
    """Return the buckets' states, in the ticks of the claims' rules."""
    scopes = sorted({claim.scope for claim in claims})
    if not scopes:
        return []
    query = f"SELECT scope, name, tat FROM rates WHERE scope IN ({', '.join('?' * len(scopes))})"  # noqa: S608
    rows = {(scope, name): tat for scope, name, tat in sql.execute(query, scopes)}
    states, wrong = [], []
    for claim in claims:
        rule, state = claim.rule, _state(rows.get((claim.scope, claim.name)), claim.rule, now)
        if state - now * rule.scale > 2 * rule.burst:
            # A monotonic clock begins anew with its machine, and this was written before: one burst ahead at most.
            state = now * rule.scale + rule.burst
            wrong.append((claim.scope, claim.name, rule, state))
        states.append(state)
    write(sql, wrong)
    return states


def _state(row: str | None, rule: Rule, now: int) -> int:
    if row is None:
        return 0
    state, scale, cost = map(int, row.split("/"))
    return state if (scale, cost) == (rule.scale, rule.cost) else converted((scale, cost), rule, state, now)


def give(sql: Sql, returned: list[tuple[str, str, Rule, int]], now: int) -> None:
    """Give unused units of (scope, name, rule) back; a negative number takes, room or not."""
    claims = [Claim(scope, name, rule, 0, 0) for scope, name, rule, _ in returned]
    states = states_of(sql, claims, now)
    rows = []
    for (scope, name, rule, units), state in zip(returned, states, strict=True):
        rows.append((scope, name, rule, given(rule, state, units) if units >= 0 else taken(rule, state, now, -units)))
    write(sql, rows)


def write(sql: Sql, states: list[tuple[str, str, Rule, int]]) -> None:
    """Store the states of buckets."""
    if states:
        sql.executemany(
            "INSERT INTO rates (scope, name, tat) VALUES (?, ?, ?)"
            " ON CONFLICT (scope, name) DO UPDATE SET tat = excluded.tat",
            [(scope, name, f"{tat}/{rule.scale}/{rule.cost}") for scope, name, rule, tat in states],
        )


def lend(sql: Sql, owner: str, places: list[tuple[str, int]]) -> None:
    """Lend places to *owner*. When its journal is found unlocked they come back by themselves."""
    if places:
        sql.executemany(
            "INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES (?, ?, ?, 0, ?, ?)"
            " ON CONFLICT (scope, period, start, owner) DO UPDATE SET amount = grants.amount + excluded.amount",
            [(owner, scope, SLOTS, count, NEVER) for scope, count in places],
        )


def return_places(sql: Sql, owner: str, places: list[tuple[str, int]]) -> None:
    """Take lent places back; those of an owner who was thought dead have come back already."""
    if places:
        sql.executemany(
            "UPDATE grants SET amount = CASE WHEN amount > ? THEN amount - ? ELSE 0 END"
            " WHERE owner = ? AND scope = ? AND period = ? AND start = 0",
            [(count, count, owner, scope, SLOTS) for scope, count in places],
        )


def hold_places(sql: Sql, owner: str, places: list[tuple[str, int]]) -> None:
    """Set how many places of each scope *owner* has."""
    sql.executemany(
        "INSERT INTO grants (owner, scope, period, start, amount, expires_at) VALUES (?, ?, ?, 0, ?, ?)"
        " ON CONFLICT (scope, period, start, owner) DO UPDATE SET amount = excluded.amount",
        [(owner, scope, SLOTS, count, NEVER) for scope, count in places],
    )
