"""The heavy part of the control plane: the management API, its document and its page."""

import asyncio

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
PAGES = frozenset(("/openapi.json", "/docs", "/swagger"))

Page = tuple[int, Headers, bytes]
"""Status, headers and body."""


class Management:
    """``/api/v1``, ``/openapi.json``, ``/docs`` and its second name."""

    def __init__(self, parts: AdminParts) -> None:
        self._admin = create(parts)
        self._pages: dict[str, Page] | None = None
        self._writing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}  # as it came: %6c is no second name of l
        if scope["path"] not in PAGES:
            await self._admin(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await answer_error(send, MethodNotAllowed(f"{scope['path']} takes GET.", headers={"allow": "GET"}))
        else:
            await answer(send, *(await self._written())[scope["path"]])

    async def _written(self) -> dict[str, Page]:
        """Return the pages; writing them takes as long as all else there is to make, and few ask for them."""
        async with self._writing:
            if self._pages is None:
                self._pages = await asyncio.to_thread(self._write)
            return self._pages

    def _write(self) -> dict[str, Page]:
        document = merged(openapi(self._admin))
        return {
            "/openapi.json": (200, JSON, msgspec.json.encode(document)),
            "/docs": (200, HTML, docs_page(document)),
            "/swagger": (308, [(b"location", b"docs")], b""),
        }
