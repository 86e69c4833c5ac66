"""Nobody gives what it does not have, nor changes who can do more than it can: a role would rise that way.

Nor does a tenant lift what the platform sets for it.
"""

from collections.abc import Iterable

from headgate.access.permissions import PLATFORM_TENANT
from headgate.access.reach import beyond, reach
from headgate.access.types import Grants, Principal
from headgate.core.errors import Forbidden

TOLD = 5


def may_give(who: Principal, permissions: Iterable[str], scope: str, param: str | None = None) -> None:
    """Raise ``Forbidden`` where *who* does not have all of *permissions* itself, as far as *scope*."""
    missing = beyond(who, permissions, scope)
    if missing:
        more = f" and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
        raise Forbidden(
            f"You cannot give what you do not have, as far as {scope!r}: {', '.join(missing[:TOLD])}{more}.",
            code="beyond_your_own",
            param=param,
        )


def may_touch(who: Principal, held: Grants) -> None:
    """Raise ``Forbidden`` where somebody with the grants *held* can do more than *who*, who would change it."""
    for scope, permissions in held:
        if beyond(who, permissions, scope):
            raise Forbidden(
                "Whoever this is may do more than you: only who may as much can change it.", code="beyond_your_own"
            )


def may_stand_for(who: Principal, user_id: str | None, held: Grants) -> None:
    """Raise ``Forbidden`` where an admin key of another user would let *who* at what is that user's own, by *held*."""
    for scope, permissions in held if user_id not in (None, who.user_id) else ():
        if scope == "own":
            may_give(who, permissions, "tenant", "user_id")


def over_platform(who: Principal, permission: str) -> bool:
    """Whether *who* has *permission* over the whole platform."""
    far = reach(who, permission)
    return far is not None and far.platform


def may_bill(who: Principal, permission: str, what: str, param: str | None = None) -> None:
    """Raise ``Forbidden`` where a tenant would say itself what it is billed; the installation's own does."""
    if who.tenant_id != PLATFORM_TENANT and not over_platform(who, permission):
        raise Forbidden(
            f"{what}: who administers the platform says what a tenant is billed.", code="beyond_your_own", param=param
        )
