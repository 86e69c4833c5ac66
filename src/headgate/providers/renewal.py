"""Credentials that end: fetched once for everybody who waits, kept, and renewed before their end."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.dialects.wire import ODD
from headgate.providers.endpoint import USER_AGENT, credential, endpoint, fields, render
from headgate.transport.base import Outbound, Sender, exchange

T = TypeVar("T")
EARLY = 300.0
"""Seconds before its end that a credential is renewed; until then calls go on with the old one."""
AGAIN = 30.0
"""Seconds between tries to renew what is still good."""
PATIENCE = 15.0
MAX_ANSWER = 256 * 1024


class Renewed(Generic[T]):
    """A credential of one account. ``value`` is what it was built with until the first one is there."""

    __slots__ = ("_ends", "_fetch", "_fetching", "_renew", "of", "value")

    def __init__(self, fetch: Callable[[], Awaitable[tuple[T, float]]], value: T, of: object) -> None:
        """*fetch* returns a credential and the seconds it lasts; it raises ``UpstreamFailed``."""
        self.of = of
        """What it is fetched by, and how; it equals that of another where one credential serves both."""
        self._fetch = fetch
        self._renew = self._ends = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self.value = value

    def fresh(self) -> Awaitable[None] | None:
        """Return ``None`` where ``value`` is good, else what to wait for; it raises ``UpstreamFailed``."""
        now = monotonic()
        if now < self._renew:
            return None
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.ensure_future(self._refetch())
            self._fetching.add_done_callback(_seen)
        if now < self._ends:
            self._renew = now + AGAIN
            return None
        return asyncio.shield(self._fetching)  # one caller who leaves takes it from nobody else

    async def _refetch(self) -> None:
        began = monotonic()
        self.value, seconds = await self._fetch()
        self._ends = began + max(seconds - 10, 0)
        self._renew = began + max(seconds - EARLY, seconds / 2)


def _seen(task: "asyncio.Task[None]") -> None:
    """Look at a failure that nobody waits for; the next call that needs the credential meets it again."""
    if not task.cancelled():
        task.exception()


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float
    """Seconds; a machine's own service tells them as text."""


_granted = msgspec.json.Decoder(_Granted, strict=False)


def token(sender: Sender, ask: Outbound, service: str) -> Renewed[bytes]:
    """Return the header line of the token that *ask* is answered with, empty before the first one is there."""
    return Renewed(partial(bearer, sender, ask, service), b"", (sender, ask.origin, ask.head, ask.body))


async def bearer(sender: Sender, ask: Outbound, service: str) -> tuple[bytes, float]:
    """Send *ask* to a token service (RFC 6749, 5.1): return the header line of its token and the seconds it lasts."""
    answer, body = await exchange(sender, ask, MAX_ANSWER, PATIENCE)
    if answer.status != 200:
        raise failed(service, f"refused the gateway's own credential (status {answer.status})")
    try:
        granted = _granted.decode(body)
        proof = credential(Secret(granted.access_token)) or ""
    except (*ODD, ValueError):
        raise failed(service, "answered without a token") from None
    return f"authorization: Bearer {proof}\r\n".encode(), granted.expires_in


def asking(
    method: str, url: str, lines: dict[str, str], body: bytes = b"", *, query: str = "", option: str = "token_url"
) -> Outbound:
    """Return a request to a token service; raise ``ValueError``, naming *option*, for a *url* that is none."""
    try:
        at = endpoint(urlsplit(url)._replace(query="", fragment="").geturl())
    except ValueError as error:
        raise ValueError(str(error).replace("base_url", option)) from None
    asked = "&".join(part for part in (urlsplit(url).query, query) if part)
    common = {"accept": "application/json", "accept-encoding": "identity", "user-agent": USER_AGENT}
    head = render(method, at, f"?{asked}" if asked else "", fields(common, lines))
    return Outbound(at.origin, head, b"", body, headers_timeout=PATIENCE)


def failed(service: str, what: str) -> UpstreamFailed:
    """The failure of a call that cannot be signed."""
    return UpstreamFailed(
        f"{service} {what}. The operator of this gateway must look at it.", status=502, code="upstream_auth_error"
    )
