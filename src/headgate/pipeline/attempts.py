"""Walk the plan: one owner of retries and failover, and no restart after the first byte."""

import asyncio
import random
from time import monotonic
from typing import Literal

import msgspec

from headgate.core.call import Call
from headgate.core.errors import HeadgateError, Refused, UpstreamFailed
from headgate.pipeline.once import once
from headgate.pipeline.parts import Parts

TOTAL = 600.0  # seconds for a whole call where nobody said otherwise
SHORT_WAIT = 2.0  # a provider's wait up to this is spent on the same target
LONG_WAIT = 60.0  # and up to this where there is no other
FIRST_BACKOFF = 0.5


class Move(msgspec.Struct, frozen=True):
    """What to do after a failed try: the same target again or the next one, after ``delay`` seconds."""

    to: Literal["same", "next"]
    delay: float = 0.0


async def attempt(call: Call, parts: Parts) -> None:
    """Answer *call* from the first target of its plan that works; raise the first cause where none does."""
    set_deadline(call)
    allowed = call.route.config.attempts
    plan, index, here = call.plan, 0, 0
    first: HeadgateError | None = None
    while True:
        here += 1
        try:
            await once(call, parts, plan[index], last=index == len(plan) - 1)
            return
        except Refused as refusal:
            # The caller's own doing, or a fallback that cannot take this call: then what failed first is the answer.
            if first is None:
                raise
            error: HeadgateError = refusal
            move = Move("next") if index + 1 < len(plan) else None
        except UpstreamFailed as failure:
            error = failure
            left = allowed - len(call.attempts)
            room = call.deadline - monotonic()
            move = after(failure, here=here, left=left, others=len(plan) - index - 1, room=room, chance=random.random())
        first = first or error
        if move is None:
            raise first
        if move.to == "next":
            index, here = index + 1, 0
        if move.delay:
            await asyncio.sleep(move.delay)


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


def set_deadline(call: Call) -> None:
    """The caller's time limit, else the route's, else the first target's."""
    total = call.options.timeout or call.route.config.timeout or call.plan[0].timeouts.total or TOTAL
    call.deadline = call.t0 + total
