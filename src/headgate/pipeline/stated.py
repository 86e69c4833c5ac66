"""An answer of a provider that states what it costs, where its account's row says that this is the bill."""

from decimal import Decimal
from math import inf

from headgate.core.money import NANO, nano_from_usd
from headgate.core.record import Attempt
from headgate.dialects.stated import Statements, stated
from headgate.ledger.types import Hold
from headgate.transport.base import Inbound

TIMES = 10
"""How often what was held for may be stated: a hold is the worst case already, but not of searches nobody foresees."""
LEAST = NANO  # what may be stated whatever was held: of models without a price, nothing is


class Stating:
    """Passes an answer on as it comes, and remembers what it says that it costs. See :class:`Inbound`."""

    __slots__ = ("_inbound", "_said", "_stream", "headers", "status")

    def __init__(self, inbound: Inbound) -> None:
        self.status = inbound.status
        self.headers = inbound.headers
        self._inbound = inbound
        self._said: Decimal | None = None
        streams = (inbound.header(b"content-type") or b"").startswith(b"text/event-stream")
        self._stream = Statements() if streams else None

    def header(self, name: bytes) -> bytes | None:
        """As it came."""
        return self._inbound.header(name)

    async def read(self, timeout: float) -> bytes:
        """Return the next bytes."""
        data = await self._inbound.read(timeout)
        if self._stream is not None:
            self._stream.feed(data)
            self._said = self._stream.last
        return data

    async def read_all(self, timeout: float, limit: int, whole: float = inf) -> bytes:
        """Return all of it."""
        body = await self._inbound.read_all(timeout, limit, whole)
        self._said = stated(body)
        return body

    def close(self) -> None:
        """Give the connection back."""
        self._inbound.close()

    def settle(self, attempt: Attempt, hold: Hold, cost: int | None) -> int | None:
        """Return what *attempt* costs in nano-dollars: what was stated, where it can be so, else *cost*, by price."""
        if self._said is None:
            return cost
        try:
            attempt.stated_nano = nano = nano_from_usd(str(self._said))
        except ValueError:
            nano = -1
        believed = 0 <= nano <= max(hold.nano * TIMES, LEAST)
        attempt.cost_source = "stated" if believed else "doubted"
        return nano if believed else cost
