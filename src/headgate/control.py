"""The control plane as one ASGI application: ``/metrics``, the API document and its page, and the management API."""

import hmac
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from headgate.access.types import Principal
from headgate.admin.app import create, openapi
from headgate.admin.parts import AdminParts
from headgate.core.call import new_id
from headgate.core.errors import HeadgateError, MethodNotAllowed, NotAuthenticated
from headgate.core.secret import Secret
from headgate.dialects import openai_chat
from headgate.surfaces.describe import docs_page, merged
from headgate.transport.server_asgi import Receive, Scope, Send

HTML_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]


class Control:
    """Everything that is not the data plane. Lives in one process of an installation's machine."""

    def __init__(self, parts: AdminParts, metrics: Callable[[], bytes], metrics_token: Secret | None) -> None:
        self._parts = parts
        self._metrics = metrics
        self._token = metrics_token.reveal().encode() if metrics_token is not None else None
        self._admin = create(parts)
        document = merged(openapi(self._admin))
        self._document = msgspec.json.encode(document)
        self._page = docs_page(document)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["raw_path"].decode("ascii", "replace")
        if path.startswith("/api/v1/"):
            await self._admin(scope, receive, send)
            return
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise MethodNotAllowed(f"{path} takes GET.", headers={"allow": "GET"})
            status, headers, body = await self._get(scope, path)
        except HeadgateError as error:
            request_id = new_id()
            body = openai_chat.write_error(error, request_id)
            given = {"content-type": "application/json", "x-request-id": request_id, **error.headers}
            status, headers = error.status, [(k.encode(), v.encode()) for k, v in given.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _get(self, scope: Scope, path: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if path == "/metrics":
            await self._may_read_metrics(scope)
            return 200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], self._metrics()
        if path == "/openapi.json":
            return 200, [(b"content-type", b"application/json")], self._document
        if path == "/swagger":
            return 308, [(b"location", b"docs")], b""
        return 200, HTML_HEADERS, self._page

    async def _may_read_metrics(self, scope: Scope) -> None:
        """Open on loopback; elsewhere a token or an admin key."""
        client = scope["client"]
        if client is not None and ip_address(client[0]).is_loopback:
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        given = dict(headers).get(b"authorization", b"")
        if self._token is not None and hmac.compare_digest(given, b"Bearer " + self._token):
            return
        who = self._parts.principals.authenticate(headers, scope["query_string"], client[0] if client else None)
        if not isinstance(who, Principal):
            who = await who
        if who.kind != "admin":
            raise NotAuthenticated("Metrics are open to HEADGATE_METRICS_TOKEN and to admin keys.")
