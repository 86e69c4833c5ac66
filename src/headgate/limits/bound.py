"""Whom a call binds: every scope whose limits it must keep, outermost first."""

import msgspec

from headgate.access.types import NO_LIMITS, Limits, Principal
from headgate.limits.types import Standing


class Bound(msgspec.Struct, frozen=True, gc=False):
    """One scope and its limits."""

    scope: str
    name: str
    """In words: ``team 'search'``."""
    limits: Limits


def bound_by(who: Principal, standing: Standing) -> list[Bound]:
    """Return the scopes that every call of *who* binds; the last one is its own."""
    found = [Bound("installation", "installation", standing.installation)]
    found += [Bound(one.scope, f"{one.kind.replace('_', ' ')} {one.name!r}", one.limits) for one in who.subjects]
    if who.user_id is not None and not any(one.kind == "user" for one in who.subjects):
        found.append(Bound(f"user:{who.user_id}", f"user {who.user_id!r}", standing.user))
    found.append(Bound(who.id, f"{who.kind} {who.name!r}", who.limits))
    return [one for one in found if one.limits != NO_LIMITS]


def bound_for(who: Principal, end_user: str, standing: Standing) -> Bound | None:
    """Return the scope of an end user of the tenant of *who*; ``None`` where no limits are set for any."""
    limits = who.end_user_limits if who.end_user_limits != NO_LIMITS else standing.end_user
    if limits == NO_LIMITS:
        return None
    return Bound(f"end_user:{who.tenant_id}:{end_user}", f"end user {end_user!r}", limits)


def bound_at(target: str, standing: Standing) -> list[Bound]:
    """Return the scopes of the provider and the model of *target*, ``provider/model``."""
    provider = target.partition("/")[0]
    found = [
        Bound(f"provider:{provider}", f"provider {provider!r}", standing.providers.get(provider, NO_LIMITS)),
        Bound(f"model:{target}", f"model {target!r}", standing.models.get(target, NO_LIMITS)),
    ]
    return [one for one in found if one.limits != NO_LIMITS]
