"""The general client, for providers that are reached through a proxy or over HTTP/2: https://www.python-httpx.org

Slower by far than ``client`` and the same to its callers. What it stands on is imported on first use.
"""

import asyncio
import ssl
from importlib.util import find_spec
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from headgate.core.errors import UpstreamFailed
from headgate.transport import failures
from headgate.transport.base import Origin, Outbound
from headgate.transport.coding import OF_CODED, BadCoding, Inflater, inflated, inflater
from headgate.transport.connection import MAX_HEAD, MAX_LINES
from headgate.transport.dial import trust
from headgate.transport.pool import Bounds

if TYPE_CHECKING:
    import httpx2


class GeneralSender:
    """A ``Sender`` over httpx2.

    Args:
        proxy: ``http://[user:password@]host:port`` or ``https://...``; all goes through it. The environment's own
            proxy settings are not read.
        http2: Speak HTTP/2 where the server offers it in the TLS handshake; this needs the package ``h2``.
        bounds: As for ``Http1Sender``; there is no bound on callers in line but their time.
        ca_file: A PEM file of certificates to trust besides the system's.

    Raise ``ValueError`` for a proxy that cannot be used, or HTTP/2 without its package.
    """

    def __init__(
        self,
        proxy: str | None = None,
        http2: bool = False,
        bounds: Bounds | None = None,
        ca_file: str | None = None,
    ) -> None:
        if proxy is not None and not proxy.startswith(("http://", "https://")):
            raise ValueError("a proxy is written http://host:port or https://host:port")
        if http2 and find_spec("h2") is None:
            raise ValueError("HTTP/2 needs the package h2, which is not installed")
        self.proxy = proxy
        self._http2 = http2
        self._bounds = bounds or Bounds()
        self.ca_file = ca_file
        self._opened: asyncio.Task[httpx2.AsyncHTTPTransport] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, out: Outbound) -> "GeneralResponse":
        """See ``Sender.send``."""
        if out.origin.address is not None:
            raise failures.not_connected(out.origin, "a pinned address is not kept to on this way", same_target=False)
        if self._opened is None:
            self._opened = asyncio.create_task(asyncio.to_thread(self._open))
        transport = await asyncio.shield(self._opened)
        try:
            async with asyncio.timeout(out.connect_timeout + out.headers_timeout):
                response = await transport.handle_async_request(_request(out))
        except TimeoutError:
            raise failures.too_slow(out.origin, "response headers", out.headers_timeout) from None
        except Exception as error:
            raise explain(out.origin, error) from error
        return GeneralResponse(out.origin, response, self._closing)

    async def close(self) -> None:
        """See ``Sender.close``."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        if self._opened is not None:
            opened, self._opened = await self._opened, None
            await opened.aclose()

    def _open(self) -> "httpx2.AsyncHTTPTransport":
        """Import the client and read the system's certificates: too long for the event loop."""
        import httpx2

        limits = httpx2.Limits(
            max_connections=self._bounds.connections,
            max_keepalive_connections=self._bounds.idle,
            keepalive_expiry=self._bounds.idle_time,
        )
        return httpx2.AsyncHTTPTransport(
            verify=trust(self.ca_file), trust_env=False, http2=self._http2, limits=limits, proxy=self.proxy
        )


class GeneralResponse:
    """An ``Inbound`` over a response of httpx2."""

    def __init__(self, origin: Origin, response: "httpx2.Response", closing: set[asyncio.Task[None]]) -> None:
        self._origin = origin
        self._response = response
        self._pieces = response.stream.__aiter__()  # type: ignore[union-attr]
        self._closing = closing
        self._closed = False
        self._ended = False
        self.status = response.status_code
        self.headers = [(name.lower(), value) for name, value in response.headers.raw]
        self._decoder = self._check()

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of *name* (given in lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    async def read(self, timeout: float) -> bytes:
        """See ``Inbound.read``."""
        if self._decoder is None:
            return await self._raw(timeout)
        try:
            return await inflated(self._decoder, lambda: self._raw(timeout))
        except BadCoding as error:
            self.close()
            raise failures.invalid(self._origin, str(error)) from None

    async def read_all(self, timeout: float, limit: int, whole: float = inf) -> bytes:
        """See ``Inbound.read_all``."""
        pieces = []
        until = monotonic() + whole
        while data := await self.read(min(timeout, max(until - monotonic(), 0.001))):
            pieces.append(data)
            limit -= len(data)
            if limit < 0:
                self.close()
                raise failures.invalid(self._origin, "its body is too long")
        return b"".join(pieces)

    def close(self) -> None:
        """See ``Inbound.close``: it happens in a task of its own, started here."""
        if not self._closed:
            self._closed = True
            task = asyncio.get_running_loop().create_task(self._close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self) -> None:
        try:
            await self._response.aclose()
        except Exception:
            pass  # the connection was broken already, and is gone in any case

    def _check(self) -> Inflater | None:
        try:
            if len(self.headers) > MAX_LINES or sum(len(n) + len(v) + 4 for n, v in self.headers) > MAX_HEAD:
                raise BadCoding("its headers are too long")
            decoder = inflater(self.header(b"content-encoding"))
        except BadCoding as error:
            self.close()
            raise failures.invalid(self._origin, str(error)) from None
        if decoder is not None:
            self.headers = [(name, value) for name, value in self.headers if name not in OF_CODED]
        return decoder

    async def _raw(self, timeout: float) -> bytes:
        """Return the next bytes of the body, not empty until its end."""
        if self._ended:
            return b""
        if self._closed:
            raise failures.cut(self._origin)
        try:
            async with asyncio.timeout(timeout):
                async for data in self._pieces:
                    if data:
                        return bytes(data)
        except TimeoutError:
            self.close()
            raise failures.too_slow(self._origin, "data", timeout) from None
        except Exception as error:
            self.close()
            raise failures.cut(self._origin) from error
        except BaseException:
            self.close()
            raise
        self._ended = self._closed = True
        await self._close()  # here, so that the connection is free for the next request
        return b""


def _request(out: Outbound) -> "httpx2.Request":
    import httpx2

    first, *lines = (out.head + out.extra).split(b"\r\n")
    method, target, _ = first.split(b" ", 2)
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines) if name]
    if out.body or method not in (b"GET", b"HEAD"):
        headers.append((b"content-length", b"%d" % len(out.body)))
    host = f"[{out.origin.host}]" if ":" in out.origin.host else out.origin.host
    url = f"{'https' if out.origin.tls else 'http'}://{host}:{out.origin.port}{target.decode('ascii')}"
    timeout = {"connect": out.connect_timeout, "pool": out.connect_timeout, "write": out.headers_timeout}
    return httpx2.Request(
        method.decode("ascii"), url, headers=headers, content=out.body or None, extensions={"timeout": timeout}
    )


def explain(origin: Origin, error: Exception) -> UpstreamFailed:
    """Return the failure that *error*, met before the response headers, is."""
    import httpx2

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else cause.reason
            return failures.not_trusted(origin, reason or "the handshake failed")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ConnectTimeout):
        return failures.not_connected(origin, "no answer in time", same_target=False)
    if isinstance(error, httpx2.PoolTimeout):
        return failures.no_room(origin, "every one was in use for too long")
    if isinstance(error, httpx2.ProxyError):
        return failures.not_connected(origin, f"the proxy refused ({error})", same_target=False)
    if isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return failures.not_connected(origin, str(error) or "connection refused")
    if isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error):
        return failures.invalid(origin, "it is not valid HTTP")
    return failures.no_answer(origin, unseen=False)
