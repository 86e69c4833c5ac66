"""When an alert fires, reminds and ends: pure arithmetic of what is seen, look after look.

``pending`` for as long as a rule says, then ``firing``, then ``resolved``. It is told of once when it fires, again at
the rule's interval while nobody has acknowledged it, and once when it ends. Silenced, it is not told of until then.
"""

from typing import Literal

import msgspec

State = Literal["pending", "firing", "resolved"]
Event = Literal["fired", "reminded", "resolved"]
SECOND = 1_000_000


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a rule waits, in microseconds."""

    after: int = 0
    """What is bad this long fires."""
    clear: int = 0
    """What is well this long again has ended."""
    repeat: int = 0
    """Between two reminders; 0 for none."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one alert stands. Instants are microseconds since 1970."""

    state: State = "pending"
    since: int
    """When it was seen first, this time."""
    seen_at: int
    """When it was seen last."""
    fired_at: int | None = None
    told_at: int | None = None
    """When it was last told of since it fired; ``None`` where nobody was told yet."""
    resolved_at: int | None = None
    acked_at: int | None = None
    acked_by: str | None = None
    silenced_until: int | None = None
    fired: int = 0
    """How often."""


class Step(msgspec.Struct, frozen=True):
    """What a look comes to."""

    standing: Standing | None
    """``None``: there is nothing to remember."""
    event: Event | None = None
    tell: bool = False
    """Somebody is to be told of the event."""


def step(was: Standing | None, bad: bool, at: int, timing: Timing) -> Step:
    """Return how an alert stands after a look at *at* that found it *bad* or well."""
    if was is None or was.state == "resolved":
        return _begun(was, at, timing) if bad else Step(was)
    if was.state == "pending":
        return _pending(was, bad, at, timing)
    return _seen(was, at, timing) if bad else _gone(was, at, timing)


def _begun(was: Standing | None, at: int, timing: Timing) -> Step:
    fresh = Standing(since=at, seen_at=at)
    if was is not None:
        kept = {"silenced_until": was.silenced_until, "fired": was.fired, "fired_at": was.fired_at}
        fresh = msgspec.structs.replace(fresh, **kept, resolved_at=was.resolved_at)
    return _pending(fresh, True, at, timing)


def _pending(was: Standing, bad: bool, at: int, timing: Timing) -> Step:
    if not bad:
        return Step(msgspec.structs.replace(was, state="resolved") if was.fired else None)
    if at - was.since < timing.after:
        return Step(msgspec.structs.replace(was, seen_at=at))
    loud = not silenced(was, at)
    fired = msgspec.structs.replace(
        was,
        state="firing",
        seen_at=at,
        fired_at=at,
        told_at=at if loud else None,
        resolved_at=None,
        fired=was.fired + 1,
    )
    return Step(fired, "fired", loud)


def _seen(was: Standing, at: int, timing: Timing) -> Step:
    now = msgspec.structs.replace(was, seen_at=at)
    if silenced(was, at):
        return Step(now)
    told = msgspec.structs.replace(now, told_at=at)
    if was.told_at is None and was.acked_at is None:  # it fired while it was silenced
        return Step(told, "fired", True)
    if timing.repeat and was.acked_at is None and at - (was.told_at or at) >= timing.repeat:
        return Step(told, "reminded", True)
    return Step(now)


def _gone(was: Standing, at: int, timing: Timing) -> Step:
    if at - was.seen_at < timing.clear:
        return Step(was)
    ended = msgspec.structs.replace(was, state="resolved", resolved_at=at, told_at=None, acked_at=None, acked_by=None)
    return Step(ended, "resolved", was.told_at is not None)


def silenced(one: Standing, at: int) -> bool:
    """Whether nobody is to hear of *one* at *at*."""
    return one.silenced_until is not None and at < one.silenced_until
