"""What to do about targets that are shut: leave them out, but never so many that nobody is left to ask."""

from collections.abc import Sequence
from time import monotonic

from headgate.core.call import Call
from headgate.core.errors import UpstreamFailed
from headgate.providers.base import Target
from headgate.routing.health import Health
from headgate.routing.types import Verdict

LONGEST = 60.0  # seconds that a call waits for the only targets there are
RULES = {"hand": "hand", "wait": "bench", "account": "bench", "faults": "breaker"}


def usable(call: Call, health: Health) -> tuple[tuple[Target, ...], float]:
    """Return the targets of *call*'s plan to try, best first, and the seconds to wait before the first of them.

    Those that are shut are left out, and the record says so. Of a plan never more than half are left out for their
    faults: the rest of these go to its end. Where all are shut, the first of those that asked to wait is waited for.
    Where none of these is ready in time, one call in ten is let through to the best that failed, and the others are
    refused.

    Raise ``UpstreamFailed`` (429 with the smallest wait, or 503) where there is nothing to try.
    """
    plan: tuple[Target, ...] = call.plan
    shut = {target: why for target in plan if (why := health.shut(target.name)) is not None}
    if not shut:
        return plan, 0.0
    kinds = {target: health.kind(target) for target in shut}
    left = [target for target in plan if target not in shut]
    failed = [target for target in plan if kinds.get(target) in ("faults", "account")]
    back: list[Target] = []
    delay = 0.0
    if left:
        back = [t for t in failed if kinds[t] == "faults"][: max(len(failed) - len(plan) // 2, 0)]
    elif (ready := first_ready(health, plan, call.deadline - monotonic())) is not None:
        back, delay = [plan[ready[0]]], ready[1]
    elif failed:
        back = [min(failed, key=lambda t: kinds[t] != "faults")]
        if not health.panic(back[0]):
            raise all_shut(back[0], shut[back[0]], health, plan)
    else:
        raise nobody(health, [target for target, kind in kinds.items() if kind == "wait"])
    for target, why in shut.items():
        if target not in back:
            call.verdicts.append(Verdict(target.name, "removed", RULES[kinds[target]], why))
        else:
            call.verdicts.append(Verdict(target.name, "sunk", RULES[kinds[target]], f"{why}; there is too little else"))
    return (*left, *back), delay


def first_ready(health: Health, plan: Sequence[Target], room: float) -> tuple[int, float] | None:
    """Return the place of the target that asked to wait and is ready first, and the seconds until then.

    ``None`` where that is too late for a call with *room* seconds left, or longer than anybody should wait.
    """
    waits = [
        (health.wait(one), at) for at, one in enumerate(plan) if health.shut(one.name) and health.kind(one) == "wait"
    ]
    seconds, place = min(waits, default=(LONGEST + 1, 0))
    return (place, seconds) if seconds <= LONGEST and seconds < room else None


def all_shut(best: Target, why: str, health: Health, plan: Sequence[Target]) -> UpstreamFailed:
    """The answer to a call for which every target is shut."""
    return UpstreamFailed(
        f"Every target of this call is shut for now: {why}. One call in ten is let through to see.",
        status=503,
        type="overloaded_error",
        code="upstream_unavailable",
        retry=False,
        wait=max(min(health.wait(one) for one in plan), 1.0),
    )


def nobody(health: Health, waiting: Sequence[Target]) -> UpstreamFailed:
    """The answer where all of those *waiting* are ready too late for a call, or all were switched off."""
    if not waiting:
        return UpstreamFailed(
            "Every target of this call was switched off by hand.",
            status=503,
            type="overloaded_error",
            code="upstream_unavailable",
            retry=False,
        )
    best = min(waiting, key=health.wait)
    seconds = health.wait(best)
    return UpstreamFailed(
        f"Every target asked to wait; {best.name} is ready first, in {seconds:.0f} seconds.",
        status=429,
        type="rate_limit_error",
        code="upstream_rate_limited",
        retry=False,
        wait=seconds,
    )
