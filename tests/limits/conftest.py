"""Gates of both kinds on one clock that the test moves."""

import pytest


class Clock:
    """Nanoseconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 10**9)


@pytest.fixture
def clock() -> Clock:
    return Clock()
