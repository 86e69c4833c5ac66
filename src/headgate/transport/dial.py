"""Make connections: resolve, connect to the first address that answers, shake hands, and say what went wrong."""

import asyncio
import errno
import ssl
from collections.abc import Callable

from headgate.core.errors import UpstreamFailed
from headgate.transport import failures
from headgate.transport.base import Origin
from headgate.transport.connection import Connection
from headgate.transport.resolve import Resolver

HEAD_START = 0.25
"""Seconds that an address is tried alone before the next one is tried beside it (RFC 8305)."""
MAX_ADDRESSES = 6
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)


class Dialer:
    """Opens connections for every pool of a sender. *ca_file* names a PEM file to trust besides the system's."""

    def __init__(self, ca_file: str | None = None, resolver: Resolver | None = None) -> None:
        self._ca_file = ca_file
        self._resolver = resolver or Resolver()
        self._context: asyncio.Task[ssl.SSLContext] | None = None

    async def dial(self, origin: Origin, make: Callable[[], Connection], timeout: float) -> Connection:
        """Return a connection to *origin* that *make* made, within *timeout* seconds. Raise ``UpstreamFailed``."""
        try:
            async with asyncio.timeout(timeout):
                context = await self._trust(origin) if origin.tls else None
                host = origin.address or origin.host
                addresses = (await self._resolver.resolve(host, origin.port))[:MAX_ADDRESSES]
                if len(addresses) == 1:
                    return await _connect(origin, addresses[0], make, context, timeout)
                return await _race(origin, addresses, make, context, timeout)
        except TimeoutError:
            raise failures.not_connected(origin, f"no answer in {timeout:g} seconds", same_target=False) from None
        except (OSError, UnicodeError) as error:
            raise explain(origin, error) from error

    async def close(self) -> None:
        """Give up what is under way."""
        if self._context is not None:
            self._context.cancel()
        await self._resolver.close()

    async def _trust(self, origin: Origin) -> ssl.SSLContext:
        """Return the one TLS context; made off the loop, as reading the system's certificates takes long."""
        if self._context is None:
            self._context = asyncio.create_task(asyncio.to_thread(trust, self._ca_file))
        try:
            return await asyncio.shield(self._context)
        except OSError as error:
            self._context = None  # the file may be there the next time
            raise failures.not_trusted(origin, "the certificates to trust cannot be read") from error


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and names and speaks TLS 1.2 or later."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def explain(origin: Origin, error: Exception) -> UpstreamFailed:
    """Return the failure that *error*, met while connecting, is."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return failures.not_trusted(origin, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return failures.not_trusted(origin, error.reason or "the handshake failed")
    if isinstance(error, OSError) and error.errno in _OUT_OF_FILES:
        return failures.no_room(origin, error.strerror or "the system has no socket left")
    if origin.tls and isinstance(error, ConnectionResetError | ConnectionAbortedError):
        # how many servers turn away a protocol version that they do not speak, or speak no TLS at all
        return failures.not_trusted(origin, "it closed the connection during the handshake")
    if isinstance(error, ConnectionRefusedError):
        return failures.not_connected(origin, "connection refused")
    reason = error.strerror if isinstance(error, OSError) else None
    return failures.not_connected(origin, reason or str(error))


async def _connect(
    origin: Origin, address: str, make: Callable[[], Connection], context: ssl.SSLContext | None, timeout: float
) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        make,
        address,
        origin.port,
        ssl=context,
        server_hostname=origin.host if context else None,
        ssl_handshake_timeout=timeout if context else None,
    )
    return connection


async def _race(
    origin: Origin, addresses: list[str], make: Callable[[], Connection], context: ssl.SSLContext | None, timeout: float
) -> Connection:
    """Try each address a little after the one before it; the first connection wins and the others are closed."""
    tries: set[asyncio.Task[Connection]] = set()
    first: BaseException | None = None
    waiting = list(addresses)
    try:
        while waiting or tries:
            if waiting:
                tries.add(asyncio.create_task(_connect(origin, waiting.pop(0), make, context, timeout)))
            done, tries = await asyncio.wait(
                tries, timeout=HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            won = [task.result() for task in done if task.exception() is None]
            for late in won[1:]:
                late.abort()
            if won:
                return won[0]
            first = first or next((task.exception() for task in done), None)
        raise first or OSError("the name has no address")
    finally:
        for task in tries:
            task.cancel()
            task.add_done_callback(_discard)


def _discard(task: "asyncio.Task[Connection]") -> None:
    """Close what a lost race connected after all."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()
