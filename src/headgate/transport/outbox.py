"""What is written in one turn of the event loop leaves together in the next.

A send costs less right after another one than between two pieces of work of ours, and who is on the same machine is
woken once for all of them, not for each: under load that is a seventh of a small request
(`docs/decisions/0013-one-turn-one-send.md`).
"""

import asyncio
from collections.abc import Iterable
from typing import Any

MOST = 16 * 1024
"""Bytes that wait at most, of all connections; more leave at once, so that a slow reader is noticed at once as well."""


class Outbox:
    """The writes of one loop that have not left yet."""

    __slots__ = ("_loop", "_size", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._size = 0
        self._waiting: list[tuple[Any, bytes]] = []

    def put(self, transport: Any, data: bytes) -> None:
        """Write *data* to *transport*, soon."""
        waiting = self._waiting
        if not waiting:
            self._loop.call_soon(self.flush)
        waiting.append((transport, data))
        self._size += len(data)
        if self._size > MOST:
            self.flush()

    def flush(self) -> None:
        """Write all that waits, now."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        for transport, data in waiting:
            if not transport.is_closing():
                try:
                    transport.write(data)
                except RuntimeError:  # it takes no more, which must not keep from the others what is theirs
                    transport.abort()


class BatchedTransport:
    """A connection's transport, as far as it is used here: what is written waits in *outbox*, and order is kept."""

    __slots__ = ("_outbox", "_transport")

    def __init__(self, transport: Any, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox

    def write(self, data: bytes) -> None:
        """Send *data* with what others send in this turn."""
        self._outbox.put(self._transport, data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces* now, each as it is."""
        self._outbox.flush()
        self._transport.writelines(pieces)

    def flush(self) -> None:
        """Send now what waits."""
        self._outbox.flush()

    def close(self) -> None:
        """Close once everything written is sent."""
        self._outbox.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close now; what waits is not sent."""
        self._transport.abort()

    def can_write_eof(self) -> bool:
        """See ``asyncio.WriteTransport``."""
        able: bool = self._transport.can_write_eof()
        return able

    def write_eof(self) -> None:
        """Close this half once everything written is sent."""
        self._outbox.flush()
        self._transport.write_eof()

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the kernel has not taken."""
        self._outbox.flush()
        size: int = self._transport.get_write_buffer_size()
        return size

    def pause_reading(self) -> None:
        """See ``asyncio.ReadTransport``."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See ``asyncio.ReadTransport``."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str) -> Any:
        """See ``asyncio.BaseTransport``."""
        return self._transport.get_extra_info(name)
