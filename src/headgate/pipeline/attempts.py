"""Walk the plan: one owner of retries and failover, and no restart after the first byte."""

import asyncio
import random
from collections.abc import Awaitable, Collection, Sequence
from time import monotonic
from typing import Literal

import msgspec

from headgate.core.call import Call
from headgate.core.errors import AnswerRefused, BudgetSpent, HeadgateError, NotNow, Refused, UpstreamFailed
from headgate.dialects import openai_chat
from headgate.pipeline import shadow
from headgate.pipeline.context import fitted
from headgate.pipeline.deadline import resting, set_deadline
from headgate.pipeline.fan import fan_out
from headgate.pipeline.flight import fly
from headgate.pipeline.hedge import hedged
from headgate.pipeline.one import one
from headgate.pipeline.parts import Parts
from headgate.pipeline.race import RACES
from headgate.pipeline.relay import let_go
from headgate.pipeline.resume import Resume, resumable
from headgate.pipeline.shut import LONGEST, first_ready, usable
from headgate.providers.base import Target
from headgate.routing.health import Deployment, Health
from headgate.routing.table import Failover
from headgate.transport.server_errors import Overloaded

SHORT_WAIT = 2.0  # a provider's wait up to this is spent on the same target
LONG_WAIT = LONGEST  # and up to this where there is no other
FIRST_BACKOFF = 0.5
KNOWN = 10  # answers of a deployment after which its usual time says something
# Which switch of a route decides whether another target is asked after a failure.
SWITCHES: dict[str, str] = {
    "upstream_timeout": "timeout",
    "upstream_rate_limited": "rate_limit",
    "context_length_exceeded": "context_overflow",
    "content_filter": "refusal",
    "upstream_auth_error": "auth",
    "upstream_quota_exhausted": "auth",
}

LENIENT = frozenset(("context_length_exceeded", "content_filter"))
"""A caller's own mistakes that another model may take."""


class Move(msgspec.Struct, frozen=True):
    """What to do after a failed try: the same target again or the next one, after ``delay`` seconds."""

    to: Literal["same", "next"]
    delay: float = 0.0


def attempt(call: Call, parts: Parts) -> Awaitable[None]:
    """Answer *call* from the first target of its plan that works; raise the first cause where none does."""
    set_deadline(call)
    config = call.route.config
    if call.dialect is openai_chat and "tools" in call.envelope.fields:
        call.thoughts = parts.thoughts
    if call.streaming:
        if config.ping and call.operation == "chat" and hasattr(call.dialect, "ping"):
            parts.pings.begin(call)
        return walk_plan(call, parts)
    if config.single_flight and call.tape is None:  # a cache lets calls wait for each other itself
        return fly(call, parts, walk_plan)
    return walk_plan(call, parts)


async def walk_plan(call: Call, parts: Parts) -> None:
    """Try the targets of *call*, within its deadline."""
    config, health, plan = call.route.config, parts.health, call.plan
    sunk: frozenset[Target] = frozenset()
    if not health.quiet:
        plan, delay = usable(call, health)
        sunk = frozenset(target for target in plan if health.shut(target.name) is not None)
        await pause(call, delay)
    if config.context is not None:
        plan = await fitted(call, parts, plan)
    if config.resume and resumable(call):
        call.resume = Resume()
    heard = shadow.overheard(call) if config.shadow is not None else None
    index = here = 0
    first: HeadgateError | None = None
    stated = len(call.defaulted)
    while True:
        here += 1
        if call.attempts:  # what was changed for a target that failed says nothing of the next
            del call.defaulted[stated:], call.dropped[:]
        try:
            if config.hedge is None and config.fan_out is None:
                await one(call, parts, plan[index], last=index == len(plan) - 1)
            else:
                await several(call, parts, plan[index:])
            if config.shadow is not None and call.error is None:
                shadow.offer(call, parts, heard)
            return
        except HeadgateError as failure:
            if call.resume is not None and call.resume.cut is not None and not isinstance(failure, AnswerRefused):
                try:
                    index, call.role = call.resume.following(call, health, plan, index), "resume"
                except UpstreamFailed as cut:
                    raise await let_go(call, cut) from None
                continue
            index = reached(call, plan, index)
            others = following(call, health, plan, index, sunk, failure)
            found = follow_up(call, health, plan, index, failure, here=here, others=others, first=first)
            first = first or failure
        if found is None:
            raise first
        place, delay = found
        if place != index:
            index, here = place, 0
        await pause(call, delay)


async def pause(call: Call, seconds: float) -> None:
    """Let *call* wait."""
    if seconds:
        with resting(call):
            await asyncio.sleep(seconds)


def follow_up(
    call: Call,
    health: Health,
    plan: tuple[Target, ...],
    index: int,
    failure: HeadgateError,
    *,
    here: int,
    others: Sequence[int],
    first: HeadgateError | None,
) -> tuple[int, float] | None:
    """Decide what follows *failure* of *plan*'s target at *index*, of which *here* tries were made.

    *others* are the places of those that may be asked besides. Return the place of the next try and the seconds to
    wait before it, ``None`` to give up; raise what is final.
    """
    config = call.route.config
    call.counted = False
    if isinstance(failure, Refused | Overloaded):
        # The caller's own doing, or a fallback that cannot take this call: then what failed first is the answer.
        if first is None and not (others and elsewhere(failure, config.failover)):
            raise failure
        return (others[0], 0.0) if others else None
    if not isinstance(failure, UpstreamFailed):
        raise failure
    room, leaves = call.deadline - monotonic(), may_leave(failure, config.failover)
    ready = first_ready(health, plan, room) if leaves and not health.quiet else None
    waits = ready is not None and ready[0] != index
    move = after(
        switched(failure, config.failover, len(others)),
        here=here,
        left=config.attempts - call.tries,
        others=len(others) + waits if leaves else 0,
        room=room,
        chance=random.random(),
    )
    if move is None:
        return None
    if move.to == "same" and worth_it(health, plan[index], room - move.delay, call):
        return index, move.delay
    if not leaves:
        return None
    place = next((at for at in others if in_time(health, plan[at], room, call)), None)
    if place is None:
        return ready if waits else None
    if retried(failure) and any(attempt.provider == plan[place].provider.name for attempt in call.attempts):
        take(health, plan[place], call)
    return place, 0.0


