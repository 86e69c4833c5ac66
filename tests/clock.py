"""Clocks that tests move by hand."""

from typing import Generic, TypeVar

N = TypeVar("N", bound=float)


class Clock(Generic[N]):
    """Tells the same instant, in whatever unit, until a test sets ``now``."""

    def __init__(self, now: N) -> None:
        self.now = now

    def __call__(self) -> N:
        return self.now


class Nanoseconds(Clock[int]):
    """One that counts nanoseconds."""

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 10**9)
