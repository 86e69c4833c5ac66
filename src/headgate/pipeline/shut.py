"""What to do about targets that are shut: leave them out, but never so many that nobody is left to ask."""

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
    faults: the rest of these go to its end. Where all are shut one call in ten is let through to the best that failed,
    and the others are refused at once; where all asked to wait, the first to be ready is waited for.

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
    if left:
        back = [t for t in failed if kinds[t] == "faults"][: max(len(failed) - len(plan) // 2, 0)]
    elif failed:
        back = [min(failed, key=lambda t: kinds[t] != "faults")]
        if not health.panic(back[0]):
            raise all_shut(back[0], shut[back[0]], health)
    delay = 0.0
    if not left and not back:
        back, delay = [first_ready(call, health, kinds)], 0.0
        delay = health.wait(back[0])
    for target, why in shut.items():
        if target not in back:
            call.verdicts.append(Verdict(target.name, "removed", RULES[kinds[target]], why))
        else:
            call.verdicts.append(Verdict(target.name, "sunk", RULES[kinds[target]], f"{why}; there is too little else"))
    return (*left, *back), delay


def all_shut(best: Target, why: str, health: Health) -> UpstreamFailed:
    """The answer to a call for which every target is shut."""
    return UpstreamFailed(
        f"Every target of this call is shut for now: {why}. One call in ten is let through to see.",
        status=503,
        type="overloaded_error",
        code="upstream_unavailable",
        retry=False,
        wait=max(health.wait(best), 1.0),
    )


def first_ready(call: Call, health: Health, kinds: dict[Target, str]) -> Target:
    """Return the target whose wait ends first; raise where it ends too late, or all were switched off."""
    waiting = [target for target, kind in kinds.items() if kind == "wait"]
    if not waiting:
        raise UpstreamFailed(
            "Every target of this call was switched off by hand.",
            status=503,
            type="overloaded_error",
            code="upstream_unavailable",
            retry=False,
        )
    best = min(waiting, key=health.wait)
    seconds = health.wait(best)
    if seconds > LONGEST or seconds >= call.deadline - monotonic():
        raise UpstreamFailed(
            f"Every target asked to wait; {best.name} is ready first, in {seconds:.0f} seconds.",
            status=429,
            type="rate_limit_error",
            code="upstream_rate_limited",
            retry=False,
            wait=seconds,
        )
    return best
