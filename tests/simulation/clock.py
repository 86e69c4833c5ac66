"""An event loop whose time passes only when nothing is left to do now, and the program's clocks set by it."""

import asyncio
import random
import selectors
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BEGIN = 1_760_000_000 * 10**9
"""Nanoseconds since 1970 at which every simulation begins."""


class Still(selectors.SelectSelector):
    """Nothing ever comes from outside: to wait is to let time pass."""

    loop: "Loop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen again")
        self.loop.now += timeout
        return []


class Loop(asyncio.SelectorEventLoop):
    now = 1000.0

    def __init__(self) -> None:
        selector = Still()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.now

    def nanoseconds(self) -> int:
        return round(self.now * 1e9)

    def since_1970(self) -> int:
        return BEGIN + self.nanoseconds()


@contextmanager
def simulated(seed: int) -> Iterator[Loop]:
    """Everything that asks what time it is, or throws dice, goes by the simulation."""
    loop = Loop()
    told = {
        time.monotonic: loop.time,
        time.monotonic_ns: loop.nanoseconds,
        time.time_ns: loop.since_1970,
        time.time: lambda: loop.since_1970() / 1e9,
    }
    changed = []
    for name, module in list(sys.modules.items()):
        if name.startswith("headgate.") and module is not None:
            for attribute in ("monotonic", "monotonic_ns", "time_ns", "time"):
                real = getattr(module, attribute, None)
                if callable(real) and real in told:
                    setattr(module, attribute, told[real])
                    changed.append((module, attribute, real))
    state = random.getstate()
    random.seed(seed)
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        random.setstate(state)
        for module, attribute, real in changed:
            setattr(module, attribute, real)
        asyncio.set_event_loop(None)
        loop.close()
