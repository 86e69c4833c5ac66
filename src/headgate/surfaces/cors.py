"""Pages of other origins: https://fetch.spec.whatwg.org/#http-cors-protocol. Off where no origin is listed."""

import re
from collections.abc import Iterable

from headgate.transport.server_asgi import App, Receive, Scope, Send

METHODS = b"GET, POST, PUT, PATCH, DELETE"
KEPT = b"600"
"""Seconds for which a browser need not ask again."""
SHOWN = (
    b"x-request-id, x-headgate-model, x-headgate-provider, x-headgate-attempts, x-headgate-dropped, "
    b"x-headgate-defaulted, x-headgate-cost, x-headgate-upstream-request-id, retry-after, etag"
)
MAX_NAMES = 2048
_NAMES = re.compile(rb"[A-Za-z0-9-]+(?:[ \t]*,[ \t]*[A-Za-z0-9-]+)*").fullmatch
_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::\d{1,5})?").fullmatch


class Cors:
    """Lets the pages of *origins* call *app*: ``https://app.example.com``, or ``*`` for all, who then send no cookies.

    Raise ``ValueError`` for what is not an origin.
    """

    def __init__(self, app: App, origins: Iterable[str]) -> None:
        listed = check_origins(origins)
        self._app = app
        self._any = "*" in listed
        self._origins = frozenset(origin.encode() for origin in listed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        link = scope.get("extensions", {}).get("headgate")
        headers = dict(scope["headers"]) if link is None else link.headers
        origin = headers.get(b"origin")
        if link is None or origin is None:
            await self._app(scope, receive, send)
            return
        lines = self._lines(origin)
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            link.respond(204, lines + self._preflight(headers) if lines else b"vary: origin\r\n", b"")
            return
        link.extra = lines + b"access-control-expose-headers: %b\r\n" % SHOWN if lines else b"vary: origin\r\n"
        await self._app(scope, receive, send)

    def _lines(self, origin: bytes) -> bytes:
        """Return what lets *origin* read an answer; nothing, if it may not."""
        if origin in self._origins:
            return (
                b"access-control-allow-origin: %b\r\naccess-control-allow-credentials: true\r\nvary: origin\r\n"
                % origin
            )
        return b"access-control-allow-origin: *\r\n" if self._any else b""

    def _preflight(self, headers: dict[bytes, bytes]) -> bytes:
        asked = headers.get(b"access-control-request-headers", b"")
        names = asked if len(asked) <= MAX_NAMES and _NAMES(asked) else b"authorization, content-type"
        return (
            b"access-control-allow-methods: %b\r\naccess-control-allow-headers: %b\r\naccess-control-max-age: %b\r\n"
            % (METHODS, names, KEPT)
        )


def check_origins(origins: Iterable[str]) -> frozenset[str]:
    """Return *origins*; raise ``ValueError`` for what is neither an origin nor ``*``."""
    listed = frozenset(origin.lower() for origin in origins)
    for origin in listed:
        if origin != "*" and not _ORIGIN(origin):
            raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
    return listed
