"""The HTTP/1.1 client that carries nearly every upstream call: pooled, bounded, with little Python per request."""

import asyncio

from headgate.transport import failures
from headgate.transport.base import Origin, Outbound
from headgate.transport.clock import Clock
from headgate.transport.connection import Connection
from headgate.transport.dial import Dialer
from headgate.transport.outbox import Outbox
from headgate.transport.pool import Bounds, Counts, Pool
from headgate.transport.response import HEAD, Response


class Http1Sender:
    """A ``Sender`` over keep-alive connections.

    It belongs to the event loop of its first request. A connection that its server had closed while it lay idle is
    replaced once, unseen; nothing else is ever sent twice.

    Args:
        bounds: How many connections are kept, and for how long.
        ca_file: A PEM file of certificates to trust besides the system's.
    """

    def __init__(self, bounds: Bounds | None = None, ca_file: str | None = None) -> None:
        self.ca_file = ca_file
        self._bounds = bounds or Bounds()
        self._dialer = Dialer(ca_file)
        self._clock = Clock(self._sweep)
        self._pools: dict[Origin, Pool] = {}
        self._outbox: Outbox | None = None
        self._closed = False

    async def send(self, out: Outbound) -> Response:
        """See ``Sender.send``. ``UpstreamFailed`` with ``upstream_unavailable`` where no connection comes free."""
        pool = self._pools.get(out.origin)
        if pool is None:
            pool = self._open_pool(out.origin)
        connection = pool.take()
        if connection is None:
            out.unsent = True
            connection = await pool.open(out.connect_timeout)
            out.unsent = False
        response = connection.begin(out)
        try:
            await connection.wait(HEAD, out.headers_timeout)
        except BaseException:
            response.close()
            raise
        if response.status:
            return response
        if response.stale:
            return await self._send_anew(pool, out)
        raise response.error or failures.no_answer(out.origin, unseen=False)

    async def close(self) -> None:
        """See ``Sender.close``. Requests under way fail."""
        self._closed = True
        self._clock.stop()
        for pool in self._pools.values():
            pool.close()
        await self._dialer.close()
        await asyncio.sleep(0)  # the loop closes the sockets on its next turn

    @property
    def counts(self) -> Counts:
        """What it has open, idle, and waiting now."""
        total = Counts()
        for pool in self._pools.values():
            one = pool.counts
            total.open += one.open
            total.idle += one.idle
            total.waiting += one.waiting
        return total

    async def _send_anew(self, pool: Pool, out: Outbound) -> Response:
        """Send a second time, over a new connection, what the server cannot have seen."""
        connection = await pool.open(out.connect_timeout)
        response = connection.begin(out)
        try:
            await connection.wait(HEAD, out.headers_timeout)
        except BaseException:
            response.close()
            raise
        if response.status:
            return response
        raise response.error or failures.no_answer(out.origin, unseen=False)

    def _open_pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise failures.no_room(origin, "the gateway is shutting down")
        pool = self._pools[origin] = Pool(origin, self._bounds, self._clock, self._dial)
        return pool

    async def _dial(self, pool: Pool, timeout: float) -> Connection:
        loop = asyncio.get_running_loop()
        outbox = self._outbox = self._outbox or Outbox(loop)
        return await self._dialer.dial(pool.origin, lambda: Connection(pool, self._clock, loop, outbox), timeout)

    def _sweep(self, now: float) -> tuple[bool, bool]:
        waited_for = False
        for pool in list(self._pools.values()):
            waited_for = pool.sweep(now) or waited_for
        self._thin_out()
        for origin in [o for o, p in self._pools.items() if p.vacant >= 2]:
            del self._pools[origin]  # clients may name hosts: those must not add up
        return waited_for, bool(self._pools)

    def _thin_out(self) -> None:
        """Close the connections longest unused, over all origins, that are more than may be kept."""
        surplus = sum(len(pool.idle) for pool in self._pools.values()) - self._bounds.idle
        if surplus > 0:
            idle = [connection for pool in self._pools.values() for connection in pool.idle]
            for connection in sorted(idle, key=lambda c: c.expires)[:surplus]:
                connection.abort()
