"""The way from a worker to the control plane in its parent, over loopback."""

import hmac
from collections.abc import Iterable
from math import inf

from headgate.core.errors import HeadgateError, NotFound
from headgate.dialects import openai_chat
from headgate.transport.base import Origin, Outbound, Sender, exchange
from headgate.transport.server_asgi import App, Event, Receive, Scope, Send

MAX_BODY = 20_000_000
MAX_ANSWER = 256 * 1024 * 1024
PATIENCE = 120.0  # seconds; the longest management call is an export
TOKEN = b"x-headgate-internal-token"
PEER = b"x-headgate-internal-peer"
AT = b"x-headgate-internal-at"
"""Scheme and host that the caller's request came to."""
CODING = b"x-headgate-internal-coding"
"""The content coding of an answer, by a name that the client between the two passes over: it would undo the coding."""
CODED = b"content-encoding"
HOP = frozenset(
    (b"connection", b"content-length", b"transfer-encoding", b"host", b"keep-alive", b"expect", TOKEN, PEER, AT)
)


class RemoteControl:
    """Passes requests on to the parent's loopback port, with the token that only its children know."""

    def __init__(self, origin: Origin, token: bytes, sender: Sender) -> None:
        self._origin = origin
        self._token = token
        self._sender = sender

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and its answer back."""
        link = scope["extensions"]["headgate"]
        body = await link.body(MAX_BODY)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        client = scope["client"]
        lines = [b"%b: %b\r\n" % (name, value) for name, value in scope["headers"] if name not in HOP]
        at = b"%b://%b" % (scope["scheme"].encode(), dict(scope["headers"]).get(b"host", b""))
        head = b"%b %b%b HTTP/1.1\r\nhost: control\r\n%b: %b\r\n%b: %b\r\n%b: %b\r\n" % (
            scope["method"].encode(), scope["raw_path"], query,
            TOKEN, self._token, PEER, (client[0] if client else "").encode(), AT, at,
        )  # fmt: skip
        try:
            out = Outbound(self._origin, head, b"".join(lines), body, headers_timeout=PATIENCE)
            answer, data = await exchange(self._sender, out, MAX_ANSWER, inf, PATIENCE)
        except HeadgateError as error:
            link.respond(503, b"content-type: application/json\r\n", openai_chat.write_error(error, ""))
            return
        headers = _renamed(answer.headers, CODING, CODED)
        kept = b"".join(b"%b: %b\r\n" % (name, value) for name, value in headers if name not in HOP)
        link.respond(answer.status, kept, data)


class Guarded:
    """The parent's side: lets in only requests with the token, and gives them back their caller's address."""

    def __init__(self, app: App, token: bytes) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a worker."""
        headers = dict(scope["headers"])
        if not hmac.compare_digest(headers.get(TOKEN, b""), self._token):
            link = scope["extensions"]["headgate"]
            link.respond(
                404,
                b"content-type: application/json\r\n",
                openai_chat.write_error(NotFound("There is nothing here."), ""),
            )
            return
        peer = headers.get(PEER, b"").decode()
        scheme, _, host = headers.get(AT, b"").partition(b"://")
        inner = [(name, value) for name, value in scope["headers"] if name not in (TOKEN, PEER, AT, b"host")]
        asked = {"headers": [(b"host", host), *inner], "client": (peer, 0) if peer else None}

        async def coded(message: Event) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _renamed(message["headers"], CODED, CODING)}
            await send(message)

        await self._app({**scope, **asked, "scheme": scheme.decode()}, receive, coded)


def _renamed(headers: Iterable[tuple[bytes, bytes]], old: bytes, new: bytes) -> list[tuple[bytes, bytes]]:
    return [(new if name == old else name, value) for name, value in headers]
