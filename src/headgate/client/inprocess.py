"""A transport that calls the management API in this process, on an event loop that runs only meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx2

App = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


class InProcess(httpx2.BaseTransport):
    """Sends requests to an ASGI application. *closing* is awaited at the end, on the same loop."""

    def __init__(self, app: App, closing: Callable[[], Awaitable[None]]) -> None:
        self._transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        self._closing = closing
        self._runner = asyncio.Runner()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        request.read()
        return self._runner.run(self._answer(request))

    def close(self) -> None:
        """End the loop."""
        self._runner.run(self._finish())
        self._runner.close()

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._transport.handle_async_request(request)
        content = await response.aread()
        return httpx2.Response(response.status_code, headers=response.headers, content=content, request=request)

    async def _finish(self) -> None:
        await self._closing()
