"""Admission by requests per second, per minute and in flight, for one process: memory and arithmetic."""

from collections.abc import Callable
from time import monotonic_ns

from headgate.access.types import Limits, Principal
from headgate.core.errors import RateLimited
from headgate.limits.gcra import SECOND, Rule, converted, full_in, wait
from headgate.limits.types import Slot

MAX_SUBJECTS = 50_000
"""Subjects remembered at once. Beyond it the idle ones are forgotten, which loses nothing: their buckets are full."""


class Free:
    """The slot of a caller without limits: one for all, nothing to give back."""

    __slots__ = ()

    def lines(self) -> str:
        """Nothing to tell."""
        return ""

    def release(self) -> None:
        """Nothing to give back."""


FREE = Free()


class Subject:
    """What is known of one caller: its rules and how much of each is used."""

    __slots__ = ("cap", "inflight", "limits", "rpm", "rpm_tat", "rps", "rps_tat")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rps = Rule.of(limits.rps, 1) if limits.rps is not None else None
        self.rpm = Rule.of(limits.rpm, 60) if limits.rpm is not None else None
        self.cap = limits.concurrency
        self.rps_tat = self.rpm_tat = self.inflight = 0

    def follow(self, limits: Limits, now: int) -> None:
        """Take over changed limits; what is used stays used."""
        new = Subject(limits)
        if self.rps is not None and new.rps is not None:
            new.rps_tat = converted((self.rps.scale, self.rps.cost), new.rps, self.rps_tat, now)
        if self.rpm is not None and new.rpm is not None:
            new.rpm_tat = converted((self.rpm.scale, self.rpm.cost), new.rpm, self.rpm_tat, now)
        self.limits, self.rps, self.rpm, self.cap = limits, new.rps, new.rpm, new.cap
        self.rps_tat, self.rpm_tat = new.rps_tat, new.rpm_tat

    def idle(self, now: int) -> bool:
        """Whether nothing is lost by forgetting it."""
        full = self.rps is None or full_in(self.rps, self.rps_tat, now) == 0
        return full and not self.inflight and (self.rpm is None or full_in(self.rpm, self.rpm_tat, now) == 0)


class Taken:
    """A place under limits."""

    __slots__ = ("_clock", "_held", "_subject")

    def __init__(self, subject: Subject, clock: Callable[[], int]) -> None:
        self._subject = subject
        self._clock = clock
        self._held = True

    def lines(self) -> str:
        """``x-ratelimit-*`` lines of the rate limit that is nearest to its end."""
        subject = self._subject
        return told(nearest(subject.rps, subject.rps_tat, subject.rpm, subject.rpm_tat, self._clock()))

    def release(self) -> None:
        """See :class:`headgate.limits.types.Slot`."""
        if self._held:
            self._held = False
            self._subject.inflight -= 1


class LocalGate:
    """:class:`headgate.limits.types.Gate` where one process serves all requests."""

    def __init__(self, clock: Callable[[], int] = monotonic_ns) -> None:
        """*clock* gives monotonic nanoseconds."""
        self._clock = clock
        self._subjects: dict[str, Subject] = {}
        self._swept = 0

    def admit(self, who: Principal) -> Slot:
        """See :class:`headgate.limits.types.Gate`. Never waits."""
        limits = who.limits
        if limits.rps is None and limits.rpm is None and limits.concurrency is None:
            return FREE
        subject = self._subjects.get(who.id)
        if subject is None or subject.limits is not limits:
            subject = self._know(who)
        now = self._clock()
        if subject.cap is not None and subject.inflight >= subject.cap:
            raise crowded(who, subject.cap)
        # gcra.wait and gcra.taken, written out: two calls each would double the cost of admission
        rps, rpm, rps_tat, rpm_tat = subject.rps, subject.rpm, 0, 0
        if rps is not None:
            ticks = now * rps.scale
            rps_tat = subject.rps_tat
            rps_tat = (rps_tat if rps_tat > ticks else ticks) + rps.cost
            if rps_tat - ticks > rps.burst:
                raise refusal(who, rps, subject.rps_tat, now)
        if rpm is not None:
            ticks = now * rpm.scale
            rpm_tat = subject.rpm_tat
            rpm_tat = (rpm_tat if rpm_tat > ticks else ticks) + rpm.cost
            if rpm_tat - ticks > rpm.burst:
                raise refusal(who, rpm, subject.rpm_tat, now)
        subject.rps_tat = rps_tat
        subject.rpm_tat = rpm_tat
        subject.inflight += 1
        return Taken(subject, self._clock)

    def _know(self, who: Principal) -> Subject:
        subject = self._subjects.get(who.id)
        if subject is None:
            now = self._clock()
            if len(self._subjects) >= MAX_SUBJECTS and now - self._swept > SECOND:
                self._swept = now
                self._subjects = {name: s for name, s in self._subjects.items() if not s.idle(now)}
            subject = self._subjects[who.id] = Subject(who.limits)
        else:
            subject.follow(who.limits, self._clock())
        return subject


Quota = tuple[str, int, int]
"""A limit, what is left of it, and in how many nanoseconds it is whole again."""


def nearest(rps: Rule | None, rps_tat: int, rpm: Rule | None, rpm_tat: int, now: int) -> Quota | None:
    """Return the rate limit with the least left."""
    if rpm is None or rps is None:
        only, tat = (rps, rps_tat) if rpm is None else (rpm, rpm_tat)
        return quota(only, tat, now) if only is not None else None
    by_second, by_minute = quota(rps, rps_tat, now), quota(rpm, rpm_tat, now)
    return by_minute if by_minute[1] < by_second[1] else by_second


def quota(rule: Rule, tat: int, now: int) -> Quota:
    """Return where a rate limit stands."""
    ahead = tat - now * rule.scale
    if ahead <= 0:
        return rule.limit, rule.burst // rule.cost, 0
    return rule.limit, max((rule.burst - ahead) // rule.cost, 0), -(-ahead // rule.scale)


def told(state: Quota | None) -> str:
    """Return the ``x-ratelimit-*`` lines of it, each ending in CRLF."""
    if state is None:
        return ""
    limit, remaining, reset = state
    return (
        f"x-ratelimit-limit-requests: {limit}\r\nx-ratelimit-remaining-requests: {remaining}\r\n"
        f"x-ratelimit-reset-requests: {reset / SECOND:.3f}s\r\n"
    )


def refused(message: str, state: Quota, nanoseconds: int) -> RateLimited:
    """Return the refusal: Retry-After in whole seconds, one at least, and the state of the limit."""
    headers = dict(line.split(": ") for line in told(state).splitlines())
    headers["retry-after"] = str(max(-(-nanoseconds // SECOND), 1))
    return RateLimited(message, headers=headers)


def refusal(who: Principal, rule: Rule, tat: int, now: int) -> RateLimited:
    """Return the refusal by a rate limit."""
    span = "second" if rule.period == SECOND else "minute"
    message = f"The key {who.name!r} has reached its limit of {rule.limit} requests per {span}."
    return refused(message, quota(rule, tat, now), wait(rule, tat, now, 1))


def crowded(who: Principal, cap: int) -> RateLimited:
    """Return the refusal by the limit of requests in flight."""
    message = f"The key {who.name!r} has reached its limit of {cap} requests at the same time."
    return refused(message, (str(cap), 0, SECOND), SECOND)
