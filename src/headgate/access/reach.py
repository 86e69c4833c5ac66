"""How far somebody's permission goes: over all tenants, over the own one, over some teams, or over what is its own."""

from collections.abc import Iterable

import msgspec

from headgate.access.types import Grants, Principal

TEAM = "team:"


class Reach(msgspec.Struct, frozen=True):
    """Of one permission, as one principal has it."""

    platform: bool = False
    tenant: bool = False
    teams: frozenset[str] = frozenset()
    own: bool = False

    @property
    def narrow(self) -> bool:
        """It does not go over the whole tenant."""
        return not (self.platform or self.tenant)

    def covers(self, scope: str) -> bool:
        """Whether it goes at least as far as *scope*, in the words of ``Principal.scope``."""
        if self.platform or (self.tenant and scope != "platform"):
            return True
        return scope.removeprefix(TEAM) in self.teams if scope.startswith(TEAM) else scope == "own" and self.own


def grants(who: Principal) -> Grants:
    """Return what *who* may, by how far it goes."""
    return who.grants or (((who.scope, who.permissions),) if who.permissions else ())


def reach(who: Principal, permission: str) -> Reach | None:
    """Return how far *permission* goes for *who*; ``None`` where it does not have it at all."""
    scopes = [scope for scope, allowed in grants(who) if permission in allowed]
    if not scopes:
        return None
    return Reach(
        platform="platform" in scopes,
        tenant="tenant" in scopes,
        teams=frozenset(scope.removeprefix(TEAM) for scope in scopes if scope.startswith(TEAM)),
        own="own" in scopes,
    )


def beyond(who: Principal, permissions: Iterable[str], scope: str) -> list[str]:
    """Return those of *permissions* that *who* does not have itself, or not as far as *scope*: it cannot give them."""
    missing = []
    for permission in permissions:
        own = reach(who, permission)
        if own is None or not own.covers(scope):
            missing.append(permission)
    return sorted(missing)
