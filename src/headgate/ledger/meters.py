"""Tokens per minute: a hold takes the worst case, its end gives the rest back."""

from collections.abc import Awaitable, Callable
from time import monotonic_ns
from typing import Protocol

import msgspec

from headgate.limits.gcra import Rule, converted, full_in, taken, wait

UNLIMITED = Rule("", 1, 1, 1, 1)


class Meter(Protocol):
    """Tokens per minute of one scope."""

    limit: int
    rule: Rule

    def room(self) -> int:
        """Return how many tokens can be taken now."""
        ...

    def take(self, tokens: int) -> bool:
        """Take them if there is room here; return whether there was."""
        ...

    def give(self, tokens: int) -> None:
        """Give unused ones back; a negative number is a use beyond what was taken."""
        ...

    def wait(self, tokens: int) -> int:
        """Return the nanoseconds until *tokens* can be had; -1 is never."""
        ...

    def reset(self) -> int:
        """Return the nanoseconds until the whole limit is there again."""
        ...

    def fetch(self, need: int, least: int) -> Awaitable[None]:
        """Bring *need* tokens here if there are as many, else what there is if that is at least *least*."""
        ...

    def known(self) -> bool:
        """Whether fetching would tell nothing new."""
        ...

    def follow(self, limit: int) -> None:
        """Take over a changed limit."""
        ...

    def rest(self) -> None:
        """Give back what nobody has used since the last two times this was called."""
        ...

    def idle(self) -> bool:
        """Whether it can be forgotten."""
        ...


class LocalMeter(msgspec.Struct, gc=False, eq=False):
    """:class:`Meter` where one process serves all requests. *clock* gives monotonic nanoseconds."""

    limit: int
    clock: Callable[[], int] = monotonic_ns
    tat: int = 0
    rule: Rule = UNLIMITED

    def __post_init__(self) -> None:
        self.rule = Rule.of(self.limit, 60)

    def room(self) -> int:
        """See :class:`Meter`."""
        rule = self.rule  # gcra.left, written out as in limits.gate; and below gcra.wait and gcra.taken
        ahead = self.tat - self.clock() * rule.scale
        return (rule.burst - ahead if ahead > 0 else rule.burst) // rule.cost

    def take(self, tokens: int) -> bool:
        """See :class:`Meter`."""
        rule, tat = self.rule, self.tat
        ticks = self.clock() * rule.scale
        tat = (tat if tat > ticks else ticks) + tokens * rule.cost
        if tat - ticks > rule.burst:
            return False
        self.tat = tat
        return True

    def give(self, tokens: int) -> None:
        """See :class:`Meter`."""
        if tokens < 0:
            self.tat = taken(self.rule, self.tat, self.clock(), -tokens)
        else:
            self.tat -= tokens * self.rule.cost

    def wait(self, tokens: int) -> int:
        """See :class:`Meter`."""
        return wait(self.rule, self.tat, self.clock(), tokens)

    def reset(self) -> int:
        """See :class:`Meter`."""
        return full_in(self.rule, self.tat, self.clock())

    async def fetch(self, need: int, least: int) -> None:
        """Nothing to bring."""

    def known(self) -> bool:
        """See :class:`Meter`."""
        return True

    def follow(self, limit: int) -> None:
        """See :class:`Meter`."""
        rule = Rule.of(limit, 60)
        self.tat = converted((self.rule.scale, self.rule.cost), rule, self.tat, self.clock())
        self.limit, self.rule = limit, rule

    def rest(self) -> None:
        """Nothing to give back: nothing was taken ahead."""

    def idle(self) -> bool:
        """See :class:`Meter`."""
        return self.reset() == 0
