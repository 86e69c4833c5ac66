"""A second call where the first is slow: to the next target, after the time in which nearly all calls are answered."""

from collections.abc import Callable
from time import monotonic

from headgate.core.call import Call
from headgate.pipeline.parts import Parts
from headgate.pipeline.race import Tries
from headgate.providers.base import Target
from headgate.routing.budget import RetryBudget
from headgate.routing.table import Hedge
from headgate.routing.types import Measured

KNOWN = 10  # answers of a deployment after which its 95th percentile says something
FLOOR = 1  # second calls in ten seconds that are always allowed, or a quiet route would never make one


async def hedged(call: Call, parts: Parts, plan: tuple[Target, ...], hopeless: Callable[[BaseException], bool]) -> None:
    """Answer *call* from the first of *plan*, or from the second where that is faster. Raise as one try does."""
    config: Hedge = call.route.config.hedge
    budget = parts.hedges.get(call.route.name)
    if budget is None:
        budget = parts.hedges[call.route.name] = RetryBudget()
    budget.count(monotonic(), again=False)
    tries = Tries(call, parts, hopeless)
    tries.race(plan[0], "", last=len(plan) == 1)

    def second() -> None:
        now = monotonic()
        if budget.allows(now, config.budget / 100, FLOOR if config.budget else 0) and now < call.deadline:
            budget.count(now, again=True)
            tries.race(plan[1], "hedge", last=len(plan) == 2)

    seconds = wait_of(config, parts.health.of(plan[0].name), stream=call.streaming)
    more = seconds is not None and len(plan) > 1 and call.tries + 2 <= call.route.config.attempts
    await tries.end(later=(seconds, second) if more and seconds is not None else None)


def wait_of(config: Hedge, known: Measured, *, stream: bool) -> float | None:
    """Seconds after which the second call is made; ``None`` where nothing says what is slow."""
    if config.after is not None:
        return config.after
    usual = known.first_token_p95_ms if stream else known.p95_ms
    return usual / 1000 if known.samples >= KNOWN and usual else None
