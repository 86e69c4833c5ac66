"""Scopes and callers that are known: what a caller's call binds is looked up once, not at every call."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from headgate.access.types import Limits, Principal
from headgate.limits.bound import Bound, bound_at, bound_by, bound_for
from headgate.limits.types import Standing

MAX_SCOPES = 200_000
"""Scopes remembered at once. Beyond it the idle ones are forgotten, which loses nothing: their buckets are full."""
MAX_TICKETS = 200_000


class Known(Protocol):
    """What is known of one scope."""

    limits: Limits


S = TypeVar("S", bound=Known)
T = TypeVar("T")


class Ticket(msgspec.Struct, Generic[T], gc=False, eq=False):
    """What one caller or target binds: good while neither it nor any of its scopes has changed."""

    who: Principal | None
    bound: T
    epoch: int


class Register(Generic[S, T]):
    """Scopes by id, and tickets by caller."""

    def __init__(
        self,
        standing: Standing,
        make: Callable[[Bound], S],
        change: Callable[[S, Bound], S],
        together: Callable[[list[S]], T],
        *,
        idle: Callable[[S], bool],
    ) -> None:
        """*make* begins a scope, *change* takes over other limits, *together* is what a ticket says of its scopes.

        *idle* is whether nothing is lost by forgetting a scope.
        """
        self.standing = standing
        self.scopes: OrderedDict[str, S] = OrderedDict()
        self.epoch = 0
        """Grows when a scope was forgotten or changed: tickets from before are looked up again."""
        self._tickets: OrderedDict[str, Ticket[T]] = OrderedDict()
        self._targets: dict[str, Ticket[T]] = {}
        self._make = make
        self._change = change
        self._together = together
        self._idle = idle

    def begin_anew(self) -> None:
        """Forget every scope."""
        self.scopes.clear()
        self.epoch += 1

    def follow(self, standing: Standing) -> None:
        """Take over changed limits of the configuration."""
        self.standing = standing
        self._targets.clear()
        self.epoch += 1

    def caller(self, who: Principal) -> T:
        """Return what every call of *who* binds."""
        ticket = self._tickets.get(who.id)
        if ticket is not None and ticket.who is who and ticket.epoch == self.epoch:
            return ticket.bound
        if len(self._tickets) >= MAX_TICKETS:
            self._tickets.popitem(last=False)
        scopes = [self.scope(bound) for bound in bound_by(who, self.standing)]
        ticket = self._tickets[who.id] = Ticket(who, self._together(scopes), self.epoch)
        return ticket.bound

    def with_end_user(self, who: Principal, end_user: str) -> tuple[T, S | None]:
        """Return the same, and the scope of its end user where that has limits."""
        bound = bound_for(who, end_user, self.standing)
        scope = self.scope(bound) if bound is not None else None
        return self.caller(who), scope

    def target(self, target: str) -> T | None:
        """Return what a try at *target* binds; ``None`` where no target has limits."""
        if not self.standing.models and not self.standing.providers:
            return None
        ticket = self._targets.get(target)
        if ticket is None or ticket.epoch != self.epoch:
            if len(self._targets) >= MAX_TICKETS:
                self._targets.clear()
            scopes = [self.scope(bound) for bound in bound_at(target, self.standing)]
            ticket = self._targets[target] = Ticket(None, self._together(scopes), self.epoch)
        return ticket.bound

    def scope(self, bound: Bound) -> S:
        """Return the scope, with the limits that it is said to have now."""
        scope = self.scopes.get(bound.scope)
        if scope is None:
            if len(self.scopes) >= MAX_SCOPES:
                self._forget()
            scope = self.scopes[bound.scope] = self._make(bound)
            return scope
        if scope.limits is not bound.limits:
            if scope.limits != bound.limits:
                scope = self.scopes[bound.scope] = self._change(scope, bound)
                self.epoch += 1
            scope.limits = bound.limits
        self.scopes.move_to_end(bound.scope)
        return scope

    def _forget(self) -> None:
        """Forget the two that were looked up longest ago, unless they are in use: those are put back."""
        for _ in range(2):
            name, scope = self.scopes.popitem(last=False)
            if self._idle(scope):
                self.epoch += 1
            else:
                self.scopes[name] = scope
