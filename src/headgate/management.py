"""The heavy part of the control plane: the management API, its document and its page."""

import msgspec

from headgate.admin.app import create, openapi
from headgate.admin.parts import AdminParts
from headgate.control import Headers, answer, answer_error
from headgate.core.errors import MethodNotAllowed
from headgate.surfaces.describe import docs_page, merged
from headgate.transport.server_asgi import Receive, Scope, Send

HTML: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]
JSON: Headers = [(b"content-type", b"application/json")]


class Management:
    """``/api/v1``, ``/openapi.json``, ``/docs`` and its second name."""

    def __init__(self, parts: AdminParts) -> None:
        self._admin = create(parts)
        document = merged(openapi(self._admin))
        self._pages: dict[str, tuple[int, Headers, bytes]] = {
            "/openapi.json": (200, JSON, msgspec.json.encode(document)),
            "/docs": (200, HTML, docs_page(document)),
            "/swagger": (308, [(b"location", b"docs")], b""),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}  # as it came: %6c is no second name of l
        page = self._pages.get(scope["path"])
        if page is None:
            await self._admin(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await answer_error(send, MethodNotAllowed(f"{scope['path']} takes GET.", headers={"allow": "GET"}))
        else:
            await answer(send, *page)
