"""The one edge where bytes leave: what is sent, what comes back, and the port that every sender fills."""

from collections.abc import Callable
from math import inf
from typing import Protocol

import msgspec

from headgate.core.errors import UpstreamFailed


class Origin(msgspec.Struct, frozen=True):
    """Whom a connection is to."""

    host: str
    port: int
    tls: bool = False
    address: str | None = None
    """The address to connect to, where a check has pinned one; else the host is resolved."""


class Outbound(msgspec.Struct):
    """A request ready to leave. ``head`` is the request line and fixed headers, each line ending in CRLF, without
    Content-Length and without the empty line; it is rendered once per target and reused."""

    origin: Origin
    head: bytes
    extra: bytes = b""
    """More header lines of this one request."""
    body: bytes = b""
    connect_timeout: float = 5.0
    headers_timeout: float = 30.0
    rest: Callable[[UpstreamFailed | None], bool] | None = None
    """Where the account has several keys: to be told how the answer failed, or ``None`` where it did not; returns
    whether another key can be tried."""

    unsent: bool = False
    """Set by a sender while it waits for a connection: nobody can have worked on it yet."""

    def __repr__(self) -> str:
        """Show where it goes, and nothing of ``head``: the credential is in it."""
        return f"Outbound({self.origin!r}, {len(self.body)} bytes)"


class Inbound(Protocol):
    """A response whose headers have arrived. It must be closed, or read to its end, in every case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """Names in lower case."""

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of *name* (given in lower case)."""
        ...

    async def read(self, timeout: float) -> bytes:
        """Return the next bytes as they arrived (decoded from transfer and content coding), ``b""`` at the end.

        Raise ``UpstreamFailed``: ``upstream_timeout`` when nothing came for *timeout* seconds,
        ``upstream_stream_interrupted`` when the connection ended before the response did.
        """
        ...

    async def read_all(self, timeout: float, limit: int, whole: float = inf) -> bytes:
        """Return the whole body; raise as :meth:`read`, or ``upstream_invalid_response`` past *limit* bytes.

        *timeout* is between bytes, *whole* for all of them: a body that trickles is cut then.
        """
        ...

    def close(self) -> None:
        """Give the connection back if the response is complete, else close it now. Idempotent, never raises."""
        ...


class Sender(Protocol):
    """Makes outbound requests."""

    async def send(self, out: Outbound) -> Inbound:
        """Send and return once the response headers are in.

        Raise ``UpstreamFailed`` with ``upstream_connect_error``, ``upstream_tls_error`` or ``upstream_timeout``; its
        ``billed`` is ``uncertain`` once the request was written. Cancelling closes the connection.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


async def exchange(
    sender: Sender, out: Outbound, limit: int, whole: float, idle: float | None = None
) -> tuple[Inbound, bytes]:
    """Send *out* and return its answer, which is closed, and the whole body: at most *limit* bytes, in *whole* seconds.

    *idle* is the most between bytes, where it is not *whole*. Raise as :meth:`Sender.send` and
    :meth:`Inbound.read_all` do.
    """
    inbound = await sender.send(out)
    try:
        return inbound, await inbound.read_all(whole if idle is None else idle, limit, whole)
    finally:
        inbound.close()
