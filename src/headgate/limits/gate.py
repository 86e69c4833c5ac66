"""Admission by requests per second, per minute and in flight, for one process: memory and arithmetic."""

from collections.abc import Callable
from time import monotonic_ns

import msgspec

from headgate.access.types import Limits, Principal
from headgate.limits.bound import Bound
from headgate.limits.gcra import Rule, converted, full_in
from headgate.limits.refusals import crowded, over_rate, quota, told
from headgate.limits.register import Register
from headgate.limits.types import Slot, Standing


class Free:
    """The slot of a caller without limits: one for all, nothing to give back."""

    __slots__ = ()

    def lines(self) -> str:
        """Nothing to tell."""
        return ""

    def release(self) -> None:
        """Nothing to give back."""


FREE = Free()


class Scope(msgspec.Struct, gc=False, eq=False, kw_only=True):
    """What is known of one scope: its limits and how much of each is used.

    There may be as many as there are keys, so the garbage collector does not track them: it would stop the loop to walk
    them all. What every request looks at comes first, in as few lines of the processor's cache as can be.
    """

    cap: int | None = None
    inflight: int = 0
    rps: Rule | None = None
    rps_tat: int = 0
    rpm: Rule | None = None
    rpm_tat: int = 0
    limits: Limits
    id: str
    name: str

    def follow(self, limits: Limits, now: int) -> None:
        """Take over changed limits; what is used stays used."""
        rps, rpm = self.rps, self.rpm
        self.rps = Rule.of(limits.rps, 1) if limits.rps is not None else None
        self.rpm = Rule.of(limits.rpm, 60) if limits.rpm is not None else None
        self.rps_tat = converted((rps.scale, rps.cost), self.rps, self.rps_tat, now) if rps and self.rps else 0
        self.rpm_tat = converted((rpm.scale, rpm.cost), self.rpm, self.rpm_tat, now) if rpm and self.rpm else 0
        self.limits, self.cap = limits, limits.concurrency

    def idle(self, now: int) -> bool:
        """Whether nothing is lost by forgetting it."""
        full = self.rps is None or full_in(self.rps, self.rps_tat, now) == 0
        return full and not self.inflight and (self.rpm is None or full_in(self.rpm, self.rpm_tat, now) == 0)


Scopes = tuple[Scope, ...]


class Taken:
    """A place under limits."""

    __slots__ = ("_clock", "_rule", "_scarcest", "_scopes")

    def __init__(self, scopes: Scopes, scarcest: Scope | None, rule: Rule | None, clock: Callable[[], int]) -> None:
        self._scopes = scopes
        self._scarcest = scarcest
        self._rule = rule
        self._clock = clock

    def lines(self) -> str:
        """``x-ratelimit-*`` lines of the rate limit that was nearest to its end."""
        scope, rule = self._scarcest, self._rule
        if scope is None or rule is None:
            return ""
        return told(quota(rule, scope.rps_tat if rule is scope.rps else scope.rpm_tat, self._clock()))

    def release(self) -> None:
        """See :class:`headgate.limits.types.Slot`."""
        for scope in self._scopes:
            scope.inflight -= 1
        self._scopes = ()


class LocalGate:
    """:class:`headgate.limits.types.Gate` where one process serves all requests."""

    def __init__(self, clock: Callable[[], int] = monotonic_ns, standing: Standing | None = None) -> None:
        """*clock* gives monotonic nanoseconds."""
        self._clock = clock
        self._known: Register[Scope, Scopes] = Register(
            standing or Standing(), self._made, self._changed, limiting, idle=lambda scope: scope.idle(clock())
        )
        self.follow = self._known.follow

    def admit(self, who: Principal, end_user: str | None = None) -> Slot:
        """See :class:`headgate.limits.types.Gate`. Never waits."""
        if end_user is None:
            scopes = self._known.caller(who)
        else:
            scopes, scope = self._known.with_end_user(who, end_user)
            if scope is not None:
                scopes = (*scopes, scope)
        return self._take(who, scopes) if scopes else FREE

    def enter(self, target: str) -> Slot:
        """See :class:`headgate.limits.types.Gate`. Never waits."""
        scopes = self._known.target(target)
        return self._take(None, scopes) if scopes else FREE

    def _take(self, who: Principal | None, scopes: Scopes) -> Slot:
        """Take one of each or of none; *who* is ``None`` for a target."""
        now = self._clock()
        least: int = 1 << 62
        scarcest = scarce_rule = None
        for scope in scopes:  # gcra.wait and gcra.taken, written out: two calls each would double the cost of admission
            if scope.cap is not None and scope.inflight >= scope.cap:
                _undo(scopes, scope)
                raise crowded(who, scope.id, scope.name, scope.cap)
            rule, per_minute, second, minute = scope.rps, scope.rpm, 0, 0
            if rule is not None:
                ticks = now * rule.scale
                second = scope.rps_tat
                second = (second if second > ticks else ticks) + rule.cost
                slack = rule.burst - second + ticks
                if slack < least * rule.cost:  # a division each would cost more than all else
                    if slack < 0:
                        _undo(scopes, scope)
                        raise over_rate(who, scope.id, scope.name, rule, scope.rps_tat, now)
                    least, scarcest, scarce_rule = slack // rule.cost, scope, rule
            if per_minute is not None:
                ticks = now * per_minute.scale
                minute = scope.rpm_tat
                minute = (minute if minute > ticks else ticks) + per_minute.cost
                slack = per_minute.burst - minute + ticks
                if slack < least * per_minute.cost:
                    if slack < 0:
                        _undo(scopes, scope)
                        raise over_rate(who, scope.id, scope.name, per_minute, scope.rpm_tat, now)
                    least, scarcest, scarce_rule = slack // per_minute.cost, scope, per_minute
            scope.rps_tat, scope.rpm_tat = second, minute
            scope.inflight += 1
        return Taken(scopes, scarcest, scarce_rule, self._clock)

    def _made(self, bound: Bound) -> Scope:
        scope = Scope(id=bound.scope, name=bound.name, limits=bound.limits)
        scope.follow(bound.limits, 0)
        return scope

    def _changed(self, scope: Scope, bound: Bound) -> Scope:
        scope.follow(bound.limits, self._clock())
        return scope


def _undo(scopes: Scopes, until: Scope) -> None:
    """Give back what was taken of the scopes before *until*: one of them has no room."""
    for scope in scopes:
        if scope is until:
            return
        scope.inflight -= 1
        if scope.rps is not None:
            scope.rps_tat -= scope.rps.cost
        if scope.rpm is not None:
            scope.rpm_tat -= scope.rpm.cost


def limiting(scopes: list[Scope]) -> Scopes:
    """Return those that limit requests, and not tokens alone."""
    return tuple([one for one in scopes if one.rps is not None or one.rpm is not None or one.cap is not None])
