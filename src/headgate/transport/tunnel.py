"""A client's connection after its protocol was switched: bytes in, bytes out, in the order they came."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.transport.server_connection import Connection

HELD = 64 * 1024
"""Bytes kept that nobody has read yet; past them the client is held back."""


class Tunnel:
    """The bytes of one switched connection. One reader at a time; everything belongs to the event loop's thread."""

    __slots__ = ("_conn", "_over", "_parts", "_size", "_waiter")

    def __init__(self, conn: "Connection", first: bytes) -> None:
        self._conn = conn
        self._parts = [first] if first else []
        self._size = len(first)
        self._over = False
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """Return what has arrived, ``b""`` once the connection is gone. Cancelling loses nothing."""
        while not self._parts and not self._over:
            self._conn.resume_reading()
            self._waiter = self._conn.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data, self._parts, self._size = b"".join(self._parts), [], 0
        return data

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send *data*; return ``None``, or what to await before the next write if the client reads too slowly."""
        if self._over:
            return None
        self._conn.transport.write(data)
        return self._conn.drained() if self._conn.write_paused else None

    def close(self) -> None:
        """Close once everything written is sent."""
        if not self._over:
            self._conn.close()

    # What the connection tells

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > HELD:
            self._conn.pause_reading()
        self._wake()

    def lost(self) -> None:
        """The connection is gone."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
