"""Admission by requests per second, per minute and in flight, for one process: memory and arithmetic."""

from collections.abc import Callable
from time import monotonic_ns

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


class Lane:
    """One rate limit of one scope: its rule, written out, and how much of it is used."""

    __slots__ = ("burst", "cost", "next", "rule", "scale", "scope", "tat")

    def __init__(self, scope: "Scope", rule: Rule) -> None:
        self.scope = scope
        self.rule = rule
        self.scale, self.cost, self.burst = rule.scale, rule.cost, rule.burst
        self.tat = self.next = 0


class Scope:
    """What is known of one scope: its limits and how much of each is used."""

    __slots__ = ("cap", "clock", "id", "inflight", "lanes", "limits", "name")

    def __init__(self, bound: Bound, clock: Callable[[], int]) -> None:
        self.id, self.name, self.limits = bound
        self.clock = clock
        self.inflight = 0
        self.cap: int | None = None
        self.lanes: tuple[Lane, ...] = ()
        self.follow(bound.limits)

    def follow(self, limits: Limits) -> None:
        """Take over changed limits; what is used stays used."""
        before = {lane.rule.period: lane for lane in self.lanes}
        rates = ((limits.rps, 1), (limits.rpm, 60))
        self.lanes = tuple(Lane(self, Rule.of(limit, seconds)) for limit, seconds in rates if limit is not None)
        for lane in self.lanes:
            old = before.get(lane.rule.period)
            if old is not None:
                lane.tat = converted((old.scale, old.cost), lane.rule, old.tat, self.clock())
        self.limits, self.cap = limits, limits.concurrency

    def idle(self) -> bool:
        """See :class:`headgate.limits.register.Known`."""
        now = self.clock()
        return not self.inflight and all(full_in(lane.rule, lane.tat, now) == 0 for lane in self.lanes)


Together = tuple[tuple[Lane, ...], tuple[Scope, ...]]
"""The rates of several scopes, and those of them that limit how many are in flight."""


def together(scopes: list[Scope]) -> Together:
    """Return them as they are gone through at every call."""
    lanes = tuple(lane for scope in scopes for lane in scope.lanes)
    return lanes, tuple(scope for scope in scopes if scope.cap is not None)


class Taken:
    """A place under limits."""

    __slots__ = ("_capped", "_clock", "_scarcest")

    def __init__(self, capped: tuple[Scope, ...], scarcest: Lane | None, clock: Callable[[], int]) -> None:
        self._capped = capped
        self._scarcest = scarcest
        self._clock = clock

    def lines(self) -> str:
        """``x-ratelimit-*`` lines of the rate limit that was nearest to its end."""
        lane = self._scarcest
        return "" if lane is None else told(quota(lane.rule, lane.tat, self._clock()))

    def release(self) -> None:
        """See :class:`headgate.limits.types.Slot`."""
        for scope in self._capped:
            scope.inflight -= 1
        self._capped = ()


class LocalGate:
    """:class:`headgate.limits.types.Gate` where one process serves all requests."""

    def __init__(self, clock: Callable[[], int] = monotonic_ns, standing: Standing | None = None) -> None:
        """*clock* gives monotonic nanoseconds."""
        self._clock = clock
        self._known: Register[Scope, Together] = Register(
            standing or Standing(), lambda bound: Scope(bound, clock), _changed, together
        )
        self.follow = self._known.follow

    def admit(self, who: Principal, end_user: str | None = None) -> Slot:
        """See :class:`headgate.limits.types.Gate`. Never waits."""
        if end_user is None:
            lanes, capped = self._known.caller(who)
        else:
            (lanes, capped), scope = self._known.with_end_user(who, end_user)
            if scope is not None:
                lanes = lanes + scope.lanes
                capped = (*capped, scope) if scope.cap is not None else capped
        return self._take(who, lanes, capped) if lanes or capped else FREE

    def enter(self, target: str) -> Slot:
        """See :class:`headgate.limits.types.Gate`. Never waits."""
        found = self._known.target(target)
        return self._take(None, *found) if found is not None and (found[0] or found[1]) else FREE

    def _take(self, who: Principal | None, lanes: tuple[Lane, ...], capped: tuple[Scope, ...]) -> Slot:
        """Take one of each or of none; *who* is ``None`` for a target."""
        for scope in capped:
            if scope.cap is not None and scope.inflight >= scope.cap:
                raise crowded(who, scope.id, scope.name, scope.cap)
        now = self._clock()
        least, scarcest = 1 << 62, None
        for lane in lanes:  # gcra.wait and gcra.taken, written out: two calls each would double the cost of admission
            ticks = now * lane.scale
            tat = lane.tat
            tat = (tat if tat > ticks else ticks) + lane.cost
            room = lane.burst - tat + ticks
            if room < 0:
                raise over_rate(who, lane.scope.id, lane.scope.name, lane.rule, lane.tat, now)
            lane.next = tat
            room //= lane.cost
            if room < least:
                least, scarcest = room, lane
        for lane in lanes:
            lane.tat = lane.next
        for scope in capped:
            scope.inflight += 1
        return Taken(capped, scarcest, self._clock)


def _changed(scope: Scope, bound: Bound) -> Scope:
    scope.follow(bound.limits)
    return scope
