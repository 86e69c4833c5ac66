"""Nobody gives what it does not have, nor changes who can do more than it can: a role would rise that way."""

from collections.abc import Iterable

from headgate.access.reach import beyond
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
