"""Make one try, and take note of how it went."""

from functools import partial
from typing import Any

from headgate.core.call import Call
from headgate.core.errors import Refused, UpstreamFailed
from headgate.limits.gate import FREE
from headgate.pipeline.deadline import is_over
from headgate.pipeline.once import once
from headgate.pipeline.parts import Parts
from headgate.providers.base import Target
from headgate.routing.health import ACCOUNTS

OUT_OF_TIME = frozenset(("upstream_timeout", "upstream_connect_error"))
ABOUT_KEYS = ACCOUNTS | {"upstream_model_not_found", "upstream_rate_limited"}


async def one(call: Call, parts: Parts, target: Target, *, last: bool) -> None:
    """Answer *call* from *target*; raise as :func:`headgate.pipeline.once.once`.

    For want of room raise ``Overloaded``, or ``NotNow`` where the limits of the model or the provider are reached.
    """
    slot: Any = parts.gate.enter(target.name)
    if slot is FREE and not target.capacity:
        await noted(call, parts, target, last=last)
        return
    if hasattr(slot, "__await__"):
        slot = await slot
    try:
        if not target.capacity:
            await noted(call, parts, target, last=last)
            return
        places = await parts.rooms.enter(call, target)
        try:
            await noted(call, parts, target, last=last)
        finally:
            parts.rooms.leave(places)
    finally:
        slot.release()


async def noted(call: Call, parts: Parts, target: Target, *, last: bool) -> None:
    """Ask *target*, and take note of how it goes."""
    health = parts.health
    deployment = health.at(target)
    provider = target.provider.name
    again = bool(call.attempts) and any(a.provider == provider for a in call.attempts)
    probe = health.enter(deployment, again=again, counted=call.counted)
    call.counted = False
    call.proven = partial(health.proven, deployment) if probe else None
    told = False
    try:
        await once(call, parts, target, last=last)
        cut = call.error
        if isinstance(cut, UpstreamFailed):  # its answer had begun, so that nothing else can be done about it
            health.failed(deployment, cut, probe=probe, counts=not own_key(cut, call))
        else:
            attempt = call.attempt
            assert attempt is not None
            health.answered(
                deployment,
                (attempt.ended_ms or 0.0) - attempt.started_ms,
                attempt.first_ms - attempt.started_ms if call.streaming and attempt.first_ms is not None else None,
                call.usage.output,
            )
        told = True
    except UpstreamFailed as failure:
        if not own_key(failure, call):
            parts.alarms.met(provider, failure)
        health.failed(deployment, failure, probe=probe, counts=counts(failure, call))
        told = True
        raise
    except Refused:
        if call.attempt is not None and call.attempt.unsent:
            call.passed_over.append(call.attempt)
        raise
    finally:
        if not told:
            health.left(deployment, probe=probe)


def counts(failure: UpstreamFailed, call: Call) -> bool:
    """Whether *failure* says something of its deployment, and not of its caller, of us, or of one key of several."""
    if failure.code in OUT_OF_TIME and call.options.timeout is not None and is_over(call):
        failure.code, failure.status = "deadline_exceeded", 504  # type: ignore[misc]  # see there
        failure.message = "The time limit of this call ran out before the provider answered."
        return False
    another_key = failure.wait == 0.0 and failure.same_target
    return (
        not another_key
        and not own_key(failure, call)
        and (failure.code != "upstream_unavailable" or failure.upstream_status is not None)
    )


def own_key(failure: UpstreamFailed, call: Call) -> bool:
    """Whether *failure* may be about a provider key of the caller's own: whom it lets in, what it may use and pay."""
    return failure.code in ABOUT_KEYS and call.target.provider.name in call.who.mapped
