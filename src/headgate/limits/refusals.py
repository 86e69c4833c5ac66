"""The words and headers with which a request is refused by a limit. Only a key's own holder is told how much it is."""

from headgate.access.types import Principal
from headgate.core.errors import NotNow, RateLimited
from headgate.limits.gcra import SECOND, Rule, wait

Quota = tuple[str, int, int]
"""A limit, what is left of it, and in how many nanoseconds it is whole again."""


def quota(rule: Rule, tat: int, now: int) -> Quota:
    """Return where a rate limit stands."""
    ahead = tat - now * rule.scale
    if ahead <= 0:
        return rule.limit, rule.burst // rule.cost, 0
    room = rule.burst - ahead
    return rule.limit, room // rule.cost if room > 0 else 0, -(-ahead // rule.scale)


def told(state: Quota) -> str:
    """Return the ``x-ratelimit-*`` lines of it, each ending in CRLF."""
    limit, remaining, reset = state
    return (
        f"x-ratelimit-limit-requests: {limit}\r\nx-ratelimit-remaining-requests: {remaining}\r\n"
        f"x-ratelimit-reset-requests: {reset / SECOND:.3f}s\r\n"
    )


def refused(who: Principal | None, message: str, state: Quota, nanoseconds: int) -> RateLimited:
    """Return the refusal: Retry-After in whole seconds, one at least, and the state of the limit.

    *who* is ``None`` where a model or provider has no room, and another may.
    """
    headers = dict(line.split(": ") for line in told(state).splitlines())
    headers["retry-after"] = str(max(-(-nanoseconds // SECOND), 1))
    return (NotNow if who is None else RateLimited)(message, headers=headers)


def over_rate(who: Principal | None, scope: str, name: str, rule: Rule, tat: int, now: int) -> RateLimited:
    """Return the refusal by the rate limit of *scope*."""
    span = "second" if rule.period == SECOND else "minute"
    message = f"The {name} has reached its limit of {amount(who, scope, rule.limit)}requests per {span}."
    return refused(who, message, quota(rule, tat, now), wait(rule, tat, now, 1))


def crowded(who: Principal | None, scope: str, name: str, cap: int) -> RateLimited:
    """Return the refusal by the limit of requests in flight of *scope*."""
    message = f"The {name} has reached its limit of {amount(who, scope, str(cap))}requests at the same time."
    return refused(who, message, (str(cap), 0, SECOND), SECOND)


def amount(who: Principal | None, scope: str, limit: str) -> str:
    """Return the number for the message, where it is the caller's own; others' limits are not told."""
    return f"{limit} " if who is not None and scope == who.id else ""
