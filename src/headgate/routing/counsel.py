"""What one strategy asks of others: in time, not again and again, and not while they fail."""

import logging
from collections import OrderedDict
from collections.abc import Hashable
from time import monotonic

from headgate.core.errors import HeadgateError
from headgate.providers.breaker import Breaker
from headgate.routing.candidates import Candidates
from headgate.routing.types import Advice, Asking, Sight, Strategy

MAX_KEPT = 1024
log = logging.getLogger("headgate.routing")


class Counsel:
    """Asks for one strategy of one route. Without an answer there is none: it never raises."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._breaker = Breaker()
        self._kept: OrderedDict[Hashable, tuple[float, Advice]] = OrderedDict()

    def known(self, key: Hashable) -> Advice | None:
        """Return what was answered to the same of late."""
        found = self._kept.get(key)
        return found[1] if found is not None and found[0] > monotonic() else None

    async def get(self, key: Hashable, sight: Sight, options: Candidates, asking: Asking) -> Advice | None:
        """Return advice on *options*; *key* tells requests apart."""
        now = monotonic()
        if (found := self.known(key)) is not None:
            return found
        if self._breaker.shut(now) is not None:
            return None
        probe = self._breaker.enter(now)
        try:
            advice = await self.strategy.ask(sight, options, asking)
        except (HeadgateError, ValueError, TimeoutError) as error:
            before = self._breaker.until
            self._breaker.failed(monotonic(), f"no advice: {type(error).__name__}")
            if self._breaker.until and not before:
                log.warning("route %s gets no advice and does without: %s", sight.route, error)
            return None
        except BaseException:
            if probe:
                self._breaker.gave_up()
            raise
        self._breaker.worked()
        keep = getattr(self.strategy, "keep", 0.0)
        if keep:
            self._kept[key] = (monotonic() + keep, advice)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return advice
