"""The control plane: ``/metrics``, and, imported when first asked for, the management API and the pages about it."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from headgate.access.principals import Principals
from headgate.access.reach import reach
from headgate.access.types import Principal
from headgate.core.errors import Forbidden, HeadgateError, MethodNotAllowed
from headgate.core.ids import new_id
from headgate.core.secret import Secret
from headgate.dialects import openai_chat
from headgate.hardened import hardened
from headgate.surfaces.doors import CONTROL_PATHS, CONTROL_PREFIXES
from headgate.transport.server_asgi import App, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
CONTROL = frozenset(path.encode() for path in CONTROL_PATHS)
CONTROL_BELOW = tuple(prefix.encode() for prefix in CONTROL_PREFIXES)


class Control:
    """Everything that is not the data plane, as one ASGI application. One process of an installation has it."""

    def __init__(
        self,
        principals: Principals,
        metrics: Callable[[], bytes],
        metrics_token: Secret | None,
        management: Callable[[], App],
        site: Callable[[Scope, Send], Awaitable[None]],
    ) -> None:
        """*management* imports and builds what else there is, in a thread: it takes longer than a start may take.

        *site* answers what is below none of the API's paths.
        """
        self._principals = principals
        self._metrics = metrics
        self._token = metrics_token.reveal().encode() if metrics_token is not None else None
        self._load = management
        self._site = site
        self._management: App | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        send = hardened(scope, send)
        if scope["raw_path"] == b"/metrics":
            await self._answer_metrics(scope, send)
            return
        if scope["raw_path"] not in CONTROL and not scope["raw_path"].startswith(CONTROL_BELOW):
            await self._site(scope, send)
            return
        if self._management is None:
            async with self._lock:
                if self._management is None:
                    self._management = await asyncio.to_thread(self._load)
        await self._management(scope, receive, send)

    async def _answer_metrics(self, scope: Scope, send: Send) -> None:
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise MethodNotAllowed("/metrics takes GET.", headers={"allow": "GET"})
            await self._may_read_metrics(scope)
            await answer(send, 200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], self._metrics())
        except HeadgateError as error:
            await answer_error(send, error)

    async def _may_read_metrics(self, scope: Scope) -> None:
        """Open on loopback; elsewhere to a token, and to who administers the platform."""
        client = scope["client"]
        if client is not None and ip_address(client[0]).is_loopback:
            return
        headers: Headers = scope["headers"]
        given = dict(headers).get(b"authorization", b"")
        if self._token is not None and hmac.compare_digest(given, b"Bearer " + self._token):
            return
        who = self._principals.authenticate(headers, scope["query_string"], client[0] if client else None)
        if not isinstance(who, Principal):
            who = await who
        far = reach(who, "usage:view")
        if far is None or not far.platform:  # they tell of every tenant
            raise Forbidden("Metrics are open to HEADGATE_METRICS_TOKEN and to who administers the platform.")


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: HeadgateError) -> None:
    """Send an error in OpenAI's shape, which all of the control plane uses."""
    request_id = new_id()
    headers = {"content-type": "application/json", "x-request-id": request_id, **error.headers}
    lines = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await answer(send, error.status, lines, openai_chat.write_error(error, request_id))