def following(
    call: Call, health: Health, plan: tuple[Target, ...], index: int, sunk: Collection[Target], failure: HeadgateError
) -> Sequence[int]:
    """Return the places after *index* of the targets that may be asked after *failure*.

    Those are not that were shut meanwhile (*sunk* were before, and are in the plan all the same), nor, where an
    account failed, those of one that was asked for this call and is past its retry budget.
    """
    found: Sequence[int] = range(index + 1, len(plan))
    if not health.quiet:
        found = [at for at in found if plan[at] in sunk or health.shut(plan[at].name) is None]
    if not found or not retried(failure):
        return found
    now, asked = monotonic(), {attempt.provider for attempt in call.attempts}
    return [at for at in found if plan[at].provider.name not in asked or health.at(plan[at]).budget.allows(now)]


def retried(failure: HeadgateError) -> bool:
    """Whether what follows *failure* is a retry, of which an account gets only so many; a caller's mistake is not."""
    return isinstance(failure, UpstreamFailed) and failure.code not in LENIENT


def take(health: Health, target: Target, call: Call) -> None:
    """Count a retry before it is made: many calls may decide at the same time."""
    health.at(target).budget.count(monotonic(), again=True)
    call.counted = True


async def several(call: Call, parts: Parts, plan: tuple[Target, ...]) -> None:
    """Make the next try, or where the route says so several at once."""
    config = call.route.config

    def hopeless(error: BaseException) -> bool:
        if isinstance(error, UpstreamFailed):
            return not error.retry and not (error.code in LENIENT and may_leave(error, config.failover))
        return not isinstance(error, HeadgateError)

    if call.operation not in RACES or call.role == "resume":
        await one(call, parts, plan[0], last=len(plan) == 1)
    elif config.fan_out is not None and not call.attempts:
        await fan_out(call, parts, plan, hopeless)
    elif config.hedge is not None:
        await hedged(call, parts, plan, hopeless)
    else:
        await one(call, parts, plan[0], last=len(plan) == 1)


def reached(call: Call, plan: tuple[Target, ...], index: int) -> int:
    """Return the place of the last target of *plan* that was asked: several may have been."""
    if call.route.config.hedge is None and call.route.config.fan_out is None:
        return index
    asked = {(attempt.provider, attempt.model) for attempt in call.attempts}
    while index + 1 < len(plan) and (plan[index + 1].provider.name, plan[index + 1].model) in asked:
        index += 1
    return index


def elsewhere(refusal: HeadgateError, failover: Failover) -> bool:
    """Whether another target may take what this one had no room for."""
    return isinstance(refusal, Overloaded | NotNow) or (isinstance(refusal, BudgetSpent) and failover.budget)


def switched(failure: UpstreamFailed, failover: Failover, others: int) -> UpstreamFailed:
    """Let a caller's own mistake be tried elsewhere where the route says that another model may take it."""
    if others and not failure.retry and failure.code in LENIENT:
        failure.retry = may_leave(failure, failover)
    return failure


def may_leave(failure: UpstreamFailed, failover: Failover) -> bool:
    """Whether the route lets another target be asked after *failure*."""
    allowed: bool = getattr(failover, SWITCHES.get(failure.code, "error"))
    return allowed


def worth_it(health: Health, target: Target, room: float, call: Call) -> bool:
    """Whether *target* is asked once more: within its retry budget, where it is counted, and in the *room* left."""
    deployment: Deployment = health.at(target)
    if deployment.breaker.kind == "faults" or not deployment.budget.allows(monotonic()):
        return False
    if not in_time(health, target, room, call):
        return False
    take(health, target, call)
    return True


def in_time(health: Health, target: Target, room: float, call: Call) -> bool:
    """Whether a try can be expected to end within *room* seconds."""
    known = health.at(target).measured
    usual = known.first_token_ms if call.streaming else known.latency_ms
    return known.samples < KNOWN or usual / 1000 < room


def after(error: UpstreamFailed, *, here: int, left: int, others: int, room: float, chance: float) -> Move | None:
    """Decide what follows a failed try; ``None`` gives up.

    *here* counts the tries of this target, *left* those the call still has, *others* how many targets follow,
    *room* is seconds to the deadline, *chance* is uniform in [0, 1) for full jitter.
    """
    if not error.retry or left <= 0 or room <= 0:
        return None
    if error.wait is not None:
        if error.wait <= SHORT_WAIT and error.wait < room and here == 1:
            return Move("same", error.wait)
        if others:
            return Move("next")
        return Move("same", error.wait) if error.wait <= min(LONG_WAIT, room) else None
    delay = chance * FIRST_BACKOFF * 2 ** (here - 1)
    if error.same_target and delay < room and left > others and (here == 1 or not others):  # each gets its turn
        return Move("same", delay)
    return Move("next") if others else None
