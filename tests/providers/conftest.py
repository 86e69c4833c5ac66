"""What provider tests share: senders that only remember what was asked of them, and targets."""

import json
from collections.abc import Callable
from typing import Any

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


class Answer:
    """A response that is all there; a document is told as JSON."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers: list[tuple[bytes, bytes]] = []
        self.closed = False

    def header(self, name: bytes) -> bytes | None:
        return None

    async def read(self, timeout: float) -> bytes:
        raise AssertionError("it is read whole")

    async def read_all(self, timeout: float, limit: int, whole: float = 0) -> bytes:
        return self.body

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def senders() -> Senders:
    return Senders()


@pytest.fixture
def target() -> Callable[..., Target]:
    def make(provider: Provider, model: str = "m", timeouts: Timeouts | None = None) -> Target:
        name = f"{provider.name}/{model}"
        return Target(provider, model, name, None, None, None, Abilities(model, name), timeouts or Timeouts())

    return make
