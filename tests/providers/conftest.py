"""What provider tests share: senders that only remember what was asked of them, and targets."""

from collections.abc import Callable

import pytest

from headgate.dialects.base import Abilities
from headgate.providers.base import Provider, Target, Timeouts
from headgate.transport.base import Inbound, Outbound, Sender


class NoSender:
    """Sends nothing."""

    async def send(self, out: Outbound) -> Inbound:
        raise AssertionError("nothing is to be sent")

    async def close(self) -> None:
        """Nothing is open."""


class Senders:
    """Remembers which senders were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, bool]] = []

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        self.asked.append((proxy, http2))
        return NoSender()


@pytest.fixture
def senders() -> Senders:
    return Senders()


@pytest.fixture
def target() -> Callable[..., Target]:
    def make(provider: Provider, model: str = "m", timeouts: Timeouts | None = None) -> Target:
        name = f"{provider.name}/{model}"
        return Target(provider, model, name, None, None, None, Abilities(model, name), timeouts or Timeouts())

    return make
