"""What tests of outlets share: a sink that does as it is told, a server that keeps what it is posted, and records."""

import asyncio
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import msgspec

from headgate.core.money import Usage
from headgate.core.record import Attempt, Record
from tests.answering import Answering


class Told:
    """A sink that raises what it is told to, or hangs."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.error: Exception | None = None
        self.stuck = False
        self.tries = 0

    async def send(self, batch: Any) -> None:
        self.tries += 1
        if self.stuck:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.got += batch

    async def close(self) -> None:
        return


def eventually(check: Callable[[], Any], within: float = 8.0) -> Any:
    """Return what *check* returns once that is true."""
    until = monotonic() + within
    while not (found := check()):
        assert monotonic() < until, "it did not come about"
        sleep(0.01)
    return found


class Server(Answering):
    """Keeps what it is posted."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        """Answered in turn; 200 when they are used up."""
        super().__init__(lambda asked: (self.statuses.pop(0) if self.statuses else 200, b""))


ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def record(**fields: Any) -> Record:
    """A call that failed over: the second attempt answered."""
    values: dict[str, Any] = {
        "id": ID,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "at": 1_700_000_000_000_000,
        "tenant_id": "t1",
        "key_id": "k1",
        "team_id": "team",
        "app_id": "app",
        "user_id": "u1",
        "session": "s1",
        "tags": ("red", "blue"),
        "surface": "openai",
        "operation": "chat",
        "route": "fast",
        "stream": True,
        "model_requested": "fast",
        "model_used": "local/big",
        "provider_used": "local",
        "routing_reason": "priority",
        "status": "fallback",
        "http_status": 200,
        "attempts": (
            Attempt(
                provider="away", model="small", started_ms=1.0, ended_ms=21.0, status=503, outcome="upstream_error",
                error="overloaded",
            ),
            Attempt(
                provider="local", model="big", started_ms=22.0, headers_ms=30.0, first_ms=40.0, ended_ms=122.5,
                status=200, cost_nano=1500, billed="usage", upstream_id="chatcmpl-1",
            ),
        ),
        "finish": "stop",
        "usage": Usage(input=10, output=20, cached=4, reasoning=5),
        "cost_nano": 1500,
        "billed": "usage",
        "dropped": ("logit_bias",),
        "total_ms": 123.0,
        "overhead_ms": 1.0,
        "first_token_ms": 40.0,
    }  # fmt: skip
    return Record(**{**values, **fields})


def raw(**fields: Any) -> bytes:
    """The same as it is stored."""
    return msgspec.json.encode(record(**fields))
